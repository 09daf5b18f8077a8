#!/usr/bin/env bash
# Export the log tables of a run from Log Analytics into its folder. Rows arrive minutes after they
# were written: this waits until every request of the run has its row and three looks in a row found
# the same, and says so where the limit comes first. Running it again exports anew.
#
#   scripts/collect.sh SCENARIO [options]
#
#   --run DIR            default: the newest of runs/azure/SCENARIO-*
#   --wait SECONDS       wait for rows at most so long, default: 1200
#   --every SECONDS      between two looks, default: 30
#   --resource-group RG  default: rg-labrat-SCENARIO
#   --name NAME          as given to deploy.sh, default: labrat
#   --location REGION    understood and not needed
#   --dry-run            only print the commands
#
# Exit codes: 0 everything is there; 11 something is missing, which standard error names; 1 failed.
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

read_options "$@"
check_prerequisites
choose_scenario
read_collection_options "${rest[@]}"

declare -A rows=() before=() failed=()
looks_alike=0 own=0
tables=(http console platform)

# moment SECONDS JQ: a moment of the run, moved by so many seconds, as Kusto reads it.
moment() {
    jq -r --argjson shift "$1" "$2 | sub(\"\\\\.[0-9]+\"; \"\") | fromdateiso8601 + \$shift | todate" "$run/manifest.json"
}

read_manifest() {
    [[ -f $run/manifest.json ]] || die "$run has no manifest.json: scripts/trigger.sh writes it, --run names another folder"
    [[ $(jq -r .scenario "$run/manifest.json") == "$scenario" ]] || die "$run is a run of another scenario"
    requests=$(jq '[.phases[].requests_done] | add // 0' "$run/manifest.json")
    # Requests end within the run; what the site says of its start comes before it, and where the
    # scenario begins with a site that is down, a good while before.
    start=$(moment 0 .clock.started)
    end=$(moment 300 '(.clock.ended // .clock.started)')
    early=$(moment "$(if [[ $(said .starts_down) == true ]]; then echo -1200; else echo -120; fi)" .clock.started)
}

# export TABLE: into the work folder; sets rows, or failed with the reason.
export_table() {
    local from
    # The deployment's row is before the run as well.
    from=$early
    failed[$1]=
    if quiet=yes query "$1.kql" "$from" "$end" >"$work/$1.rows"; then
        if rows[$1]=$(jq '.tables[0].rows | length' "$work/$1.rows" 2>/dev/null); then
            [[ $1 != http ]] || own=$(own_rows "$work/http.rows")
            return
        fi
        failed[$1]="the answer is no table"
    else
        failed[$1]=$(tail -n 3 "$work/az.err" | tr '\n' ' ')
    fi
    rows[$1]=0
}

# own_rows FILE: those of the run's clients: not the deployments', not the platform's own, and not of
# the snapshots, which nobody counted as requests.
own_rows() {
    jq --arg start "$start" '.tables[0] | (.columns | to_entries | map({key: .value.name, value: .key}) | from_entries) as $at
        | [.rows[] | . as $row
            | {time: ($row[$at.TimeGenerated // 0] // ""), host: ($row[$at.CsHost // 999] // ""),
               path: ($row[$at.CsUriStem // 999] // ""), agent: ($row[$at.UserAgent // 999] // "")}
            | select(.time >= ($start | rtrimstr("Z")))
            | select(.host | contains(".scm.") | not)
            | select(.path | startswith("/diag/") | not)
            | select(.agent | test("^(AlwaysOn|HealthCheck|SiteWarmup)") | not)] | length' "$1"
}

# all_there: every request has a row, no export failed, and this look found what the two before did.
all_there() {
    local table
    for table in "${tables[@]}"; do
        if [[ -n ${failed[$table]} || ${before[$table]:-} != "${rows[$table]}" ]]; then
            looks_alike=0
            return 1
        fi
    done
    looks_alike=$((looks_alike + 1))
    ((own >= requests && looks_alike >= 2))
}

wait_for_rows() {
    local begun table line
    begun=$(date +%s)
    while true; do
        for table in "${tables[@]}"; do
            export_table "$table"
        done
        line="http $own rows for $requests requests (${rows[http]} in all), console ${rows[console]}, platform ${rows[platform]}"
        for table in "${tables[@]}"; do
            [[ -z ${failed[$table]} ]] || line+="; $table cannot be exported"
        done
        say "$line"
        if all_there; then
            settled=yes
            return
        fi
        (($(date +%s) - begun + every <= limit)) || return 0
        for table in "${tables[@]}"; do
            before[$table]=${rows[$table]}
        done
        sleep "$every"
    done
}

# keep TABLE: an export becomes evidence only if its being empty would mean something.
missing=0
keep() {
    local file=$run/tables/$1.json
    if [[ -n ${failed[$1]} ]]; then
        say "missing: $1 cannot be exported: ${failed[$1]}"
    elif ((rows[$1] == 0)) && [[ -z $settled || $1 == http ]]; then
        say "missing: the workspace has no rows of $1 yet; that is not evidence that there were none"
    else
        mkdir -p "$run/tables"
        mv "$work/$1.rows" "$file"
        if [[ $1 == http ]] && ((own < requests)); then
            say "incomplete: http has $own rows for $requests requests"
            missing=$((missing + 1))
        fi
        return
    fi
    missing=$((missing + 1))
}

if [[ -n $dry_run ]]; then
    find_deployment
    find_log_endpoint
    for table in "${tables[@]}"; do
        query "$table.kql" START END >/dev/null
    done
    exit 0
fi
: "${run:=$(latest_run)}"
read_manifest
find_deployment
find_log_endpoint
settled=
say "waiting for the rows of $run, at most $limit s"
wait_for_rows
for table in "${tables[@]}"; do
    keep "$table"
done
if ((missing > 0)); then
    say "$missing of ${#tables[@]} tables are missing or incomplete after $limit s: run this again later, or judge what is there: labrat verdict $run"
    exit "$inconclusive"
fi
say "the tables are in $run/tables"
