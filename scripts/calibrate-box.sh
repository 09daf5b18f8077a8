#!/usr/bin/env bash
# Find the speed of a memory box's swap at which the tails of memory-pressure come nearest to those
# of the recorded run: p95 1.784 s of /leak and 14.815 s of /heavy. Takes root and some minutes on a
# machine that has nothing else to do.
#
#   scripts/calibrate-box.sh [SPEED...]    MB/s; 8 12 16 unless told otherwise
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

recorded_leak=1.784
recorded_heavy=14.815

speeds=("$@")
[[ $# -gt 0 ]] || speeds=(8 12 16)
labrat=$(find_labrat)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# p95 SAMPLES: the 95th percentile of the answers' durations, in seconds.
p95() {
    awk -F, 'NR > 1 { print $7 }' "$1" | sort -g | awk '{ all[NR] = $1 } END { print all[int(NR * 0.95 + 0.5)] }'
}

printf '%8s %12s %12s %8s\n' MB/s '/leak p95' '/heavy p95' misses
for speed in "${speeds[@]}"; do
    say "$speed MB/s"
    out=$folder/$speed
    # Not reproduced is an answer as well.
    "$labrat" rehearse memory-pressure --box cgroup --box-swap-speed "$speed" --pace 1 \
        --out "$out" >/dev/null 2>&1 || [[ $? == 10 ]] || die "the rehearsal failed"
    leak=$(p95 "$out/trigger/samples-leak.csv")
    heavy=$(p95 "$out/trigger/samples-heavy.csv")
    # The larger of the two factors by which the tails are missed.
    awk -v speed="$speed" -v leak="$leak" -v heavy="$heavy" \
        -v recorded_leak="$recorded_leak" -v recorded_heavy="$recorded_heavy" '
        function factor(one, other) { return one > other ? one / other : other / one }
        BEGIN {
            miss = factor(leak, recorded_leak)
            if (factor(heavy, recorded_heavy) > miss) miss = factor(heavy, recorded_heavy)
            printf "%8s %10.3f s %10.3f s %7.1fx\n", speed, leak, heavy, miss
        }'
done
