#!/usr/bin/env bash
# How often `labrat diagnose` is right: play random incidents and healthy runs, strip each to what an
# export has, diagnose it blind, and print the confusion matrix, the calibration and the share of right
# answers for each amount of evidence.
#
#   scripts/accuracy.sh --runs 20 --seed 1
#   scripts/accuracy.sh --runs 500 --seed 1 --bundles runs/accuracy --out docs/accuracy-table.md
#   scripts/accuracy.sh --runs 20 --evidence http tables minus-console
#
# With --bundles the recorded runs are kept, and a later call with the same seed plays only what is not
# there yet. --jobs plays several runs at once, --wrong lists what was named wrong. LABRAT is the
# program; without it one is built.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

command -v python3 >/dev/null || die "python3 is missing"
labrat=${LABRAT:-$("$root/scripts/build.sh")}
exec python3 "$root/tests/accuracy/accuracy.py" --labrat="$labrat" \
    --catalogue="$root/src/scenario/catalogue" "$@"
