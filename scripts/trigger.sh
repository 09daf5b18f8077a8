#!/usr/bin/env bash
# Play a scenario against its target on Azure: the load from this machine, the changes of the
# platform through az, and the evidence that can be had from outside.
#
#   scripts/trigger.sh SCENARIO [--control | --fix NAME] [options]
#
#   --control            the target was deployed as the negative control
#   --fix NAME           the target was deployed with this fix or variant, or fix.sh applied it
#   --out DIR            where the evidence goes, default: runs/azure/SCENARIO-TIME
#   --pace FACTOR        multiply every duration of the clients
#   --resource-group RG  default: rg-labrat-SCENARIO
#   --name NAME          as given to deploy.sh, default: labrat
#   --location REGION    understood and not needed
#   --dry-run            only print the commands
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

variant=symptom
out=
pace_words=()

read_options "$@"
check_prerequisites
choose_scenario
set -- "${rest[@]}"
while (($# > 0)); do
    case $1 in
    --control)
        variant=control
        shift
        ;;
    --fix | --out | --pace)
        needs_value "$1" $#
        case $1 in
        --fix) variant=$2 ;;
        --out) out=$2 ;;
        --pace) pace_words=(--pace "$2") ;;
        esac
        shift 2
        ;;
    *) not_understood "$1" ;;
    esac
done
load_variant "$variant"
: "${out:=$root/runs/azure/$scenario-$(date -u +%Y%m%dT%H%M%SZ)}"

# declared: flags that tell labrat what nobody can see from outside: the startup command, and for
# each setting of the scenario whether the platform keeps it with its slot.
declared() {
    printf '%s\n' --command-before "$before"
    local setting
    for setting in $(said '[.settings[].name] | unique[]'); do
        if [[ -n $dry_run ]]; then
            printf '%s\n' --sticky-or-not-sticky "$setting"
        elif jq -e --arg name "$setting" 'any(.[]; .name == $name and .slotSetting)' <<<"$settings" >/dev/null; then
            printf '%s\n' --sticky "$setting"
        else
            printf '%s\n' --not-sticky "$setting"
        fi
    done
}

play() {
    if [[ -n $dry_run ]]; then
        would labrat "$@"
        local action
        # One after the other, as they will be.
        while read -r action; do
            play_actions <<<"$action"
        done < <(said '.steps[] | select(.step == "act") | .action | tojson')
        return
    fi
    # The key is in the environment, where no other user reads it.
    # shellcheck disable=SC2154 # check_prerequisites finds labrat.
    LAB_KEY=$key "$labrat" "$@"
}

find_deployment
configuration=$(site_configuration production) || exit 1
before=$(jq -r '.appCommandLine // ""' <<<"$configuration")
expected=$(on_azure "$(said .startup_command)")
if [[ -z $dry_run && $before != "$expected" ]]; then
    say "warning: the site's startup command is \`$before\`, and $variant has \`$expected\`: was it deployed so?"
fi
settings=$(site_settings production) || exit 1
key=$(jq -r '.[] | select(.name == "LAB_KEY") | .value' <<<"$settings")

words=(trigger "$scenario" --url "$(url_of production)")
slot=$(said '.slots[1] // empty')
[[ -z $slot ]] || words+=(--slot-url "$(url_of "$slot")")
words+=(--yes-this-is-mine "${variant_words[@]}" "${pace_words[@]}")
mapfile -t told < <(declared)
words+=("${told[@]}")
operated=(azure --resource-group "$group" --site "$site")
while read -r slot; do
    operated+=(--slot "$slot")
done < <(said '.slots[1:][]')
words+=(--operator "$(quoted "$root/scripts/operate.sh" "${operated[@]}")")
[[ -z $dry_run ]] || words=("${words[@]//$root\//}")
[[ -z $dry_run ]] || out=runs/azure/$scenario-TIME

status=0
play "${words[@]}" --out "$out" || status=$?
((status == 0 || status == 12)) || exit "$status"
after=$(site_configuration production) || exit 1
if [[ -z $dry_run ]]; then
    mkdir -p "$out/baseline" "$out/post"
    printf '%s\n' "$configuration" >"$out/baseline/app-config.json"
    printf '%s\n' "$after" >"$out/post/app-config.json"
    say "next: scripts/verify.sh $scenario --resource-group $group"
fi
exit "$status"
