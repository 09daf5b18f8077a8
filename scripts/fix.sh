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
load_course "$fix"

find_deployment
say "applying $fix to $scenario"
said '.actions[] | tojson' | play_actions
# A variant may be one that does not start.
# shellcheck disable=SC2016 # The variable is jq's.
if [[ $(said '.course as $course | any(.fixes[]; .name == $course and .of_the_platform)') == true ]]; then
    mapfile -t slots < <(said '.slots[]')
    wait_for_health "${slots[@]}"
    say "next: scripts/trigger.sh $scenario --fix $fix --resource-group $group"
fi
