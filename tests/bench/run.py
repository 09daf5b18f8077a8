#!/usr/bin/env python3
"""Measure labrat, Gunicorn with Flask, and two yardsticks in one run, rounds interleaved.

Called by scripts/bench.sh, which brings the programs. Writes results.json and results.md to --out
and, with --page, the table between the markers of that page.
"""

import argparse
import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import front_end

CONNECTIONS = (1, 8, 64)
DEADLINE_SECONDS = 15
HEALTH = b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"

# name: (how it reads in the table, the least or the largest that is wanted, the unit)
TARGETS = {
    "sync c=1 / bare": (">=", 0.85),
    "sync c=8 / bare": (">=", 0.95),
    "sync c=64 / bare": (">=", 0.95),
    "async c=1 / axum": (">=", 0.9),
    "async c=8 / axum": (">=", 0.9),
    "async c=64 / axum": (">=", 0.9),
    "first 200, ms": ("<", 15),
    "first 200, Gunicorn / labrat": (">=", 20),
    "idle PSS, MB": ("<", 6),
    "front end: added median c=1, ms": ("<=", 0.3),
    "front end: throughput c=1 / nginx": (">=", 1.0),
    "front end: throughput c=8 / nginx": (">=", 1.0),
    "front end: throughput c=64 / nginx": (">=", 1.0),
    "front end: processor c=1 / nginx": ("<=", 1.0),
    "front end: processor c=8 / nginx": ("<=", 1.0),
    "front end: processor c=64 / nginx": ("<=", 1.0),
    "front end: 2,000 held, MB": ("<", 100),
}


def say(text):
    print(f"[bench] {text}", file=sys.stderr, flush=True)


class Server:
    """A server of this run: started on its own port, ended as it likes to be ended."""

    def __init__(self, command, environment, port=None):
        self.port = port
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if port is None else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if port is None:
            self.port = int(self.process.stdout.readline())

    def first_200(self):
        """Wait for a 200 on /health; seconds on the performance counter when it came."""
        deadline = time.perf_counter() + DEADLINE_SECONDS
        while time.perf_counter() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_SECONDS) as client:
                    client.sendall(HEALTH)
                    if b" 200 " in client.recv(64):
                        return time.perf_counter()
            except OSError:
                pass
            time.sleep(0.0002)
        raise SystemExit(f"no 200 from {self.process.args}")

    def processes(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_seconds(self):
        """Processor time that the pool has used so far, all threads of all its processes."""
        spent = 0
        for pid in self.processes():
            for task in Path(f"/proc/{pid}/task").iterdir():
                spent += int((task / "schedstat").read_text().split()[0])
        return spent / 1e9

    def pss_kb(self):
        """Proportional set size of the whole pool, in kB."""
        total = 0
        for pid in self.processes():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M).group(1))
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def commands(options):
    """How each program is started with N workers on a port; None where it chooses the port."""

    def labrat(program, workers, port, *more):
        return [program, "serve", f"--bind=127.0.0.1:{port}", f"--workers={workers}", *more, "app:app"]

    def gunicorn(workers, port):
        return [options.gunicorn, f"--bind=127.0.0.1:{port}", f"--workers={workers}", "app:app"]

    return {
        "labrat": lambda workers, port: labrat(options.labrat, workers, port),
        "labrat async": lambda workers, port: labrat(options.labrat, workers, port, "--worker-class=async"),
        "before": lambda workers, port: labrat(options.before, workers, port),
        "before async": lambda workers, port: labrat(options.before, workers, port, "--worker-class=async"),
        "gunicorn": gunicorn,
        "bare": lambda workers, port: [options.bare, str(workers)],
        "axum": lambda workers, port: [options.axum, str(workers)],
    }


def start(name, workers, options, environment):
    chooses = name in ("bare", "axum")
    port = None if chooses else front_end.free_port()
    return Server(commands(options)[name](workers, port), environment, port)


def load(server, connections, seconds):
    """One run of wrk: requests a second, processor microseconds a request, and the errors."""
    url = f"http://127.0.0.1:{server.port}/health"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    before = server.cpu_seconds()
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu_seconds() - before
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    count = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.search(r"Socket errors: (.*)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return rate, spent * 1e6 / count, [found.group(0) for found in (errors, refused) if found]


def throughput(names, options, environment):
    """Requests a second and processor microseconds a request, by server and number of connections,
    rounds interleaved."""
    rates = {name: {connections: [] for connections in CONNECTIONS} for name in names}
    costs = {name: {connections: [] for connections in CONNECTIONS} for name in names}
    errors = []
    servers = {name: start(name, 2, options, environment) for name in names}
    try:
        for server in servers.values():
            server.first_200()
        for turn in range(options.rounds):
            for connections in CONNECTIONS:
                # Each round begins with another server, so that none always follows the same one.
                shift = turn % len(names)
                for name in names[shift:] + names[:shift]:
                    rate, cost, seen = load(servers[name], connections, options.seconds)
                    rates[name][connections].append(rate)
                    costs[name][connections].append(cost)
                    errors += [f"{name} c={connections}: {error}" for error in seen]
            say(f"throughput of {', '.join(names)}: round {turn + 1} of {options.rounds}")
    finally:
        for server in servers.values():
            server.stop()
    return rates, costs, errors


def starts(options, environment):
    """Milliseconds from exec to the first 200 with 4 workers, rounds interleaved."""
    times = {name: [] for name in ("labrat", "gunicorn", *earlier(options))}
    for _ in range(options.starts):
        for name, found in times.items():
            begun = time.perf_counter()
            server = start(name, 4, options, environment)
            try:
                found.append((server.first_200() - begun) * 1000)
            finally:
                server.stop()
    say("starts measured")
    return times


def forget_pages(program):
    """Drop a program's pages from the page cache, to be read from the disk again.

    A file that was just written lies in the cache in large folios, of which a fault maps much more
    than of a file that was read: that would measure the build and not the program.
    """
    if program:
        descriptor = os.open(program, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def idle_memory(options, environment):
    """PSS in MB of an arbiter and 4 workers that have nothing to do."""
    for program in (options.labrat, options.before):
        forget_pages(program)
    memory = {name: [] for name in ("labrat", "gunicorn", *earlier(options))}
    for _ in range(3):
        for name, found in memory.items():
            server = start(name, 4, options, environment)
            try:
                server.first_200()
                time.sleep(1.5)  # Every worker has been forked and has loaded the application.
                if len(server.processes()) != 5:
                    raise SystemExit(f"{name} has {len(server.processes())} processes, not 5")
                found.append(server.pss_kb() * 1024 / 1e6)
            finally:
                server.stop()
    say("memory measured")
    return memory


def earlier(options, kind=""):
    """The earlier labrat as one more server, where there is one."""
    return [f"before{kind}"] if options.before else []


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": values}


def paired(first, second):
    """The median of the ratios within each round: what disturbs the machine disturbs both."""
    return statistics.median(one / other for one, other in zip(first["all"], second["all"]))


def judged(measured):
    """Each target: what was wanted, what was found, and whether that is enough."""
    sync, concurrent = measured["sync"], measured["async"]

    def ratio(group, connections, first, second):
        return paired(group[first][str(connections)], group[second][str(connections)])

    found = {f"sync c={c} / bare": ratio(sync, c, "labrat", "bare") for c in CONNECTIONS}
    found |= {f"async c={c} / axum": ratio(concurrent, c, "labrat async", "axum") for c in CONNECTIONS}
    first = measured["first_200_ms"]
    found["first 200, ms"] = first["labrat"]["median"]
    found["first 200, Gunicorn / labrat"] = first["gunicorn"]["median"] / first["labrat"]["median"]
    found["idle PSS, MB"] = measured["idle_pss_mb"]["labrat"]["median"]
    if through := measured["front_end"]:
        found["front end: added median c=1, ms"] = through["added_ms"]["1"]["median"]
        for what, of_nginx in (("throughput", through["of_nginx"]), ("processor", through["cpu_of_nginx"])):
            for connections, ratio_of_rounds in (of_nginx or {}).items():
                found[f"front end: {what} c={connections} / nginx"] = ratio_of_rounds["median"]
        found["front end: 2,000 held, MB"] = through["held_mb"]
    rows = []
    for name, (relation, wanted) in TARGETS.items():
        if name not in found:
            continue
        value = found[name]
        met = {">=": value >= wanted, "<": value < wanted, "<=": value <= wanted}[relation]
        rows.append({"target": name, "wanted": f"{relation} {wanted}", "found": value, "met": met})
    return rows


# Other work above this share of the cores makes the ratios doubtful.
BUSY = 0.05


def against_before(results):
    """What has changed since the earlier labrat: the medians of the rounds' own ratios."""
    for group, name in (("sync", ""), ("async", " async")):
        for connections in map(str, CONNECTIONS):
            rates = results[group]
            now, before = rates[f"labrat{name}"][connections], rates[f"before{name}"][connections]
            yardstick = rates["axum" if name else "bare"][connections]
            yield (
                f"{group} c={connections}: {paired(now, before):.3f} of before, "
                f"which was {paired(before, yardstick):.3f} of the yardstick"
            )
    for name, unit in (("first_200_ms", "ms"), ("idle_pss_mb", "MB")):
        found = results[name]
        yield f"{name}: {found['labrat']['median']:.2f} {unit}, before {found['before']['median']:.2f} {unit}"


def machine():
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    name = model.group(1) if model else platform.machine()
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return {
        "name": f"{name}, {os.cpu_count()} cores, {memory / 1e6:.0f} GB, Linux {platform.release()}",
        "busy_before": busy_share(),
    }


def busy_share(seconds=3):
    """The share of all cores' time that was not idle while this program did nothing: other work.

    The load average would not do: it still tells of the build that came before.
    """
    def times():
        return [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]

    before = times()
    time.sleep(seconds)
    spent = [after - earlier for earlier, after in zip(before, times())]
    return 1 - (spent[3] + spent[4]) / max(sum(spent), 1)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def cell(values):
    """The median and the range."""
    return f"{number(values['median'])} ({number(values['least'])} to {number(values['most'])})"


def markdown(results):
    """The table of docs/benchmark.md: medians, and the range of the rounds in parentheses."""
    sync, concurrent = results["sync"], results["async"]
    busy = results["machine"]["busy_before"]
    lines = [
        f"Measured on {results['machine']['name']}, the load generator on the same cores; medians of "
        f"{results['rounds']} interleaved rounds, in parentheses the range; a ratio is the median of the rounds' own."
        + (f" **Other work took {busy:.0%} of the cores: the ratios are doubtful.**" if busy > BUSY else ""),
        "",
        "| | labrat | Gunicorn + Flask | yardstick | labrat / yardstick | labrat / Gunicorn |",
        "|---|---|---|---|---|---|",
    ]

    def row(title, ours, gunicorn, yardstick, first_is_better=False):
        against = number(paired(ours, yardstick)) if yardstick else ""
        factor = ""
        if gunicorn:
            factor = paired(ours, gunicorn)
            factor = number(1 / factor) + " times less" if first_is_better else number(factor)
        cells = [title, cell(ours), cell(gunicorn) if gunicorn else ""]
        lines.append("| " + " | ".join([*cells, cell(yardstick) if yardstick else "", against, factor]) + " |")

    for connections in map(str, CONNECTIONS):
        title = f"`/health`, close, 2 sync workers, {connections} connections: requests/s (yardstick: bare loop)"
        row(title, *(sync[name][connections] for name in ("labrat", "gunicorn", "bare")))
    for connections in map(str, CONNECTIONS):
        title = f"`/health`, keep-alive, 2 async workers, {connections} connections: requests/s (yardstick: axum)"
        row(title, concurrent["labrat async"][connections], None, concurrent["axum"][connections])
    sync_cost, async_cost = results["sync_cpu_us"], results["async_cpu_us"]
    title = "the same, 8 connections: processor time a request, µs"
    row(f"close, {title}", *(sync_cost[name]["8"] for name in ("labrat", "gunicorn", "bare")), True)
    row(f"keep-alive, {title}", async_cost["labrat async"]["8"], None, async_cost["axum"]["8"])
    first, memory = results["first_200_ms"], results["idle_pss_mb"]
    row("exec to first 200, 4 workers: ms", first["labrat"], first["gunicorn"], None, True)
    row("PSS of an idle arbiter and 4 workers: MB", memory["labrat"], memory["gunicorn"], None, True)
    through = results["front_end"]
    return "\n".join(lines) + "\n" + ("\n" + front_end_markdown(through) if through else "")


def front_end_markdown(found):
    """The front end's table."""
    nginx = found["nginx_ratio"]
    lines = [
        "The emulator's front end before the same pool of 2 async workers, `/health`, keep-alive; "
        f"{front_end.HELD:,} requests held in it at once take {number(found['held_mb'])} MB. "
        "A relay stands before the same pool, copies bytes and looks at none of them; nginx does too, adds the "
        "same headers and writes a row of JSON for each request:",
        "",
        "| connections | direct: requests/s | through the front end | front end / direct | relay / direct "
        "| nginx / direct | front end / nginx | added median, ms | processor time a request, µs | nginx's |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for connections in map(str, front_end.CONNECTIONS):
        cells = [
            connections,
            *(cell(found["rate"][name][connections]) for name in ("direct", "front end")),
            cell(found["rate_ratio"][connections]),
            cell(found["relay_ratio"][connections]),
            cell(nginx[connections]) if nginx else "not installed",
            number(found["of_nginx"][connections]["median"]) if nginx else "",
            cell(found["added_ms"][connections]),
            *(cell(costs[connections]) for costs in found["cpu_us"].values()),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_page(page, table):
    text = page.read_text()
    pattern = r"(<!-- bench:begin -->\n).*?(<!-- bench:end -->)"
    new, count = re.subn(pattern, lambda found: f"{found[1]}\n{table}\n{found[2]}", text, flags=re.S)
    if count != 1:
        raise SystemExit(f"no bench markers in {page}")
    page.write_text(new)


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("labrat", "gunicorn", "bare", "axum", "relay", "app", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--starts", type=int, default=11)
    parser.add_argument("--before", help="an earlier labrat, measured beside this one and without the front end")
    parser.add_argument("--page", type=Path)
    return parser.parse_args()


def main():
    options = arguments()
    about = machine()
    if about["busy_before"] > BUSY:
        say(f"warning: other work takes {about['busy_before']:.0%} of the cores; figures are doubtful")
    with tempfile.TemporaryDirectory() as folder:
        # Both programs keep their control socket here, and not in somebody's home.
        environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "XDG_RUNTIME_DIR": folder,
            "PYTHONPATH": options.app, "PYTHONDONTWRITEBYTECODE": "1",
        }
        sync, sync_cost, sync_errors = throughput(
            ["labrat", "bare", "gunicorn", *earlier(options)], options, environment
        )
        concurrent, async_cost, async_errors = throughput(
            ["labrat async", "axum", *earlier(options, " async")], options, environment
        )
        first = starts(options, environment)
        memory = idle_memory(options, environment)
        rounds, seconds = options.rounds, options.seconds
        through = None
        if not options.before:
            through = front_end.measure(options.labrat, options.relay, environment, rounds, seconds, summary)
            say("front end measured")

    def table(rates):
        return {name: {str(c): summary(found) for c, found in by.items()} for name, by in rates.items()}

    results = {
        "machine": about,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "sync": table(sync),
        "async": table(concurrent),
        "sync_cpu_us": table(sync_cost),
        "async_cpu_us": table(async_cost),
        "first_200_ms": {name: summary(found) for name, found in first.items()},
        "idle_pss_mb": {name: summary(found) for name, found in memory.items()},
        "front_end": through,
        "errors": sync_errors + async_errors + (through["errors"] if through else []),
    }
    results["targets"] = judged(results)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (out / "results.md").write_text(markdown(results))
    if options.page:
        write_page(options.page, markdown(results))
    print(markdown(results))
    if options.before:
        print(*against_before(results), sep="\n")
    for row in results["targets"]:
        print(f"{'met   ' if row['met'] else 'MISSED'}  {row['target']}: {row['found']:.3g} ({row['wanted']})")
    for error in results["errors"]:
        print(f"error   {error}")


if __name__ == "__main__":
    main()
