"""How often a diagnosis is right: play, strip, diagnose blind, count."""

import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

from play import play
from strip import LEVELS, strip

# Causes that the requests alone can tell apart. Of a site that never started they show 503 and no more.
HTTP_TELLS = {"healthy", "intermittent-5xx", "probe-restart", "dependency-latency", "outbound-pressure", "crashed-but-healthy", "memory-pressure",
              "front-end-limit", "keep-alive-race"}


def diagnose(labrat, paths):
    done = subprocess.run([labrat, "diagnose", "--json", *paths], capture_output=True, text=True, timeout=120)
    if not done.stdout.strip():
        raise SystemExit(f"labrat diagnose {paths}: {done.stderr}")
    return json.loads(done.stdout)


def judged(labrat, bundle, truth, level, seed):
    with tempfile.TemporaryDirectory(prefix="labrat-accuracy-") as folder:
        strip(bundle, folder, level, f"{seed}/{truth['number']}")
        if not os.listdir(folder):
            return None
        answer = diagnose(labrat, [folder])
    ranking = answer["ranking"]
    return {
        "level": level,
        "truth": truth["truth"],
        "number": truth["number"],
        "first": ranking[0]["cause"],
        "second": ranking[1]["cause"],
        "likelihood": ranking[0]["likelihood"],
        "of_truth": next((one["likelihood"] for one in ranking if one["cause"] == truth["truth"]), 0.0),
        "queue": answer.get("queue"),
        # Runs with the same likelihoods showed the rules the same signs.
        "signs": json.dumps([[one["cause"], round(one["likelihood"], 3)] for one in ranking]),
    }


def share(part, whole):
    return "-" if not whole else f"{part} of {whole} ({100 * part / whole:.1f} %)"


def can_tell(result):
    if result["level"] == "http":
        return result["truth"] in HTTP_TELLS
    return True


def bound(results):
    """How many first answers could be right at most, by any rule that sees no more signs: of runs that
    show the same signs, the commonest truth."""
    truths = collections.defaultdict(collections.Counter)
    for one in results:
        truths[one["signs"]][one["truth"]] += 1
    return sum(max(counter.values()) for counter in truths.values())


def levels_table(results, levels):
    lines = ["| Evidence | First | First at most | Among the first two | Healthy called faulty | Wrong and over 90 % | Wrong and over 99 % |", "|---|---|---|---|---|---|---|"]
    for level in levels:
        here = [one for one in results if one["level"] == level and can_tell(one)]
        first = sum(one["first"] == one["truth"] for one in here)
        two = sum(one["truth"] in (one["first"], one["second"]) for one in here)
        healthy = [one for one in here if one["truth"] == "healthy"]
        open_answers = ("healthy", "unknown", "not-enough-evidence")
        faulty = sum(one["first"] not in open_answers for one in healthy)
        wrong = [one["likelihood"] for one in here if one["first"] != one["truth"]]
        lines.append(f"| {level} | {share(first, len(here))} | {share(bound(here), len(here))} | {share(two, len(here))} | {share(faulty, len(healthy))} | "
                     f"{sum(sure > 0.9 for sure in wrong)} | {sum(sure > 0.99 for sure in wrong)} |")
    return lines


def confusion(results, level):
    here = [one for one in results if one["level"] == level]
    counts = collections.Counter((one["truth"], one["first"]) for one in here)
    truths = sorted({one["truth"] for one in here})
    lines = ["| Truth | Runs | Named first |", "|---|---|---|"]
    for truth in truths:
        named = sorted(((count, first) for (of, first), count in counts.items() if of == truth), reverse=True)
        lines.append(f"| {truth} | {sum(count for count, _ in named)} | {', '.join(f'{first} {count}' for count, first in named)} |")
    return lines


def calibration(results):
    lines = ["| Likelihood of the first | Answers | Right |", "|---|---|---|"]
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01)):
        here = [one for one in results if low <= one["likelihood"] < high]
        right = sum(one["first"] == one["truth"] for one in here)
        lines.append(f"| {low:.2f} to {min(high, 1.0):.2f} | {len(here)} | {share(right, len(here))} |")
    return lines


def servers(results, out):
    """Whether the interval for the servers, from the requests alone, holds what the pool knew, and how
    wide it is where it rests on thirty answers or more."""
    held = wide = counted = many = 0
    for one in results:
        if one["level"] != "http" or one["truth"] != "intermittent-5xx" or not one["queue"]:
            continue
        with open(os.path.join(out, f"run-{one['number']:04}", "manifest.json")) as file:
            workers = json.load(file)["topology"]["workers"]
        counted += 1
        held += one["queue"]["servers_least"] <= workers <= one["queue"]["servers_most"]
        if one["queue"]["answers"] >= 30:
            many += 1
            wide += one["queue"]["servers_most"] - one["queue"]["servers_least"] > 2
    return [f"Servers, from the requests of saturated sync pools alone: the interval holds the pool's own number in {share(held, counted)}; of those with 30 answers or more it is wider than +-1 in {share(wide, many)}."]


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--labrat", required=True)
    words.add_argument("--catalogue", required=True)
    words.add_argument("--runs", type=int, default=20)
    words.add_argument("--seed", default="1")
    words.add_argument("--evidence", nargs="*", default=list(LEVELS), choices=list(LEVELS))
    words.add_argument("--bundles", help="keep the recorded bundles here, and take those that are there already")
    words.add_argument("--jobs", type=int, default=1)
    words.add_argument("--out", help="write the tables into this file, too")
    words.add_argument("--wrong", action="store_true", help="list what was named wrong")
    options = words.parse_args()
    bundles = options.bundles or tempfile.mkdtemp(prefix="labrat-accuracy-")
    os.makedirs(bundles, exist_ok=True)
    try:
        report(options, bundles)
    finally:
        if not options.bundles:
            shutil.rmtree(bundles)


def report(options, bundles):
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        truths = list(pool.map(lambda number: play(options.labrat, options.catalogue, bundles, number, options.seed), range(options.runs)))
        valid = [truth for truth in truths if truth["valid"]]
        cases = [(truth, level) for truth in valid for level in options.evidence]
        folder = lambda truth: os.path.join(bundles, f"run-{truth['number']:04}")
        results = pool.map(lambda case: judged(options.labrat, folder(case[0]), *case, options.seed), cases)
        results = [result for result in results if result]
    healthy = sum(truth["truth"] == "healthy" for truth in valid)
    lines = [f"N = {len(valid)} runs ({healthy} healthy) of {options.runs} played, seed {options.seed}; {len(truths) - len(valid)} did not come out as their scenario says and have no truth.", ""]
    lines += levels_table(results, options.evidence)
    level = "tables" if "tables" in options.evidence else options.evidence[0]
    lines += ["", f"Named first, with the evidence `{level}`:", ""] + confusion(results, level)
    lines += ["", "Calibration, over all levels of evidence:", ""] + calibration([one for one in results if can_tell(one)])
    lines += [""] + servers(results, bundles)
    if options.wrong:
        for one in results:
            if can_tell(one) and one["first"] != one["truth"]:
                print(f"wrong: run-{one['number']:04} {one['level']}: {one['truth']} ({one['of_truth']:.2f}) named {one['first']} ({one['likelihood']:.2f})", file=sys.stderr)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.out:
        with open(options.out, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
