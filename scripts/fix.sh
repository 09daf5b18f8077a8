#!/usr/bin/env bash
# Apply a fix of a scenario, or a variant, to its target on Azure, and wait until it answers.
# Running it again changes nothing.
#
#   scripts/fix.sh SCENARIO [FIX] [options]
#
#   FIX                  default: the first of the scenario that is a change of the platform
#   --resource-group RG  default: rg-labrat-SCENARIO
#   --name NAME          as given to deploy.sh, default: labrat
#   --location REGION    understood and not needed
#   --dry-run            only print the commands
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

read_options "$@"
check_prerequisites
need curl 'apt-get install curl'
stop_if_lacking
choose_scenario
((${#rest[@]} < 2)) || not_understood "${rest[1]}"
fix=${rest[0]:-$(said '[.fixes[] | select(.of_the_platform)][0].name // empty')}
[[ $fix != -* ]] || not_understood "$fix"
[[ -n $fix ]] || die "$scenario has no fix that is a change of the platform: labrat scenarios $scenario"
load_variant "$fix"

declare -A settings=()

# is_so_already ACTION: whether the platform has it so.
is_so_already() {
    local slot is wanted
    case $(jq -r .action <<<"$1") in
    set-startup-command)
        is=$(site_configuration production) || exit 1
        wanted=$(on_azure "$(jq -r .command <<<"$1")")
        [[ $(jq -r '.appCommandLine // ""' <<<"$is") == "$wanted" ]]
        ;;
    set-setting)
        slot=$(jq -r .setting.slot <<<"$1")
        [[ -n ${settings[$slot]:-} ]] || settings[$slot]=$(site_settings "$slot") || exit 1
        # shellcheck disable=SC2016 # The variables are jq's.
        jq -e --argjson is "${settings[$slot]}" '.setting as $wanted | any($is[];
            .name == $wanted.name and .value == $wanted.value and .slotSetting == $wanted.sticky)' <<<"$1" >/dev/null
        ;;
    set-always-on)
        is=$(site_configuration production) || exit 1
        [[ $(jq -r '.alwaysOn // false' <<<"$is") == true ]]
        ;;
    set-plan)
        is=$(plan_sku) || exit 1
        [[ $is == "$(jq -r '.plan | ascii_upcase' <<<"$1")" ]]
        ;;
    *) return 1 ;;
    esac
}

# still_to_do: of the actions on standard input those that change something. Each would restart the
# site, whatever it changes.
still_to_do() {
    local action
    while read -r action; do
        is_so_already "$action" || printf '%s\n' "$action"
    done
}

find_deployment
actions=$(said '.actions[] | tojson' | still_to_do) || exit 1
if [[ -n $actions ]]; then
    say "applying $fix to $scenario"
    play_actions <<<"$actions"
else
    say "$fix is there already: nothing is changed"
fi
# A variant may be one that does not start.
# shellcheck disable=SC2016 # The variable is jq's.
if [[ $(said '.variant as $variant | any(.fixes[]; .name == $variant and .of_the_platform)') == true ]]; then
    mapfile -t slots < <(said '.slots[]')
    wait_for_health "${slots[@]}"
    say "next: scripts/trigger.sh $scenario --fix $fix --resource-group $group"
fi
