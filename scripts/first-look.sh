#!/usr/bin/env bash
# A first look: two workers, thirty clients at once, and the queue between them.
#
#   scripts/first-look.sh                         the saturation
#   scripts/first-look.sh --worker-class=async    the same with a worker that does not block
#   QUEUE_SVG=queue.svg scripts/first-look.sh     and a picture of it
#
# Whatever follows is given to labrat serve.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

slow_clients=${SLOW_CLIENTS:-20}
fast_clients=${FAST_CLIENTS:-10}
slow_limit=9
fast_limit=3

command -v curl >/dev/null || die "curl is missing: apt-get install curl"
labrat=$(find_labrat)
folder=$(mktemp -d)
server=
watcher=
: >"$folder/console"
clients=()

cleanup() {
    trap - EXIT
    trap '' INT TERM
    local pid
    for pid in "${clients[@]}" $watcher; do kill "$pid" 2>/dev/null || true; done
    if [[ -n $server ]]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'echo >&2; say "stopped"; cleanup; exit 130' INT TERM

ctl() {
    "$labrat" ctl --socket "$folder/ctl" show "$1" 2>/dev/null || true
}

# client NAME LIMIT: one request on its own connection; the outcome goes to a file.
client() {
    local outcome
    outcome=$(curl --silent --output /dev/null --max-time "$3" --write-out '%{http_code} %{time_total}' \
        "$url/$2" || true)
    printf '%s %s\n' "$2" "$outcome" >"$folder/result-$1"
}

# Every outcome so far: path, status or 000, seconds.
results() {
    cat "$folder"/result-* 2>/dev/null || true
}

count() {
    results | awk -v wanted="$1" '
        { answered = ($2 != "000"); if ((wanted == "answered") == answered) total++ }
        END { print total + 0 }'
}

# bar LENGTH: that many marks, at most 40.
bar() {
    local length=$(($1 > 40 ? 40 : $1))
    printf '%*s' "$length" '' | tr ' ' '#'
}

# picture: read "second waiting answered gave-up" lines, write them as SVG: a bar for each second's
# queue, and a line for the clients who gave up.
picture() {
    awk -v total="$total" '
        { at[NR] = $1; queue[NR] = $2; gone[NR] = $4 }
        END {
            left = 46; bottom = 210; high = 180; wide = 26
            seconds = at[NR] + 1; width = left + seconds * wide + 110
            printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d 262\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#444\">\n", width
            print "<title>Connections in the accept queue, second by second</title>"
            printf "<rect width=\"%d\" height=\"262\" fill=\"#fff\"/>\n", width
            for (tick = 0; tick <= total; tick += 10) {
                y = bottom - tick / total * high
                printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>", left, left + seconds * wide, y, y
                printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d</text>\n", left - 8, y + 4, tick
            }
            for (i = 1; i <= NR; i++) {
                x = left + at[i] * wide
                size = queue[i] / total * high
                until = i < NR ? at[i + 1] : seconds
                printf "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"#4477aa\"/>\n", x + 3, bottom - size, (until - at[i]) * wide - 6, size
                points = points sprintf("%d,%.1f ", x + wide / 2, bottom - gone[i] / total * high)
            }
            for (second = 0; second < seconds; second += 5)
                printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d s</text>\n", left + (second + 0.5) * wide, bottom + 18, second
            printf "<polyline points=\"%s\" fill=\"none\" stroke=\"#cc3311\" stroke-width=\"2\" stroke-dasharray=\"6 3\"/>\n", points
            printf "<text x=\"%d\" y=\"%.1f\" fill=\"#cc3311\">clients gone: %d</text>\n", left + seconds * wide + 4, bottom - gone[NR] / total * high + 4, gone[NR]
            printf "<text x=\"%d\" y=\"%d\" fill=\"#4477aa\">bars: connections that wait in the accept queue of two sync workers</text>\n", left, 250
            print "</svg>"
        }'
}

LAB_SLOW_MIN_SECONDS=1 LAB_SLOW_MAX_SECONDS=3 \
    "$labrat" serve --bind=127.0.0.1:0 --workers=2 --timeout=120 --graceful-timeout=2 --control-socket="$folder/ctl" \
    --dashboard=127.0.0.1:0 "$@" app:app 2>"$folder/console" &
server=$!
url=
for _ in {1..100}; do
    url=$(sed -n 's/.*Listening at: \(http:[^ ]*\).*/\1/p' "$folder/console")
    if [[ -n $url && -S $folder/ctl ]] && "$labrat" probe --timeout 1 "$url/health" 2>/dev/null; then
        break
    fi
    kill -0 "$server" 2>/dev/null || {
        cat "$folder/console" >&2
        die "labrat serve ended"
    }
    sleep 0.1
done
[[ -n $url ]] || die "labrat serve does not listen"

echo "\$ labrat serve --workers=2 ${*:+$* }app:app     at $url, /slow takes 1 to 3 seconds"
grep -E 'Listening at|Using worker|Booting' "$folder/console" | sed 's/^/    /'
sed -n 's/.*Dashboard at: /    the same on a page: /p' "$folder/console"
echo
echo "$slow_clients clients ask for /slow (and give up after $slow_limit s), at once $fast_clients ask for /fast (give up after $fast_limit s)."
echo
# Through cat, so that it prints a line a second on a terminal, too.
"$labrat" watch --socket "$folder/ctl" --limit "$fast_limit" > >(cat) &
watcher=$!

total=$((slow_clients + fast_clients))
for ((i = 1; i <= total; i++)); do
    if ((i <= slow_clients)); then
        client "$i" slow "$slow_limit" &
    else
        client "$i" fast "$fast_limit" &
    fi
    clients+=($!)
done

idle=0
begun=$(date +%s%N)
while ((idle < 2)); do
    waiting=$(ctl listeners | awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "WAITING") at = i } NR == 2 { print $at }')
    busy=$(ctl workers | awk 'NR > 1 && $3 == "busy" { busy++ } END { print busy + 0 }')
    answered=$(count answered)
    gave_up=$(count gave-up)
    echo "$((($(date +%s%N) - begun) / 1000000000)) ${waiting:-0} $answered $gave_up" >>"$folder/seconds"
    if ((answered + gave_up == total)) && [[ ${waiting:-0} == 0 && $busy == 0 ]]; then
        idle=$((idle + 1))
    fi
    sleep 1
done
kill "$watcher" 2>/dev/null || true
wait "$watcher" 2>/dev/null || true
watcher=
[[ -z ${QUEUE_SVG:-} ]] || picture <"$folder/seconds" >"$QUEUE_SVG"
drained=$((($(date +%s%N) - begun) / 1000000000 - 2))

echo
echo "Every client, by the time it waited:"
results | sort -k1,1 -k3,3n | while read -r path status seconds; do
    case $status in
    000) outcome="gave up" ;;
    *) outcome="$status" ;;
    esac
    printf '    /%-5s %-8s %6.2f s  %s\n' "$path" "$outcome" "$seconds" "$(bar "$(printf '%.0f' "$(echo "$seconds" | awk '{ print $1 * 4 }')")")"
done
answered_fast=$(results | awk '$1 == "fast" && $2 == 200' | wc -l)
answered_slow=$(results | awk '$1 == "slow" && $2 == 200' | wc -l)
echo
echo "$answered_slow of $slow_clients /slow and $answered_fast of $fast_clients /fast were answered; the workers were done after about $drained s."
if ((answered_fast < fast_clients)); then
    echo "A /fast needs no time of its own: it waited in the accept queue behind /slow until its client had gone."
    echo "No client was refused, no error was logged, and the requests of those who gave up were executed all the same."
    echo "Try the fix:  scripts/first-look.sh --worker-class=async"
else
    echo "Nobody waited for somebody else: while one request sleeps, the same worker serves others."
fi
