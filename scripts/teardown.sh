#!/usr/bin/env bash
# Delete what deploy.sh made, and look whether it is gone. A group that deploy.sh made goes whole;
# in a group that was there before, only what carries labrat's tag. Running it again finds nothing.
#
#   scripts/teardown.sh [SCENARIO] [options]
#
#   SCENARIO             for the default of --resource-group
#   --resource-group RG  default: rg-labrat-SCENARIO
#   --name NAME          as given to deploy.sh, default: labrat
#   --location REGION    understood and not needed
#   --dry-run            only print the commands, for a group of either kind
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

read_options "$@"
check_prerequisites
if [[ -z $group ]] || ((${#rest[@]} > 0)); then
    choose_scenario
fi
((${#rest[@]} == 0)) || not_understood "${rest[0]}"

delete_group() {
    say "deleting the resource group $group and everything in it (2 to 10 minutes)"
    az group delete --name "$group" --yes
}

# In an order in which nothing is deleted that another still needs.
tagged_resources() {
    local found
    found=$(answer='[{"id": "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Web/sites/SITE", "type": "Microsoft.Web/sites"}]' \
        az resource list --resource-group "$group" --query "[?tags.application=='labrat'].{id: id, type: type}") || exit 1
    jq -r 'def order: {"microsoft.web/sites/slots": 0, "microsoft.insights/metricalerts": 1, "microsoft.web/sites": 2,
            "microsoft.web/serverfarms": 4}[.type | ascii_downcase] // 3;
        sort_by(order)[].id' <<<"$found"
}

delete_resources() {
    local ids id
    ids=$(tagged_resources)
    if [[ -z $ids ]]; then
        say "nothing in $group carries the tag application=labrat"
    fi
    while read -r id; do
        [[ -n $id ]] || continue
        say "deleting ${id##*/providers/}"
        az resource delete --ids "$id"
    done <<<"$ids"
    quiet=yes az deployment group delete --resource-group "$group" --name "$name" || true
    [[ -n $dry_run ]] && return
    ids=$(tagged_resources)
    [[ -z $ids ]] || die "these are still there and may cost money: $ids"
}

there=$(answer=true az group exists --name "$group") || exit 1
if [[ $there != true ]]; then
    say "there is no resource group $group: nothing to delete"
    exit 0
fi
ours=$(answer=labrat az group show --name "$group" --query tags.application --output tsv) || exit 1
if [[ $ours == labrat ]]; then
    delete_group
    there=$(answer=false az group exists --name "$group") || exit 1
    [[ $there == false ]] || die "$group is still there: az group show --name $group"
fi
if [[ $ours != labrat || -n $dry_run ]]; then
    delete_resources
fi
say "gone: nothing of labrat is left in $group"
