#!/usr/bin/env bash
# Before a swap on Azure: compare the settings and identities of two slots, and say what a swap would
# move and what speaks against it. Ends with 1 while something blocks.
#
#   scripts/settings-diff.sh --resource-group RG --site SITE [options]
#
#   --source SLOT        the slot that would be swapped in, default: staging
#   --target SLOT        the slot that it would be swapped into, default: production
#   --intended A,B       what is meant to differ: settings that move with the code, identity
#   --json               print JSON
#   --dry-run            only print the commands
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

read_options "$@"
site=
source_slot=staging
target_slot=production
words=()
set -- "${rest[@]}"
while (($# > 0)); do
    case $1 in
    --site | --source | --target | --intended)
        needs_value "$1" $#
        case $1 in
        --site) site=$2 ;;
        --source) source_slot=$2 ;;
        --target) target_slot=$2 ;;
        --intended) words+=(--intended "$2") ;;
        esac
        shift 2
        ;;
    --json)
        words+=(--json)
        shift
        ;;
    *) not_understood "$1" ;;
    esac
done
[[ -n $group && -n $site ]] || refuse "--resource-group and --site are needed"
check_prerequisites

# site_identity SLOT: who the slot is for the services that it calls; nothing where it is nobody.
site_identity() {
    slot_words "$1"
    answer='' az webapp identity show --resource-group "$group" --name "$site" "${slot_option[@]}"
}

for side in source target; do
    slot=${side}_slot
    site_settings "${!slot}" >"$work/$side.json" || exit 1
    site_identity "${!slot}" >"$work/$side-identity.json" || exit 1
done
configuration=$(site_configuration "$source_slot") || exit 1
health_path=$(jq -r '.healthCheckPath // empty' <<<"$configuration")
[[ -z $health_path ]] || words+=(--health-path "$health_path")
words+=(--source-identity "$work/source-identity.json" --target-identity "$work/target-identity.json")
if [[ -n $dry_run ]]; then
    would labrat settings diff SOURCE TARGET
    exit
fi
status=0
"$labrat" settings diff "${words[@]}" "$work/source.json" "$work/target.json" || status=$?
exit "$status"
