"""The targets: pools of each worker class, and an emulated site."""

import json
import os
import re
import signal
import subprocess

import machine

SERVE = "labrat serve --bind=0.0.0.0:8000 --workers=2 --worker-class=gthread --threads=4 app:app"
CLASSES = ("sync", "gthread", "async")


class Place:
    """A folder that everything of a run lies in, and the environment that keeps it there."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": self.make("home"),
            "XDG_RUNTIME_DIR": self.make("runtime"),
            "TMPDIR": self.make("tmp"),
            "LABRAT_SOAK_FOLDER": self.folder,
        }
        os.chmod(self.environment["XDG_RUNTIME_DIR"], 0o700)
        # A user's folder for the files of running emulators is made once, and stays.
        os.chmod(self.make("runtime/labrat"), 0o700)

    def make(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def start(self, words, log, **more):
        with open(log, "ab") as output:
            return subprocess.Popen(
                words,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
                **more,
            )


class Target:
    """A running program that answers at an address."""

    def __init__(self, name, process, address, **more):
        self.name = name
        self.process = process
        self.address = address
        self.control = None
        self.token = None
        self.__dict__.update(more)

    @property
    def pid(self):
        return self.process.pid

    def end(self):
        """Ask it to end; its exit code, None where it does not."""
        machine.kill(self.pid, signal.SIGTERM)
        try:
            return self.process.wait(timeout=machine.PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        machine.kill(self.pid)
        self.process.wait()


def address_in(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def pool(labrat, place, name, kind, *more):
    """A pool of two workers; it is ready when it says where it listens."""
    log = os.path.join(place.make("logs"), name)
    open(log, "w").close()
    socket = os.path.join(place.environment["XDG_RUNTIME_DIR"], f"{name}.ctl")
    words = [labrat, "serve", "--bind=127.0.0.1:0", "--workers=2", f"--worker-class={kind}"]
    # With threads a sync worker would be another one.
    words += ["--threads=4"] if kind == "gthread" else []
    words += [f"--control-socket={socket}", *more, "app:app"]
    process = place.start(words, log)
    listening = lambda: re.search(r"Listening at: http://([\d.:]+)", machine.text_of(log))
    found = machine.poll(machine.PATIENCE_SECONDS, lambda: listening() or process.poll() is not None)
    if found is True or not found:
        raise SystemExit(f"{name} does not listen:\n{machine.text_of(log)}")
    return Target(name, process, address_in(found.group(1)), socket=socket, log=log)


def start_host(labrat, place, name, *more):
    """The words of an emulated site are on their way; where it is stands in its folder."""
    folder = place.make(name)
    log = os.path.join(place.make("logs"), name)
    words = [labrat, "host", "--port=0", "--control=127.0.0.1:0", "--pace=0.05", "--always-on"]
    words += ["--folder", folder, "--startup-command", SERVE, *more]
    return Target(name, place.start(words, log), None, folder=folder, log=log)


def host(labrat, place, name, *more):
    """An emulated site that answers."""
    told = os.path.join(place.make(name), "host.json")
    if os.path.exists(told):
        os.remove(told)
    target = start_host(labrat, place, name, *more)

    def announced():
        try:
            return json.loads(machine.text_of(told))
        except ValueError:
            return None

    started = machine.poll(machine.PATIENCE_SECONDS, announced)
    if not started:
        raise SystemExit(f"{name} does not start:\n{machine.text_of(target.log)}")
    target.address = address_in(started["slots"]["production"].removeprefix("http://"))
    target.control = address_in(started["control"])
    presence = os.path.join(place.environment["XDG_RUNTIME_DIR"], "labrat")

    def token():
        for entry in machine.listing(presence):
            try:
                there = json.loads(machine.text_of(os.path.join(presence, entry)))
            except ValueError:
                continue
            if there["control"] == started["control"]:
                return there["token"]
        return None

    target.token = machine.poll(machine.PATIENCE_SECONDS, token)
    return target
