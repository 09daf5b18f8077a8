"""Calls of another service, as the lab application makes them: budget, retries, breaker, reuse.

What the knobs mean is documented with labrat's; the words in the console are Python's own.
"""

import http.client
import os
import socket
import struct
import threading
import time
import traceback
from collections import Counter
from sys import stderr
from urllib.parse import urlsplit

from flask import Blueprint, jsonify, request

IP_LOCAL_PORT_RANGE = 51
FIRST_PORT, LAST_PORT = 32768, 60999

calls = Blueprint("calls", __name__)
counters = Counter()
idle, held = [], []
lock = threading.Lock()
breaker = {"failures": 0, "open_until": 0.0}


def knob(name, default, kind=float):
    return kind(os.environ.get(name) or default)


def open_connection(to, budget):
    """A connection whose local port comes out of the range that the whole pool shares."""
    connection = http.client.HTTPConnection(to.hostname, to.port or 80, timeout=budget)
    ports = knob("LAB_OUTBOUND_PORTS", 0, int)
    if ports:
        low = FIRST_PORT + os.getppid() * 2654435761 % (LAST_PORT - FIRST_PORT - ports)
        plain = socket.socket()
        bounds = struct.pack("=HH", low, low + ports - 1)
        plain.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, bounds)
        plain.settimeout(budget)
        plain.connect((to.hostname, to.port or 80))
        connection.sock = plain
    else:
        connection.connect()
    counters["connections_opened"] += 1
    return connection


def attempt(to, budget, reuse):
    with lock:
        connection = idle.pop() if reuse and idle else None
    counters["calls"] += 1
    connection = connection or open_connection(to, budget)
    if not reuse:
        held.append(connection)
    connection.request("GET", to.path or "/")
    response = connection.getresponse()
    response.read()
    if reuse:
        with lock:
            idle.append(connection)
    if response.status >= 400:
        raise OSError(f"the service answered {response.status}")


def call():
    """One call with its retries; how many attempts it took, and the last failure or nothing."""
    to = urlsplit(os.environ["API_BASE_URL"])
    budget = knob("LAB_CALL_BUDGET_SECONDS", 0) or 300
    reuse = os.environ.get("LAB_OUTBOUND_REUSE") != "off"
    threshold = knob("LAB_CALL_BREAKER_FAILURES", 0, int)
    failure = None
    for retry in range(knob("LAB_CALL_RETRIES", 0, int) + 1):
        if time.monotonic() < breaker["open_until"]:
            return retry, "breaker-open"
        try:
            attempt(to, budget, reuse)
            breaker["failures"] = 0
            return retry + 1, None
        except OSError as error:
            failure = str(error)
            print("ERROR in app: Exception on a call", traceback.format_exc(), file=stderr, flush=True)
            breaker["failures"] += 1
            if threshold and breaker["failures"] >= threshold:
                breaker["open_until"] = time.monotonic() + knob("LAB_CALL_BREAKER_SECONDS", 30)
            time.sleep(knob("LAB_CALL_BACKOFF_SECONDS", 0) * 2**retry)
    return retry + 1, failure


def answer(endpoint, wanted):
    attempts = 0
    for _ in range(wanted):
        made, failure = call()
        attempts += made
        if failure:
            status = 503 if failure == "breaker-open" else 502
            return jsonify(attempts=attempts, endpoint=endpoint, error=failure), status
    return jsonify(attempts=attempts, endpoint=endpoint)


@calls.get("/dependency")
def dependency():
    return answer("dependency", 1)


@calls.get("/outbound")
def outbound():
    return answer("outbound", int(request.args.get("calls", "1")))


def counted():
    return {name: counters[name] for name in ("calls", "connections_opened")}
