"""Clients of every kind: those that behave, and those that do not."""

import collections
import random
import socket
import struct
import threading
import time

LANES = 3
TIMEOUT_SECONDS = 60
PLAIN = ("/health", "/fast", "/diag/stats", "/diag/env", "/diag/workers", "/config")


class Counts:
    """What became of the requests, and those that were not answered as they should be."""

    def __init__(self):
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.wrong = []

    def add(self, name):
        with self.lock:
            self.outcomes[name] += 1

    def failed(self, text):
        with self.lock:
            self.wrong.append(text)


def head(method, path, *headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_to_end(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_one(connection, rest=b""):
    """One answer with a length: its status, and what came behind it."""
    while b"\r\n\r\n" not in rest:
        part = connection.recv(65536)
        if not part:
            return None, b""
        rest += part
    begin, _, rest = rest.partition(b"\r\n\r\n")
    length = 0
    for line in begin.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(rest) < length:
        part = connection.recv(65536)
        if not part:
            return None, b""
        rest += part
    return int(begin.split(b" ")[1]), rest[length:]


def open_connection(address):
    return socket.create_connection(address, timeout=TIMEOUT_SECONDS)


def ask(address, request, expected, counts, name):
    """One request on a connection of its own."""
    with open_connection(address) as connection:
        connection.sendall(request)
        status, _ = read_one(connection)
    counts.add(name)
    if status not in expected:
        counts.failed(f"{name} {request[:60]!r}: {status}")


def plain(target, draw, counts):
    request = head("GET", draw.choice(PLAIN), "Connection: close")
    ask(target.address, request, (200,), counts, "plain")


def slow(target, draw, counts):
    request = head("GET", f"/slow?seconds=0.{draw.randint(1, 4)}", "Connection: close")
    ask(target.address, request, (200,), counts, "slow")


def unknown(target, draw, counts):
    # No two are alike: what is counted by name would grow.
    number = draw.getrandbits(64)
    request = head("GET", f"/nowhere/{number:x}?q={number}", f"X-{number:x}: 1", "Connection: close")
    ask(target.address, request, (404,), counts, "unknown")


def body(target, draw, counts):
    data = b"x" * draw.randint(0, 20_000)
    request = head("POST", "/health", f"Content-Length: {len(data)}", "Connection: close") + data
    ask(target.address, request, (405,), counts, "body")


def kept(target, draw, counts):
    with open_connection(target.address) as connection:
        for _ in range(draw.randint(2, 5)):
            connection.sendall(head("GET", "/health"))
            status, _ = read_one(connection)
            if status is None:
                break
            counts.add("kept")


def garbage(target, draw, counts):
    with open_connection(target.address) as connection:
        connection.sendall(bytes(draw.randrange(256) for _ in range(60)) + b"\r\n\r\n")
        read_to_end(connection)
    counts.add("garbage")


def large_head(target, draw, counts):
    with open_connection(target.address) as connection:
        connection.sendall(head("GET", "/health", "Connection: close", "X: " + "y" * draw.randint(20_000, 60_000)))
        read_to_end(connection)
    counts.add("large head")


def half(target, draw, counts):
    with open_connection(target.address) as connection:
        connection.sendall(b"GET /health HT"[: draw.randint(0, 14)])
        time.sleep(draw.uniform(0.0, 0.3))
    counts.add("half")


def aborted(target, draw, counts):
    connection = open_connection(target.address)
    connection.sendall(head("GET", "/slow?seconds=0.2"))
    time.sleep(draw.uniform(0.0, 0.1))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    counts.add("aborted")


def leak(target, draw, counts):
    request = head("GET", "/leak?blocks=4", "Connection: close")
    ask(target.address, request, (200, 507), counts, "leak")


def control(target, draw, counts):
    if target.control is None:
        return
    # No query: it reads a whole table, which is as large as the load was until then.
    paths = ("/status", "/slots/production/settings", "/logs/platform?from=0")
    right = f"Authorization: Bearer {target.token}"
    headers, expected = draw.choice(
        [((right,), (200,)), ((), (401,)), ((right, "Origin: http://e.example"), (403,))]
    )
    request = head("GET", draw.choice(paths), "Connection: close", *headers)
    ask(target.control, request, expected, counts, "control")


KINDS = [(plain, 40), (slow, 8), (unknown, 8), (body, 8), (kept, 10), (garbage, 5), (large_head, 5)]
KINDS += [(half, 6), (aborted, 8), (control, 2)]


def lane(target, seconds, rate, draw, counts, leaks):
    kinds, weights = zip(*(KINDS + ([(leak, 20)] if leaks else [])))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        kind = draw.choices(kinds, weights)[0]
        try:
            kind(target, draw, counts)
        except (ConnectionResetError, BrokenPipeError):
            # Who is refused in the middle of its request may be reset; who behaves may not.
            if kind in (plain, slow, unknown, control):
                counts.failed(f"{target.name}: {kind.__name__} was reset")
        except OSError as error:
            counts.failed(f"{target.name}: {kind.__name__}: {error}")
        rest = begun + draw.expovariate(rate / LANES) - time.monotonic()
        time.sleep(max(0.0, min(rest, end - time.monotonic())))


def put_load(targets, seconds, rate, seed, counts, leaking=()):
    """Load on every target at the same time; returns when no client is left."""
    draw = random.Random(seed)
    lanes = [
        threading.Thread(
            target=lane,
            args=(target, seconds, rate, random.Random(draw.random()), counts, target in leaking),
        )
        for target in targets
        for _ in range(LANES)
    ]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
