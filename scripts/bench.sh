#!/usr/bin/env bash
# Compare labrat with Gunicorn and Flask, with a bare accept-read-write-close loop and with a plain
# axum server, in one run. Writes target/bench/results.json and results.md.
#
#   scripts/bench.sh                           measure
#   scripts/bench.sh --page docs/benchmark.md  and put the table into the page
#
# Where nginx is installed it is measured beside the front end.
#
# Whatever follows is given to tests/bench/run.py (--rounds, --seconds, --starts, and --before PROGRAM:
# an earlier labrat, to be measured beside this one).
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$root"

for tool in cargo python3; do
    command -v "$tool" >/dev/null || die "$tool is missing"
done
if ! command -v wrk >/dev/null; then
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        say "installing wrk"
        apt-get install -qq -y wrk >/dev/null
    else
        die "wrk, the load generator, is missing: apt-get install wrk"
    fi
fi

tests/oracle/setup.sh
labrat=$(scripts/build.sh)
say "building the yardsticks"
use_release_settings
executables=$(cargo bench --quiet --no-run "${release_flags[@]}" --message-format=json --bench bare --bench plain_axum --bench relay |
    python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and "bench" in message["target"]["kind"]:
        print(message["target"]["name"], message["executable"])')
yardstick() {
    awk -v name="$1" '$1 == name { print $2 }' <<<"$executables"
}

say "measuring; leave the machine alone for about ten minutes"
python3 tests/bench/run.py --labrat="$labrat" --gunicorn="$root/target/oracle/bin/gunicorn" \
    --app="$root/tests/oracle" --bare="$(yardstick bare)" --axum="$(yardstick plain_axum)" --relay="$(yardstick relay)" \
    --out="$root/target/bench" "$@"
