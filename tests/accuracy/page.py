"""Write docs/diagnose.md: one diagnosis of each family, of a recorded run that was stripped to an export."""

import argparse
import glob
import json
import os
import subprocess
import tempfile

from strip import strip

FAMILIES = [
    ("A site that does not start", "startup-failed"),
    ("A port that the platform does not ask", "wrong-port"),
    ("A pool that is full", "intermittent-5xx"),
    ("A service that is called and slow", "dependency-latency"),
    ("Memory that runs out", "memory-pressure"),
    ("A health check that restarts the site", "probe-restart"),
    ("A swap of slots", "slot-swap-drift"),
    ("No incident", "healthy"),
]

HEAD = """# The cause of an incident, from an export

`labrat diagnose PATH...` takes what there is: folders, zips and files with tables, logs, settings and
commands, of any name and format, or `-` for standard input. It needs no manifest and no scenario, runs
offline, and reads each file for what is in it.

```sh
labrat diagnose logs.zip http.csv
labrat diagnose export/ --from 2026-04-04T05:40:00Z --to 2026-04-04T06:00:00Z
labrat diagnose export/ --report report
az webapp log tail --name SITE --resource-group GROUP | labrat diagnose -
```

Every cause that it knows is weighed at once, and the likelihoods add up to one; [accuracy.md](accuracy.md)
says how often the first is right. `--json` prints the whole answer, of the form in
[diagnosis/diagnosis.schema.json](diagnosis/diagnosis.schema.json): `ranking` is a list, the likeliest
first, each with `cause`, `likelihood` and `evidence`, the rows that speak for it. `healthy`,
`not-enough-evidence` and `unknown` are answers, too.

| Exit code | Meaning |
|---|---|
| 0 | a cause, or that all is healthy, has half of the likelihood or more |
| 11 | open: none has, none that is known fits, or there is too little evidence |
| 1 | a path cannot be read |
| 2 | the command line cannot be read |

## How it is read

- A log line of the first error of a start that failed counts in full; the same line after another
  decisive error is a consequence and counts a quarter. What went wrong on the way to a good start was
  overcome.
- What a server says of where it listens decides, not the command.
- A last error that a state row repeats counts only while the row itself is an error.
- The route of a request is no sign. A route's own time is what it takes while hardly anything is in
  flight; what exceeds it is waiting. The role and its reason are part of the answer.
- Requests of a slot that hardly anybody asks, of the deployment site and of the platform's own probes
  are set aside.
- The time of the trouble is inferred from what fails and waits; more than half an hour of calm parts
  two windows. `--from` and `--to` choose another one.
- A table that is missing, or of which rows were lost, speaks neither for nor against.

The causes are data: [the files](../src/diagnosis/causes) say what speaks for and against each and how
much it weighs, and a diagnosis shows it with its rows.

What follows was printed for runs that `labrat rehearse` played, with names of their own, stripped to an
export of three tables, the startup command and the settings.
"""


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--labrat", required=True)
    words.add_argument("--bundles", required=True)
    words.add_argument("--seed", default="1")
    words.add_argument("--out", required=True)
    options = words.parse_args()
    truths = [json.load(open(path)) for path in sorted(glob.glob(options.bundles + "/*.truth.json"))]
    text = HEAD
    for title, name in FAMILIES:
        truth = next((one for one in truths if one["truth"] == name and one["valid"]), None)
        if truth is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            export = os.path.join(folder, "export")
            os.mkdir(export)
            strip(os.path.join(options.bundles, f"run-{truth['number']:04}"), export, "all", f"{options.seed}/{truth['number']}")
            done = subprocess.run([os.path.abspath(options.labrat), "diagnose", "export"], capture_output=True, text=True, cwd=folder)
        text += f"\n## {title}\n\n```text\n{done.stdout.rstrip()}\n```\n"
    with open(options.out, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
