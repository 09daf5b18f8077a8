"""What this machine says of processes, and what a run may leave on it."""

import os
import re
import signal
import time

PATIENCE_SECONDS = 30.0


def poll(seconds, ready):
    """Ask again and again until `ready` says something true; what it said last."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer or time.monotonic() >= deadline:
            return answer
        time.sleep(0.02)


def text_of(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on."""
    return text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()


def parents():
    """The parent of every process that is no zombie."""
    found = {}
    for pid in pids():
        fields = stat_fields(pid)
        if fields and fields[0] not in "ZX":
            found[pid] = int(fields[1])
    return found


def family(root):
    """A process and all below it, the oldest first."""
    parent_of = parents()
    members = [root] if root in parent_of else []
    for member in members:
        members.extend(sorted(pid for pid, parent in parent_of.items() if parent == member))
    return members


def children(pid):
    return sorted(child for child, parent in parents().items() if parent == pid)


def words_of(pid):
    return text_of(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


def processes_of(marker):
    """Every process whose environment, words or working directory hold the marker."""
    found = []
    for pid in pids():
        if pid == os.getpid() or stat_fields(pid)[:1] == ["Z"]:
            continue
        try:
            here = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            here = ""
        if any(marker in text for text in (here, text_of(f"/proc/{pid}/environ"), words_of(pid))):
            found.append(pid)
    return found


def kill(pid, number=signal.SIGKILL):
    """Send a signal to a process that may be gone by now; 0 is none."""
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def kilobytes(text, name):
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.M)
    return int(found.group(1)) if found else 0


def sample(pid):
    """Memory in kB, descriptors and threads; None if it is gone.

    Anonymous pages, and the process's part of those and of shared memory. Pages of the program's
    file are left out: they come as its code is first run, and go when the kernel wants them."""
    status = text_of(f"/proc/{pid}/status")
    try:
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
    rollup = text_of(f"/proc/{pid}/smaps_rollup")
    threads = re.search(r"^Threads:\s+(\d+)", status, re.M)
    return {
        "anonymous": kilobytes(status, "RssAnon"),
        "proportional": kilobytes(rollup, "Pss_Anon") + kilobytes(rollup, "Pss_Shmem"),
        "descriptors": descriptors,
        "threads": int(threads.group(1)) if threads else 0,
    }


def cgroups():
    """Those of memory boxes, by the process that made them: its number is in their name."""
    found = {}
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            owner = re.fullmatch(r"labrat-.*?(\d+)-\d+", name)
            if owner:
                found[os.path.join(folder, name)] = int(owner.group(1))
    return found


def loop_devices():
    """Every loop device with the file below it, also where one lies on another."""
    files = {name: text_of(f"/sys/block/{name}/loop/backing_file").strip() for name in listing("/sys/block")}

    def below(name):
        file = files.get(name, "")
        return below(os.path.basename(file)) if os.path.basename(file) in files else file

    return {f"/dev/{name}": below(name) for name, file in files.items() if file}


def listing(folder):
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def left_on(folder):
    """Everything in the folder, and everything of the machine that could outlive a run in it. What
    others on this machine do meanwhile does not count, but for memory boxes whose owner is dead: a
    rehearsal makes its box where there is a disk."""

    def is_left(line):
        owner = re.search(r"labrat-box-(\d+)-\d+", line)
        return folder in line or (owner and int(owner.group(1)) not in living)

    here = lambda lines: {line for line in lines if is_left(line)}
    lines = lambda path: text_of(path).splitlines()
    living = set(pids())
    loops = loop_devices()
    entries = set()
    for place, folders, files in os.walk(folder):
        entries.update(os.path.join(place, name) for name in folders + files)
    return {
        "process": {f"{pid} {words_of(pid)}" for pid in processes_of(folder)},
        "mount": here(line.split(" ", 3)[3] for line in lines("/proc/self/mountinfo")),
        "cgroup": here(cgroups()),
        "memory box": here(f"/var/tmp/{name}" for name in listing("/var/tmp")),
        "loop device": here(f"{device} on {file}" for device, file in loops.items()),
        "swap": here(f"{line.split()[0]} on {loops.get(line.split()[0], '')}" for line in lines("/proc/swaps")),
        "socket": here(lines("/proc/net/unix")),
        "network": listing("/run/netns"),
        "file": entries,
    }


def differences(before, after):
    """What is there after and was not before, a line each."""
    return [f"{kind}: {name}" for kind in after for name in sorted(after[kind] - before[kind])]
