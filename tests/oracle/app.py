"""The oracle: the lab application's contract in Flask, to be run under the real Gunicorn.

The conformance tests send the same requests here and to labrat and compare what comes back. Written
for that comparison alone: every route and key of the contract, nothing that only labrat has.
"""

import hashlib
import json
import os
import random
import time
from collections import Counter
from datetime import datetime, timezone

from flask import Flask, jsonify, request
from outbound import calls, counted

UNSET = "<unset>"
LEAK_STRINGS = 250_000
HEAVY_NUMBERS = 500_000
SAFE_KEYS = (
    "APP_STARTUP_COMMAND",
    "DB_CONNECTION_STRING",
    "EXPECTED_DB_CONNECTION_STRING",
    "FEATURE_FLAG",
    "PORT",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "STARTUP_COMMAND",
    "WEBSITES_PORT",
    "WEBSITE_HOSTNAME",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_SLOT_NAME",
)
SLOT_KEYS = (
    "DB_CONNECTION_STRING",
    "EXPECTED_DB_CONNECTION_STRING",
    "FEATURE_FLAG",
    "WEBSITE_HOSTNAME",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_SLOT_NAME",
)
MEMINFO_KEYS = (
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Cached",
    "SwapCached",
    "SwapTotal",
    "SwapFree",
)
VMSTAT_KEYS = (
    "pgscan_kswapd",
    "pgscan_direct",
    "pgsteal_kswapd",
    "allocstall_normal",
    "allocstall_movable",
    "pswpin",
    "pswpout",
)


def number(text):
    """Seconds as an integer where they are whole, else as a fraction."""
    seconds = float(text)
    return int(seconds) if seconds.is_integer() else seconds


class Delays:
    """The random delays of /slow between the bounds that the environment names."""

    def __init__(self, environment):
        self.least = number(environment.get("LAB_SLOW_MIN_SECONDS", "5"))
        self.most = number(environment.get("LAB_SLOW_MAX_SECONDS", "15"))
        seed = environment.get("LAB_SLOW_SEED")
        self.random = random.Random(int(seed) if seed else None)

    def draw(self):
        if isinstance(self.least, int) and isinstance(self.most, int):
            return self.random.randint(self.least, self.most)
        return round(self.random.uniform(self.least, self.most), 3)


def start(environment):
    """What can go wrong before the first request, as the environment names it."""
    time.sleep(float(environment.get("LAB_START_DELAY_SECONDS") or 0))
    if environment.get("LAB_BOOT_FAIL"):
        raise RuntimeError(environment["LAB_BOOT_FAIL"])
    for name in (environment.get("LAB_REQUIRED_SETTINGS") or "").split(","):
        if name and not environment.get(name):
            raise RuntimeError(f"required setting {name} is not set")


start(os.environ)
app = Flask(__name__)
app.register_blueprint(calls)
born = time.monotonic()
started = datetime.now(timezone.utc).isoformat()
delays = Delays(os.environ)
endpoints = Counter()
leaked = []
state = {"requests": 0, "slow": 0, "snapshot": None}


@app.before_request
def count():
    state["requests"] += 1
    endpoints[request.endpoint or "<unknown>"] += 1


@app.get("/")
def index():
    return "OK"


@app.get("/health")
def health():
    return jsonify(status="healthy")


@app.get("/ready")
def ready():
    response = jsonify(
        ready=True,
        checks={},
        latches={"not_draining": True, "process_up": True, "warmed": True, "workers_booted": True},
        timestamp=datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@app.get("/fast")
def fast():
    return jsonify(endpoint="fast", message="quick response")


@app.get("/leak")
def leak():
    leaked.append([f"leak-{position:08d}" for position in range(LEAK_STRINGS)])
    return jsonify(blocks=len(leaked), status="allocated")


@app.delete("/leak")
def leak_free():
    freed = len(leaked)
    leaked.clear()
    return jsonify(blocks=0, freed=freed, status="freed")


@app.get("/fill")
def fill():
    """One file more in the site's home; what does not fit raises."""
    folder = os.path.join(os.environ["HOME"], "LogFiles", "labrat")
    os.makedirs(folder, exist_ok=True)
    asked = int(request.args.get("megabytes", "4"))
    with open(os.path.join(folder, f"fill-{os.getpid()}-{time.monotonic_ns()}.log"), "wb") as file:
        for _ in range(asked):
            file.write(b"x" * (1 << 20))
    keep = int(os.environ.get("LAB_FILL_KEEP") or 0)
    files = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime)
    for entry in files[: len(files) - keep] if keep else []:
        os.remove(entry.path)
    return jsonify(megabytes=asked, status="written")


@app.get("/heavy")
def heavy():
    numbers = [(position * 97) % 10_000_019 for position in range(HEAVY_NUMBERS)]
    numbers.sort(reverse=True)
    return jsonify(count=len(numbers), max_values=numbers[:3], status="computed")


@app.get("/slow")
def slow():
    asked = request.args.get("seconds")
    seconds = delays.draw() if asked is None else number(asked)
    state["slow"] += 1
    try:
        time.sleep(seconds)
    finally:
        state["slow"] -= 1
    return jsonify(delaySeconds=seconds, endpoint="slow")


@app.post("/lab/reset")
def lab_reset():
    leaked.clear()
    return jsonify(status="reset")


def current_config():
    return {
        "DB_CONNECTION_STRING": os.environ.get("DB_CONNECTION_STRING", UNSET),
        "FEATURE_FLAG": os.environ.get("FEATURE_FLAG", UNSET),
        "PROCESS_START_UTC": started,
        "WEBSITE_SLOT_NAME": os.environ.get("WEBSITE_SLOT_NAME", "Production"),
    }


@app.get("/config")
def config_dump():
    state["snapshot"] = current_config()
    return jsonify(state["snapshot"])


@app.get("/diag/stats")
def diag_stats():
    # An application that calls nobody has no such counters.
    outbound = {"outbound": counted()} if os.environ.get("API_BASE_URL") else {}
    return jsonify(
        **outbound,
        active_slow_requests=state["slow"],
        endpoint_counters=dict(endpoints),
        last_config_snapshot=state["snapshot"],
        leak_block_count=len(leaked),
        pid=os.getpid(),
        process_start_time=started,
        request_count=state["requests"],
        uptime_seconds=round(time.monotonic() - born, 3),
    )


@app.get("/diag/env")
def diag_env():
    names = set(SAFE_KEYS) | {name for name in os.environ if name.startswith("LAB_")}
    return jsonify({name: os.environ.get(name, UNSET) for name in names})


def lines_of(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip().splitlines()


def chosen(path, keys):
    """The values of `keys` in a file of `name value` or `name: value` lines, as text."""
    values = {}
    for line in lines_of(path):
        name, _, value = line.replace(":", " ", 1).partition(" ")
        if name in keys:
            values[name] = value.strip()
    return values


def pressure(path):
    return {line.split()[0]: line for line in lines_of(path)}


@app.get("/diag/proc")
def diag_proc():
    readers = {
        "meminfo": lambda: chosen("/proc/meminfo", MEMINFO_KEYS),
        "vmstat": lambda: chosen("/proc/vmstat", VMSTAT_KEYS),
        "pressure_memory": lambda: pressure("/proc/pressure/memory"),
        "cpu_pressure": lambda: "\n".join(lines_of("/proc/pressure/cpu")),
        "loadavg": lambda: lines_of("/proc/loadavg")[0],
    }
    facts = {}
    for name, read in readers.items():
        try:
            facts[name] = read()
        except OSError as error:
            facts[name] = {"error": str(error)}
    return jsonify(facts)


@app.get("/diag/slots")
def diag_slots():
    config = current_config()
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    actual = config["DB_CONNECTION_STRING"]
    expected = os.environ.get("EXPECTED_DB_CONNECTION_STRING", UNSET)
    return jsonify(
        config_hash=hashlib.sha256(text.encode()).hexdigest(),
        current_config=config,
        current_slot_name=config["WEBSITE_SLOT_NAME"],
        expected_vs_actual={
            "actual_db_connection_string": actual,
            "expected_db_connection_string": expected,
            "matches": actual == expected,
        },
        process_start_time=started,
        slot_relevant_env={name: os.environ.get(name, UNSET) for name in SLOT_KEYS},
    )
