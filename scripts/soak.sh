#!/usr/bin/env bash
# Mixed load on `labrat serve` (sync, gthread, async) and `labrat host`, with the memory, descriptors
# and threads of every process sampled while nothing is asked; then kills at random moments. Ends with
# 1 where something grows, where a request is not answered as it should be, or where anything is left:
# a process, mount, cgroup, loop device, swap, network, socket, file or folder.
#
#   scripts/soak.sh --minutes 60               an hour of load
#   scripts/soak.sh --minutes 0 --kills 1000   a thousand kills of arbiters, workers, emulators,
#                                              containers and rehearsals
#   scripts/soak.sh --minutes 1 --leak 1       one pool leaks: this has to end with 1
#
# --rate is the requests a second for each target, --seed what is drawn from, --out a file for the
# samples as JSON. LABRAT is the program; without it one is built.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

command -v python3 >/dev/null || die "python3 is missing"
labrat=$(find_labrat)
exec python3 "$root/tests/soak/soak.py" --labrat="$labrat" "$@"
