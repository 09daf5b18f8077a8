"""Play random incidents and healthy runs with labrat, and keep their bundles."""

import json
import os
import random
import re
import subprocess

# The pace at which a second is a second.
REAL = 1.0

# Scenario, pace, weight: those that fill a memory box take minutes and are drawn less often.
SCENARIOS = {
    "intermittent-5xx": (0.1, 3.0),
    "probe-restart": (0.1, 2.0),
    "dependency-latency": (0.1, 2.0),
    "outbound-pressure": (0.1, 2.0),
    "crashed-but-healthy": (0.1, 1.0),
    "start-command-override": (0.1, 1.0),
    "startup-failed": (0.1, 1.0),
    "wrong-port": (0.05, 1.0),
    "slow-start": (0.05, 1.0),
    "crash-at-boot": (0.05, 1.0),
    "missing-setting": (0.05, 1.0),
    "slot-swap-drift": (0.1, 1.0),
    "swap-restart": (0.1, 1.5),
    "warmup-race": (0.1, 1.5),
    "dependency-context": (0.1, 1.0),
    "memory-pressure": (0.2, 0.3),
    "worker-formula": (0.2, 0.3),
    "idle-cold-start": (0.02, 1.0),
    "keep-alive-race": (0.3, 0.7),
    "unresolved-reference": (0.05, 1.0),
    "home-full": (0.1, 1.0),
    "auto-heal-loop": (0.1, 1.0),
    # Its sign is a number of seconds, which a quicker pace would change.
    "front-end-limit": (REAL, 0.5),
}
HEALTHY_SHARE = 0.3


def drawn(text, name, draw):
    """The scenario with other numbers: load, limits, workers, times of service."""

    def scaled(match, low, high, whole):
        value = float(match.group(2)) * draw.uniform(low, high)
        shown = str(max(1, round(value))) if whole else f"{value:.2f}"
        return match.group(1) + shown

    text = re.sub(r"(\bcount = )(\d+)", lambda m: scaled(m, 1.0, 1.5, True) if int(m.group(2)) >= 10 else m.group(0), text)
    text = re.sub(r"(\blimit_seconds = )([\d.]+)", lambda m: scaled(m, 0.9, 1.2, False), text)
    text = re.sub(r"(\bdelay_seconds = )([\d.]+)", lambda m: scaled(m, 0.8, 1.5, False), text)
    if name == "intermittent-5xx":
        workers = draw.choice([1, 2, 2, 3])
        text = text.replace("--workers 2", f"--workers {workers}", 1)
        text = text.replace("\nworkers = 2", f"\nworkers = {workers}", 1)
        if workers > 1 and draw.random() < 0.5:
            # Many who wait to the end, which comes before the front end's limit: enough answers to tell
            # the number of servers from.
            patient = workers * draw.randint(16, 18)
            text = re.sub(r'"/slow", count = \d+, concurrency = \d+, limit_seconds = [\d.]+',
                          f'"/slow", count = {patient}, concurrency = {patient}, limit_seconds = 500.0', text, count=1)
    return text


def plan(draw):
    names = list(SCENARIOS)
    name = draw.choices(names, [SCENARIOS[name][1] for name in names])[0]
    healthy = draw.random() < HEALTHY_SHARE
    variant = "symptom"
    if healthy:
        variant = "control"
        if name == "intermittent-5xx":
            variant = draw.choice(["control", "more-workers", "gthread", "async"])
    pace = SCENARIOS[name][0]
    if pace != REAL:
        pace *= draw.choice([1.0, 1.0, 1.3])
    return name, variant, round(pace, 3)


def play(labrat, catalogue, out, number, seed):
    """Play one run into its own folder; a run that is there already is kept. Its truth, or None."""
    draw = random.Random(f"{seed}/{number}")
    name, variant, pace = plan(draw)
    folder = os.path.join(out, f"run-{number:04}")
    truth_file = folder + ".truth.json"
    if os.path.exists(truth_file):
        return json.load(open(truth_file))
    with open(os.path.join(catalogue, name + ".toml")) as file:
        text = file.read()
    mutated = drawn(text, name, draw) if draw.random() < 0.8 else text
    scenarios = folder + ".scenarios"
    os.makedirs(scenarios, exist_ok=True)
    own = f"drawn-{name}"
    path = os.path.join(scenarios, own + ".toml")
    for candidate in (mutated, text):
        candidate = candidate.replace(f'name = "{name}"', f'name = "{own}"', 1)
        candidate = re.sub(r"\naliases = \[.*?\]", "", candidate, count=1, flags=re.S)
        with open(path, "w") as file:
            file.write(candidate)
        if subprocess.run([labrat, "scenarios", "check", path], capture_output=True).returncode == 0:
            break
    command = [labrat, "rehearse", own, "--scenarios", scenarios, "--pace", str(pace), "--out", folder, "--json"]
    if variant == "control":
        command.append("--control")
    elif variant != "symptom":
        command += ["--fix", variant]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
        verdict = json.loads(done.stdout) if done.stdout.strip() else {}
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        verdict = {}
    truth = {
        "number": number,
        "scenario": name,
        "variant": variant,
        "pace": pace,
        "truth": name if variant == "symptom" else "healthy",
        # A draw that does not bring the symptom about is no incident, and a control that is not well no
        # healthy run: neither has a truth.
        "valid": verdict.get("as_expected") is True,
        "outcome": verdict.get("outcome"),
    }
    with open(truth_file, "w") as file:
        json.dump(truth, file)
    return truth
