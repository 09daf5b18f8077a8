"""The load of a scenario for a distributed run, for loads that one machine cannot make: Locust with
a master and workers, or Azure Load Testing. The same requests as labrat trigger sends, in the same
phases, from the same catalogue; no evidence is kept here and the platform is not changed.

    labrat scenarios intermittent-5xx --plan >scripts/load/plan.json
    locust -f scripts/load/locustfile.py --headless --host https://SITE --master --expect-workers 2
    locust -f scripts/load/locustfile.py --worker            twice, on any machine

Variables: LABRAT_PLAN, the file of the plan (else plan.json beside this file); LABRAT_PACE
multiplies every duration of the clients that follows a pace; LAB_KEY is sent as x-lab-key.
"""

import json
import logging
import os
import pathlib
import time

# Locust first: it has to change the libraries of the network before others use them.
from locust import LoadTestShape, User, events, task
from locust import runners
from locust.runners import MasterRunner, WorkerRunner

import gevent
import gevent.event
import requests

# Heartbeats, of a second each, that a worker may miss. With Locust's 3 a master whose machine is busy
# takes its workers for lost and ends the test.
runners.HEARTBEAT_LIVENESS = 30

BEGIN, ENDED = "labrat-begin", "labrat-ended"
PLAN = pathlib.Path(os.environ.get("LABRAT_PLAN") or pathlib.Path(__file__).with_name("plan.json"))
PACE = float(os.environ.get("LABRAT_PACE") or 1)
HEADERS = {"connection": "close", "user-agent": "labrat-locust"}
if os.environ.get("LAB_KEY"):
    HEADERS["x-lab-key"] = os.environ["LAB_KEY"]


def phases(plan):
    """The steps that send something. What the platform is to do meanwhile, others do."""
    found, wait = [], 0.0
    for step in plan["steps"]:
        if step["step"] == "load":
            found.append((step["name"], [{**group, "wait_seconds": wait} for group in step["groups"]]))
            wait = 0.0
        elif step["step"] == "wait":
            wait += step["seconds"]
        elif step["step"] == "act":
            logging.warning("not played here: %s (%s)", step["name"], step["action"])
    return found


def pace_of(group):
    """By what the group's durations are multiplied."""
    return 1.0 if group.get("real_time") else PACE


def lanes(group, worker, workers):
    """How many requests each of this worker's clients sends, so that all workers together send
    exactly the group's count with the group's concurrency."""
    concurrency = min(group["concurrency"], group["count"])
    each, more = divmod(group["count"], concurrency)
    every = [each + (lane < more) for lane in range(concurrency)]
    return every[worker::workers]


def read_plan():
    try:
        return phases(json.loads(PLAN.read_text()))
    except OSError as error:
        raise SystemExit(f"error: {error}\n\nhint: labrat scenarios NAME --plan >{PLAN}") from error


class Barrier:
    """Lets every worker begin a phase at the same time, when all have ended the last."""

    def __init__(self):
        self.phases = read_plan()
        self.begun = [gevent.event.AsyncResult() for _ in self.phases]
        self.ended = set()
        self.finished = False
        self.runner = None

    def attach(self, runner):
        self.runner = runner
        if isinstance(runner, MasterRunner):
            runner.register_message(ENDED, self.on_ended)
        elif isinstance(runner, WorkerRunner):
            runner.register_message(BEGIN, self.on_begin)

    def on_begin(self, environment, msg):
        phase, place, workers = msg.data["phase"], msg.data["places"][environment.runner.client_id], len(msg.data["places"])
        self.begun[phase].set((place, workers))

    def on_ended(self, environment, msg):
        """On the master: a worker has ended a phase; -1 is its arrival."""
        self.ended.add(msg.node_id)
        # As many as were waited for: one that is busy may be counted out for a moment.
        if len(self.ended) < max(self.runner.environment.parsed_options.expect_workers, self.runner.worker_count):
            return
        self.ended.clear()
        following = msg.data["phase"] + 1
        if following == len(self.phases):
            self.finished = True
            return
        places = {client: place for place, client in enumerate(sorted(self.runner.clients))}
        self.runner.send_message(BEGIN, {"phase": following, "places": places})

    def tell(self, phase):
        """This worker has ended a phase."""
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(ENDED, {"phase": phase})
        elif phase + 1 == len(self.phases):
            self.finished = True
        else:
            self.begun[phase + 1].set((0, 1))


BARRIER = None


@events.init.add_listener
def attach(environment, **_):
    global BARRIER
    BARRIER = Barrier()
    BARRIER.attach(environment.runner)


class OneAWorker(LoadTestShape):
    """One conductor on each worker, until all have played everything."""

    use_common_options = False

    def tick(self):
        if BARRIER.finished:
            return None
        count = getattr(self.runner, "worker_count", 1) or 1
        return count, count


class Conductor(User):
    """Plays this worker's share of every phase."""

    @task
    def play(self):
        BARRIER.tell(-1)
        for number, (name, groups) in enumerate(BARRIER.phases):
            worker, workers = BARRIER.begun[number].get()
            clients = []
            for group in groups:
                counts = lanes(group, worker, workers)
                if group.get("in_step"):
                    clients.append(gevent.spawn(self.in_step, group, counts))
                else:
                    clients += [gevent.spawn(self.client, group, count) for count in counts]
            gevent.joinall(clients, raise_error=True)
            logging.info("%s: this worker's share is sent", name)
            BARRIER.tell(number)
        # The shape ends the test.
        gevent.sleep(3600)

    def in_step(self, group, counts):
        """Clients of this worker that all send at once, and again when the last has its answer."""
        limit = group["limit_seconds"] * pace_of(group)
        for number in range(max(counts, default=0)):
            self.pause(group, number)
            clients = [
                gevent.spawn(self.send, group["path"], limit)
                for count in counts
                if count > number
            ]
            gevent.joinall(clients, raise_error=True)

    def pause(self, group, number):
        """What a client waits before this request of its own."""
        pace = pace_of(group)
        if number == 0:
            gevent.sleep(group["wait_seconds"] * PACE + group["delay_seconds"] * pace)
        else:
            pause = group["interval_seconds"] + (number - 1) * group.get("interval_grows_seconds", 0.0)
            gevent.sleep(pause * pace)

    def client(self, group, count):
        pace = pace_of(group)
        for number in range(count):
            self.pause(group, number)
            if self.send(group["path"], group["limit_seconds"] * pace) == group["until_status"] is not None:
                return

    def send(self, path, limit):
        """One request on a connection of its own; the status, or nothing when the client gave up."""
        begun, answer, error = time.perf_counter(), None, None
        with gevent.Timeout(limit, False):
            try:
                answer = requests.get(self.host + path, headers=HEADERS, timeout=limit)
            except requests.RequestException as failure:
                error = failure
        if answer is None and error is None:
            error = TimeoutError(f"gave up after {limit:g} s")
        if answer is not None and answer.status_code >= 400:
            error = RuntimeError(f"answered {answer.status_code}")
        self.environment.events.request.fire(
            request_type="GET",
            name=path,
            response_time=(time.perf_counter() - begun) * 1000,
            response_length=len(answer.content) if answer is not None else 0,
            exception=error,
            context={},
        )
        return answer.status_code if answer is not None else None
