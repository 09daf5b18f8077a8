#!/usr/bin/env bash
# Collect the log tables of a run, ask the workspace the questions of the runbook, and judge. What
# is missing is not waited for twice: the verdict then says "no evidence".
#
#   scripts/verify.sh SCENARIO [options]
#
#   --run DIR            default: the newest of runs/azure/SCENARIO-*
#   --wait SECONDS       wait for rows at most so long, default: 1200
#   --every SECONDS      between two looks, default: 30
#   --resource-group RG  default: rg-labrat-SCENARIO
#   --name NAME          as given to deploy.sh, default: labrat
#   --location REGION    understood and not needed
#   --dry-run            only print the commands
#
# Exit codes, those of labrat verdict: 0 reproduced, 10 not reproduced, 11 inconclusive; 1 failed.
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

read_options "$@"
# By collect.sh.
# shellcheck disable=SC2034 # check_prerequisites reads it.
login_is_checked_later=yes
check_prerequisites
choose_scenario
read_collection_options "${rest[@]}"

# The questions are the files of scripts/kql that are no export of a whole table.
questions() {
    local file
    for file in "$root"/scripts/kql/*.kql; do
        case ${file##*/} in
        http.kql | console.kql | platform.kql) ;;
        *) printf '%s\n' "${file##*/}" ;;
        esac
    done
}

# show QUESTION FILE: its comment and the answer as a table.
show() {
    printf '\n%s\n' "$(sed -n 's|^// ||p' "$root/scripts/kql/$1" | tr '\n' ' ')"
    jq -r '.tables[0] | ([.columns[].name] | @tsv), (.rows[] | map(tostring) | @tsv)' "$2" |
        awk -F '\t' '{ for (i = 1; i <= NF; i++) printf "  %-28s", $i; print "" }'
}

ask() {
    local question start end
    if [[ -z $dry_run ]]; then
        # Kusto's moments have seven fractional digits.
        start=$(jq -r '.clock.started | sub("(?<kept>\\.[0-9]{1,7})[0-9]*"; "\(.kept)")' "$run/manifest.json")
        end=$(jq -r '(.clock.ended // .clock.started) | sub("\\.[0-9]+"; "") | fromdateiso8601 + 300 | todate' "$run/manifest.json")
    fi
    while read -r question; do
        if query "$question" "${start:-START}" "${end:-END}" >"$work/answer.json"; then
            [[ -n $dry_run ]] || show "$question" "$work/answer.json"
        fi
    done < <(questions)
}

common=(--resource-group "$group" --name "$name")
if [[ -n $dry_run ]]; then
    "$root/scripts/collect.sh" "$scenario" "${common[@]}" --dry-run
    find_deployment >/dev/null 3>/dev/null
    log_endpoint=https://api.loganalytics.io
    ask
    would labrat verdict "runs/azure/$scenario-TIME" --scenario "$scenario" --report "runs/azure/$scenario-TIME/report"
    exit 0
fi
: "${run:=$(latest_run)}"
status=0
"$root/scripts/collect.sh" "$scenario" "${common[@]}" --run "$run" --wait "$limit" --every "$every" || status=$?
((status == 0 || status == inconclusive)) || exit "$status"
find_deployment
find_log_endpoint
ask
echo
status=0
# shellcheck disable=SC2154 # check_prerequisites finds labrat.
"$labrat" verdict "$run" --scenario "$scenario" --report "$run/report" || status=$?
say "report: $run/report/report.html"
exit "$status"
