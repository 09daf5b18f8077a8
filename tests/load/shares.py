"""Whether the shares of any number of workers make up exactly the load of each plan. Reads plans as a
JSON list on standard input; prints how many groups of requests were held against it."""

import importlib.util
import json
import pathlib
import sys

path = pathlib.Path(__file__).parents[2] / "scripts/load/locustfile.py"
spec = importlib.util.spec_from_file_location("locustfile", path)
locustfile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(locustfile)

held = 0
for plan in json.load(sys.stdin):
    for name, groups in locustfile.phases(plan):
        for group in groups:
            for workers in range(1, 8):
                shares = [locustfile.lanes(group, worker, workers) for worker in range(workers)]
                clients = [count for share in shares for count in share]
                if sum(clients) != group["count"]:
                    sys.exit(f"{plan['scenario']} {name}: {workers} workers send {sum(clients)}: {group}")
                if len(clients) != min(group["concurrency"], group["count"]):
                    sys.exit(f"{plan['scenario']} {name}: {workers} workers have {len(clients)} clients: {group}")
            held += 1
print(held)
