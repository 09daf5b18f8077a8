"""What the emulator's front end costs: the same pool asked directly and through it, in one run.

A relay that copies bytes and looks at none stands before the same pool: no proxy can do better on
this machine. Where nginx is installed it does too, adds as many headers and writes as long a row for
each request: what a well-kept proxy makes of that.
"""

import json
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

CONNECTIONS = (1, 8, 64)
HELD = 2000
DEADLINE_SECONDS = 30
COMMAND = "labrat serve --bind=0.0.0.0:8000 --workers=2 --worker-class=async --backlog=4096 app:app"
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processor_seconds(*pids):
    """Processor time that these processes have used so far."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


class Emulator:
    """An emulator with an asynchronous pool behind it."""

    def __init__(self, labrat, environment, folder):
        self.labrat = labrat
        self.process = subprocess.Popen(
            [labrat, "host", "--port=0", "--control=127.0.0.1:0", "--startup-command", COMMAND, "--folder", folder],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        started = json.loads(self.process.stdout.readline())
        self.control = started["control"]
        self.url = started["slots"]["production"]
        self.container = self.wait_until_warm(environment)
        # Nobody but the front end reaches a container from outside of its network.
        self.inside = self.network_of_the_container()

    def wait_until_warm(self, environment):
        """The container's own address."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            words = [self.labrat, "host", "status", "--json", "--control", self.control]
            text = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
            slot = json.loads(text)["slots"][0]
            if slot["state"] == "started":
                return "http://" + slot["address"]
            time.sleep(0.05)
        raise SystemExit("the emulator's site does not become warm")

    def network_of_the_container(self):
        """The words before a command that runs in the container's network; none where it shares this one."""
        own = Path("/proc/self/ns/net").readlink()
        below = [self.process.pid]
        while below:
            pid = below.pop()
            try:
                if Path(f"/proc/{pid}/ns/net").readlink() != own:
                    return ["nsenter", f"--net=/proc/{pid}/ns/net"]
                for task in Path(f"/proc/{pid}/task").iterdir():
                    below += map(int, (task / "children").read_text().split())
            except OSError:
                continue
        return []

    def cpu_seconds(self):
        """That of the front end: not that of the pool behind it."""
        return processor_seconds(self.process.pid)

    def resident_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M).group(1)) * 1024 / 1e6

    def descriptors(self):
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


NGINX = """
worker_processes 2;
daemon off;
pid %(folder)s/pid;
error_log %(folder)s/error.log;
events { worker_connections 8192; }
http {
    log_format row escape=json '{"TimeGenerated":"$time_iso8601","CIp":"$remote_addr",'
        '"ComputerName":"$hostname","CsBytes":$request_length,"CsHost":"$host",'
        '"CsMethod":"$request_method","CsUriQuery":"$args","CsUriStem":"$uri",'
        '"Referer":"$http_referer","ScBytes":$bytes_sent,"ScStatus":$status,'
        '"SPort":"$server_port","TimeTaken":$request_time,"UserAgent":"$http_user_agent"}';
    access_log %(folder)s/access.log row;
    client_body_temp_path %(folder)s/client;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    keepalive_requests 100000000;
    upstream container {
        server %(container)s;
        keepalive 256;
        keepalive_requests 100000000;
    }
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            proxy_pass http://container;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr:$remote_port;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-TlsVersion 1.3;
            proxy_set_header X-ARR-SSL "2048|256|CN=labrat emulator|CN=*.localhost";
            proxy_set_header X-Client-IP $remote_addr;
            proxy_set_header X-Client-Port $remote_port;
            proxy_set_header X-WAWS-Unencoded-URL $request_uri;
            proxy_set_header Max-Forwards 10;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-AppService-Proto https;
            proxy_set_header X-Original-Url $request_uri;
            proxy_set_header X-ARR-Log-Id $request_id;
            proxy_set_header X-Site-Deployment-Id site;
            proxy_set_header Disguised-Host $host;
            proxy_set_header Was-Default-Hostname site.localhost;
            proxy_set_header Client-Ip $remote_addr:$remote_port;
        }
    }
}
"""


class Nginx:
    """nginx before the same container, with the same work for each request."""

    def __init__(self, program, container, folder, inside):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = Path(folder, "nginx.conf")
        words = {"folder": folder, "container": container.removeprefix("http://"), "port": port}
        configuration.write_text(NGINX % words)
        words = [*inside, program, "-p", folder, "-c", str(configuration)]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE_SECONDS
        # It is written once nginx listens.
        while not Path(folder, "pid").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise SystemExit("nginx does not listen")
            time.sleep(0.01)

    def cpu_seconds(self):
        """That of its workers."""
        pid = self.process.pid
        return processor_seconds(*Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Relay:
    """Copies bytes between its clients and the container."""

    def __init__(self, program, container, inside):
        words = [*inside, program, container.removeprefix("http://")]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def load(url, connections, seconds, inside):
    """One run of wrk: requests a second, the median latency in ms, and the errors."""
    words = [*inside, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url + "/health"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)\b", text)
    count = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.findall(r"(?:Socket errors|Non-2xx or 3xx responses): .*", text)
    return rate, float(median.group(1)) * MILLISECONDS[median.group(2)], count, errors


def hold(emulator):
    """Memory in MB while so many requests wait in the front end at the same time."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, port = emulator.url.removeprefix("http://").split(":")
    clients = []
    try:
        for _ in range(HELD):
            client = socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)
            client.sendall(b"GET /slow?seconds=60 HTTP/1.1\r\nHost: bench\r\n\r\n")
            clients.append(client)
        deadline = time.monotonic() + DEADLINE_SECONDS
        # Each has a descriptor to the client and one to the container.
        while emulator.descriptors() < 2 * HELD:
            if time.monotonic() > deadline:
                raise SystemExit(f"{emulator.descriptors()} descriptors, not {2 * HELD}: not all are held")
            time.sleep(0.05)
        return emulator.resident_mb()
    finally:
        for client in clients:
            client.close()


def measure(labrat, relay, environment, rounds, seconds, summary):
    """Rates, medians and costs, direct and through the front end, rounds interleaved."""
    nginx_program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    names = ["direct", "front end", "relay", *(["nginx"] if nginx_program else [])]
    rates = {name: {c: [] for c in CONNECTIONS} for name in names}
    medians = {name: {c: [] for c in CONNECTIONS} for name in names}
    costed = {name: {c: [] for c in CONNECTIONS} for name in ("front end", "nginx") if name in names}
    errors = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as beside:
        emulator = Emulator(labrat, environment, folder)
        others = {}
        try:
            others["relay"] = Relay(relay, emulator.container, emulator.inside)
            if nginx_program:
                others["nginx"] = Nginx(nginx_program, emulator.container, beside, emulator.inside)
            costed_servers = {"front end": emulator} | {name: others[name] for name in others if name in costed}
            urls = {"direct": emulator.container, "front end": emulator.url}
            urls |= {name: other.url for name, other in others.items()}
            for turn in range(rounds):
                order = list(urls) if turn % 2 == 0 else list(reversed(urls))
                for connections in CONNECTIONS:
                    for name in order:
                        server = costed_servers.get(name)
                        before = server.cpu_seconds() if server else 0
                        inside = [] if name == "front end" else emulator.inside
                        rate, median, count, seen = load(urls[name], connections, seconds, inside)
                        rates[name][connections].append(rate)
                        medians[name][connections].append(median)
                        if server:
                            costed[name][connections].append((server.cpu_seconds() - before) * 1e6 / count)
                        errors += [f"{name} c={connections}: {error}" for error in seen]
            held = hold(emulator)
        finally:
            for other in others.values():
                other.stop()
            emulator.stop()

    def by_connections(values):
        return {str(connections): summary(found) for connections, found in values.items()}

    def compared(values, name, other, how):
        if name not in values:
            return None
        pairs = {c: zip(values[name][c], values[other][c]) for c in CONNECTIONS}
        return by_connections({c: [how(one, two) for one, two in pairs[c]] for c in CONNECTIONS})

    def ratio(one, two):
        return one / two

    def of_nginx(nginx, ours):
        return ours / nginx

    return {
        "rate": {name: by_connections(found) for name, found in rates.items()},
        "median_ms": {name: by_connections(found) for name, found in medians.items()},
        "rate_ratio": compared(rates, "front end", "direct", ratio),
        "relay_ratio": compared(rates, "relay", "direct", ratio),
        "nginx_ratio": compared(rates, "nginx", "direct", ratio),
        "of_nginx": compared(rates, "nginx", "front end", of_nginx),
        "cpu_of_nginx": compared(costed, "nginx", "front end", of_nginx),
        "added_ms": compared(medians, "front end", "direct", lambda through, direct: through - direct),
        "cpu_us": {name: by_connections(found) for name, found in costed.items()},
        "held_mb": held,
        "errors": errors,
    }


def main():
    """Measure this alone."""
    import argparse
    import os

    parser = argparse.ArgumentParser()
    parser.add_argument("--labrat", required=True)
    parser.add_argument("--relay", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "XDG_RUNTIME_DIR": folder}
        found = measure(options.labrat, options.relay, environment, options.rounds, options.seconds, statistics.median)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
