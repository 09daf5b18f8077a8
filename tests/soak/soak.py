#!/usr/bin/env python3
"""Load for as long as told, with the figures of every process; then kills. Called by scripts/soak.sh."""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

import kills
import load
import machine
import targets as of

# A round of load is so long at most, in seconds, and there are so many rounds where they are shorter.
LONGEST_ROUND = 30.0
ROUNDS = 12
# Figures are taken once they have not changed for so long, or after so long.
CALM_SECONDS = 1.0
LONGEST_CALM = 10.0
# The share of the rounds in which a pool warms up: caches, arenas, pages that a fork shares.
WARM_UP = 0.25
# A front end keeps as many connections to its site as there were clients at once.
KEPT_CONNECTIONS = load.LANES + 1
# Beyond this a process has grown: a share of its memory, and kB.
GROWTH_SHARE = 0.05
GROWTH_KILOBYTES = 1024
MEASURES = ("anonymous", "proportional", "descriptors", "threads")


def say(text):
    print(f"[soak] {text}", file=sys.stderr, flush=True)


def figures(targets):
    """The figures of every process of the targets, by target and process."""
    found = {}
    for target in targets:
        for pid in machine.family(target.pid):
            one = machine.sample(pid)
            if one:
                found[target.name, pid] = one
    return found


def calm_figures(targets):
    """The figures once no connection comes or goes."""
    still = lambda found: {key: (one["descriptors"], one["threads"]) for key, one in found.items()}
    deadline = time.monotonic() + LONGEST_CALM
    before, since = figures(targets), time.monotonic()
    while time.monotonic() < min(deadline, since + CALM_SECONDS):
        time.sleep(0.2)
        now = figures(targets)
        if still(now) != still(before):
            since = time.monotonic()
        before = now
    return before


def grown(series, kind):
    """Why a series of figures has grown, or None."""
    part = max(1, len(series) // 3)
    first, last = series[:part], series[-part:]
    if kind in ("descriptors", "threads"):
        # Not one moment at the end as low as the highest of the beginning.
        more = min(last) - max(first)
        return f"{more} more" if more > KEPT_CONNECTIONS else None
    begin, end = statistics.median(first), statistics.median(last)
    if end - begin > begin * GROWTH_SHARE + GROWTH_KILOBYTES:
        return f"{begin:.0f} kB became {end:.0f} kB"
    return None


def judge(rounds, names):
    """What has grown, and which processes came or went."""
    warm = rounds[max(1, round(len(rounds) * WARM_UP)) :]
    faults = []
    steady = set(warm[0])
    for later in warm[1:]:
        for key in steady ^ set(later):
            faults.append(f"{key[0]}: process {key[1]} came or went ({names.get(key, '?')})")
        steady &= set(later)
    for key in sorted(steady):
        for kind in MEASURES:
            why = grown([one[key][kind] for one in warm], kind)
            if why:
                faults.append(f"{key[0]}: process {key[1]} ({names.get(key, '?')}): {kind}: {why}")
    return sorted(set(faults))


def table(rounds, names):
    """The figures of the first warm round and of the last, a line for each process."""
    first, last = rounds[max(1, round(len(rounds) * WARM_UP))], rounds[-1]
    lines = [f"{'process':44} {'anonymous kB':>15} {'own part kB':>15} {'descriptors':>12} {'threads':>9}"]
    for key in sorted(set(first) & set(last)):
        cells = [f"{first[key][kind]} {last[key][kind]}" for kind in MEASURES]
        words = f"{key[0]} {names.get(key, '')}"[:44]
        lines.append(f"{words:44} {cells[0]:>15} {cells[1]:>15} {cells[2]:>12} {cells[3]:>9}")
    return "\n".join(lines)


def short(pid):
    words = machine.words_of(pid).split(" ")
    return " ".join([os.path.basename(words[0]), *words[1:2]])


def soak(options, place):
    """Load on every target; what is wrong."""
    seconds = options.minutes * 60
    length = min(LONGEST_ROUND, seconds / ROUNDS)
    targets = [of.pool(options.labrat, place, kind, kind) for kind in of.CLASSES]
    targets.append(of.host(options.labrat, place, "host"))
    leaking = targets[: options.leak]
    counts, rounds, names = load.Counts(), [], {}
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end or len(rounds) < 4:
            seed = f"{options.seed}/{len(rounds)}"
            load.put_load(targets, length, options.rate, seed, counts, leaking)
            for target in targets[:3]:
                words = [options.labrat, "ctl", "--socket", target.socket, "show", "stats"]
                asked = subprocess.run(words, env=place.environment, capture_output=True, check=False)
                if asked.returncode != 0:
                    counts.failed(f"{target.name}: ctl: {asked.stderr!r}")
            rounds.append(calm_figures(targets))
            names.update({key: short(key[1]) for key in rounds[-1] if key not in names})
            if len(rounds) % 10 == 0:
                say(f"{len(rounds)} rounds, {sum(counts.outcomes.values())} requests")
    finally:
        codes = {target.name: target.end() for target in targets}
    faults = judge(rounds, names) + counts.wrong[:20]
    faults += [f"{name} ended with {code}" for name, code in codes.items() if code != 0]
    say(f"{seconds:.0f} s, {len(rounds)} rounds: {dict(counts.outcomes)}, {len(counts.wrong)} wrong")
    print(table(rounds, names))
    if options.out:
        samples = [[[*key, names.get(key), one] for key, one in sorted(found.items())] for found in rounds]
        with open(options.out, "w") as file:
            json.dump({"seconds": seconds, "requests": counts.outcomes, "rounds": samples}, file)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labrat", required=True)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--leak", type=int, default=0, metavar="POOLS")
    parser.add_argument("--out")
    options = parser.parse_args()
    options.labrat = os.path.realpath(options.labrat)
    say(f"--seed {options.seed}")
    faults = []
    with tempfile.TemporaryDirectory(prefix="labrat-soak-") as folder:
        if options.minutes > 0:
            faults += soak(options, of.Place(os.path.join(folder, "load")))
        if options.kills > 0:
            faults += kills.play(options, of.Place(os.path.join(folder, "kills")), say)
        here = os.path.realpath(folder)
        machine.poll(machine.PATIENCE_SECONDS, lambda: not machine.processes_of(here))
        for pid in machine.processes_of(here):
            faults.append(f"left: process {pid} {machine.words_of(pid)}")
            machine.kill(pid)
    for fault in faults:
        say(f"wrong: {fault}")
    say("nothing grows, nothing is left" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
