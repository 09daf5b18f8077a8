"""Kills at random moments, after which nothing is left once something of the same kind has run."""

import collections
import os
import random
import shutil
import subprocess
import time

import machine
import targets as of
from load import head, open_connection, read_one

# What is killed, and how often of a hundred.
SHARES = {"worker": 55, "arbiter": 15, "emulator": 10, "container": 10, "rehearsal": 10}
REHEARSALS = ("intermittent-5xx", "startup-failed", "slot-swap-drift", "probe-restart")
# One of so many rehearsals and emulators has its target in a memory box, where this machine makes one.
BOXED = 4
# A folder whose owner was killed before it was locked goes after a minute.
UNOWNED_SECONDS = 75.0


class Killer:
    """What is standing, what was killed, and what went wrong."""

    def __init__(self, options, place, say):
        self.labrat = options.labrat
        self.place = place
        self.draw = random.Random(f"{options.seed}/kills")
        self.say = say
        self.faults = []
        self.done = collections.Counter()
        self.box = self.box_is_possible()
        self.pool = None
        self.site = None

    def box_is_possible(self):
        words = [self.labrat, "rehearse", "memory-pressure", "--box", "cgroup", "--control"]
        out = os.path.join(self.place.make("out"), "boxed")
        started = subprocess.Popen(
            [*words, "--pace", "0.05", "--out", out],
            env=self.place.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        boxes = lambda: started.pid in machine.cgroups().values() or started.poll() is not None
        machine.poll(machine.PATIENCE_SECONDS, boxes)
        possible = started.poll() is None
        machine.kill(started.pid)
        said = started.communicate()[1].decode("utf-8", "replace")
        if not possible:
            self.say(f"no memory box here: {said.strip()}")
        shutil.rmtree(out, ignore_errors=True)
        return possible

    def fault(self, text):
        self.faults.append(text)
        self.say(f"wrong: {text}")

    def gone(self, what, marker):
        """Every process with this marker ends by itself."""
        if not machine.poll(machine.PATIENCE_SECONDS, lambda: not machine.processes_of(marker)):
            left = [f"{pid} {machine.words_of(pid)}" for pid in machine.processes_of(marker)]
            self.fault(f"{what}: processes are left: {left}")
            for pid in machine.processes_of(marker):
                machine.kill(pid)

    def worker(self):
        """A worker of a standing pool: it is replaced."""
        if self.pool is None or self.done["worker"] % 50 == 0:
            if self.pool:
                self.pool.end()
            kind = of.CLASSES[self.done["worker"] // 50 % len(of.CLASSES)]
            self.pool = of.pool(self.labrat, self.place, f"standing-{kind}", kind)
        workers = lambda: machine.children(self.pool.pid)
        if not machine.poll(machine.PATIENCE_SECONDS, lambda: len(workers()) == 2):
            return self.fault(f"worker: there are {workers()} of two")
        time.sleep(self.draw.uniform(0.0, 0.2))
        victim = self.draw.choice(workers() or [0])
        machine.kill(victim)
        whole = lambda: len(workers()) == 2 and victim not in workers()
        if not machine.poll(machine.PATIENCE_SECONDS, whole):
            self.fault(f"worker: {victim} was not replaced: {workers()}")

    def arbiter(self):
        """The arbiter of a new pool: its workers go with it."""
        kind = self.draw.choice(of.CLASSES)
        pool = of.pool(self.labrat, self.place, "killed-pool", kind, "--probe-bind=127.0.0.1:0")
        time.sleep(self.draw.uniform(0.0, 0.4))
        pool.kill()
        self.gone("arbiter", pool.socket)

    def emulator(self):
        """An emulator: its containers go with it."""
        boxed = self.box and self.done["emulator"] % BOXED == 0
        target = of.start_host(self.labrat, self.place, "killed-host", *(("--box=cgroup",) if boxed else ()))
        time.sleep(self.draw.uniform(0.0, 1.5))
        target.kill()
        self.gone("emulator", target.folder)

    def container(self):
        """A process of an emulated site, whichever: the site comes up again."""
        if self.site is None:
            self.site = of.host(self.labrat, self.place, "standing-host")
        if not machine.poll(2 * machine.PATIENCE_SECONDS, self.site_answers):
            self.fault(f"container: the site does not answer: {machine.text_of(self.site.log)[-2000:]}")
            self.site.end()
            self.site = None
            return
        time.sleep(self.draw.uniform(0.0, 0.2))
        machine.kill(self.draw.choice(machine.family(self.site.pid)[1:] or [0]))

    def site_answers(self):
        try:
            with open_connection(self.site.address) as connection:
                connection.sendall(head("GET", "/health", "Connection: close"))
                return read_one(connection)[0] == 200
        except OSError:
            return False

    def rehearsal(self):
        """A rehearsal: everything that it started goes with it."""
        name = self.draw.choice(REHEARSALS)
        words = [self.labrat, "rehearse", name, "--pace", "0.1"]
        if self.box and self.done["rehearsal"] % BOXED == 0:
            words = [self.labrat, "rehearse", "memory-pressure", "--box", "cgroup", "--pace", "0.05"]
        out = os.path.join(self.place.make("out"), "run")
        rehearsal = self.place.start([*words, "--out", out], os.path.join(self.place.make("logs"), "rehearsal"))
        time.sleep(self.draw.uniform(0.0, 3.0))
        machine.kill(rehearsal.pid)
        rehearsal.wait()
        self.gone(" ".join(words[2:]), self.place.environment["TMPDIR"] + "/labrat-")
        # The evidence is the person's who asked for it.
        shutil.rmtree(out, ignore_errors=True)

    def clean_run(self):
        """One of each kind that ends as it likes to: what a kill has left goes with it."""
        pool = of.pool(self.labrat, self.place, "killed-pool", "sync")
        codes = {"serve": pool.end()}
        if self.pool:
            codes["standing pool"] = self.pool.end()
        if self.site:
            codes["standing host"] = self.site.end()
        self.pool = self.site = None
        for name in ("standing-host", "killed-host"):
            codes[name] = of.host(self.labrat, self.place, name).end()
        out = os.path.join(self.place.make("out"), "clean")
        words = [self.labrat, "rehearse", "startup-failed", "--control", "--pace", "0.1", "--out", out]
        codes["rehearse"] = subprocess.run(
            words, env=self.place.environment, capture_output=True, stdin=subprocess.DEVNULL, check=False
        ).returncode
        shutil.rmtree(out, ignore_errors=True)
        for name, code in codes.items():
            if code != 0:
                self.fault(f"{name} ends with {code} after the kills")

    def left(self, before):
        """What the machine has that it had not before, but for what a person keeps."""
        for name in ("logs", "out", "standing-host", "killed-host"):
            shutil.rmtree(os.path.join(self.place.folder, name), ignore_errors=True)
        return machine.differences(before, machine.left_on(self.place.folder))


def play(options, place, say):
    """So many kills; what went wrong and what is left."""
    before = machine.left_on(place.folder)
    killer = Killer(options, place, say)
    kinds, shares = list(SHARES), list(SHARES.values())
    begun = time.monotonic()
    for number in range(options.kills):
        # Each kind once, however few there are.
        kind = kinds[number] if number < len(kinds) else killer.draw.choices(kinds, shares)[0]
        getattr(killer, kind)()
        killer.done[kind] += 1
        if (number + 1) % 100 == 0:
            say(f"{number + 1} kills, {len(killer.faults)} faults, {time.monotonic() - begun:.0f} s")
    killer.clean_run()
    left = killer.left(before)
    if left:
        say(f"once more, since a folder without a lock goes after a minute: {left}")
        time.sleep(UNOWNED_SECONDS)
        killer.clean_run()
        left = killer.left(before)
    say(f"{dict(killer.done)} killed in {time.monotonic() - begun:.0f} s, boxes: {killer.box}")
    return killer.faults + [f"left: {line}" for line in left]
