#!/usr/bin/env bash
# Put a scenario's target on Azure: the resources, the package, and the settings of one variant.
# Running it again brings everything back to where the scenario begins, and says what that takes back.
#
#   scripts/deploy.sh SCENARIO [--control | --fix NAME] [options]
#
#   --control            as the negative control has it
#   --fix NAME           with this fix or variant applied
#   --resource-group RG  default: rg-labrat-SCENARIO; made if it is not there
#   --location REGION    default: westeurope
#   --name NAME          part of every resource's name, default: labrat
#   --address RANGE      who may reach the site, default: this machine's public address, which
#                        api.ipify.org tells
#   --expiry YYYY-MM-DD  tag: when all of it may be deleted, default: tomorrow
#   --package ZIP        default: target/package/labrat.zip, made by scripts/package.sh
#   --dry-run            only print the commands
#
# LAB_KEY, if set, becomes the key of the fault routes; else the present one stays, or one is made.
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

variant=symptom
site=
present_settings='[]'
address=
expiry=
package=$root/target/package/labrat.zip

read_options "$@"
check_prerequisites
need curl 'apt-get install curl'
stop_if_lacking
choose_scenario
set -- "${rest[@]}"
while (($# > 0)); do
    case $1 in
    --control)
        variant=control
        shift
        ;;
    --fix | --address | --expiry | --package)
        needs_value "$1" $#
        case $1 in
        --fix) variant=$2 ;;
        --address) address=$2 ;;
        --expiry) expiry=$2 ;;
        --package) package=$2 ;;
        esac
        shift 2
        ;;
    *) not_understood "$1" ;;
    esac
done
load_variant "$variant"

# public_address: of this machine, as a range of one.
public_address() {
    if [[ -n $dry_run ]]; then
        printf 'YOUR-ADDRESS/32'
        return
    fi
    local found
    found=$(curl --silent --fail --max-time 20 https://api.ipify.org) ||
        die "api.ipify.org does not tell this machine's address: name it with --address 203.0.113.7/32"
    printf '%s/32' "$found"
}

tomorrow() {
    date -u -d '+1 day' +%F 2>/dev/null || date -u -v+1d +%F
}

# The site of an earlier run, if there is one: sets site.
find_present_site() {
    [[ -z $dry_run ]] || return 0
    site=$(quiet=yes az deployment group show --resource-group "$group" --name "$name" \
        --query properties.outputs.webAppName.value --output tsv) || site=
    [[ -n $site ]] || return 0
    present_settings=$(quiet=yes site_settings production) || site=
}

# The key that the site has already, so that a second deployment changes nothing.
present_key() {
    [[ -n $site ]] || return 0
    jq -r '.[] | select(.name == "LAB_KEY") | .value' <<<"$present_settings"
}

# changed_settings SLOT: names of those whose value or kind is not what the variant has, on standard
# input the present ones. The template's own are left out.
changed_settings() {
    # shellcheck disable=SC2016 # The variables are jq's.
    jq -r --arg slot "$1" --slurpfile variant "$work/variant.json" '$variant[0].settings as $all
        | [$all[] | select(.sticky) | .name] as $sticky
        | (map({name, value, slotSetting})) as $is
        | ($all | map(select(.slot == $slot) | {name, value, slotSetting: (.name as $of | any($sticky[]; . == $of))})) as $wanted
        | (($is + $wanted | map(.name) | unique) - ["LAB_KEY", "SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD",
            "WEBSITES_PORT", "WEBSITES_ENABLE_APP_SERVICE_STORAGE"])[] as $name
        | select([$is[] | select(.name == $name)] != [$wanted[] | select(.name == $name)])
        | "\($name) of \($slot)"'
}

# changed_since: what a fix, a swap or somebody by hand has made different from the variant.
changed_since() {
    local slot found
    found=$(quiet=yes site_configuration production | jq -r '.appCommandLine // ""')
    [[ $found == "$(on_azure "$(said .startup_command)")" ]] || printf 'the startup command, which is %s\n' "$found"
    found=$(quiet=yes plan_sku) || found=
    [[ ${found,,} == "$(said '.plan | ascii_downcase')" ]] || printf 'the plan, which is %s\n' "$found"
    for slot in $(said '.slots[]'); do
        found=$present_settings
        [[ $slot == production ]] || found=$(quiet=yes site_settings "$slot") || continue
        changed_settings "$slot" <<<"$found"
    done
}

# A fix is not undone without a word.
say_what_is_taken_back() {
    [[ -n $site ]] || return 0
    local changed
    changed=$(changed_since)
    if [[ -z $changed ]]; then
        say "$site is there and as $variant has it"
        return
    fi
    say "$site is there; this takes back to $variant:"
    printf '    %s\n' "${changed//$'\n'/$'\n'    }" >&2
}

make_group() {
    local there
    there=$(answer=false az group exists --name "$group") || exit 1
    if [[ $there == true ]]; then
        say "resource group $group is there"
        return
    fi
    say "making resource group $group in $location"
    # The tag tells teardown.sh that the whole group may go.
    az group create --name "$group" --location "$location" \
        --tags application=labrat "scenario=$scenario" "expiry=$expiry" --output none
}

# The parameters of the variant: the committed file, or what the catalogue says with the changes.
find_parameters() {
    parameters=bicep/parameters/$scenario.parameters.json
    if [[ $variant == symptom ]]; then
        return
    fi
    parameters=$work/$variant.parameters.json
    # shellcheck disable=SC2154 # check_prerequisites finds labrat.
    "$labrat" scenarios "$scenario" --parameters "${variant_words[@]}" >"$parameters"
    [[ -z $dry_run ]] || parameters=$variant.parameters.json
}

make_resources() {
    local key secrets=$work/labKey.parameters.json
    key=${LAB_KEY:-$(present_key)}
    [[ -n $key ]] || key=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
    # A key on a command line could be read by every process of this machine.
    jq -n --arg key "$key" \
        '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
          contentVersion: "1.0.0.0", parameters: {labKey: {value: $key}}}' >"$secrets"
    [[ -z $dry_run ]] || secrets=labKey.parameters.json
    say "making the resources: a plan $(said .plan), a site, a workspace (2 to 6 minutes)"
    az deployment group create --resource-group "$group" --name "$name" \
        --template-file bicep/main.bicep --parameters "@$parameters" \
        --parameters "@$secrets" "baseName=$name" "location=$location" "expiry=$expiry" "deployerAddress=$address" \
        "startupCommand=$(on_azure "$(said .startup_command)")" --output none
}

deploy_package() {
    local slot
    for slot in $(said '.slots[]'); do
        say "deploying the package to $slot"
        slot_words "$slot"
        deploy_to_slot "$slot"
    done
}

# deploy_to_slot SLOT: again, where the container that takes deployments was restarted meanwhile, as a
# change of settings does a moment later.
deploy_to_slot() {
    local try
    for try in 1 2 3 4 5; do
        # Whether the site starts is seen by its answers, and some are not meant to.
        if quiet=yes az webapp deploy --resource-group "$group" --name "$site" "${slot_option[@]}" \
            --src-path "$package" --type zip --track-status false --output none; then
            return
        fi
        if ((try == 5)) || ! grep -q 'SCM container restart' "$work/az.err"; then
            explain webapp deploy
            exit 1
        fi
        say "$1: the container that takes deployments was restarted; trying again"
        sleep "${LABRAT_RETRY_SECONDS:-20}"
    done
}

cd "$root"
: "${expiry:=$(tomorrow)}"
: "${address:=$(public_address)}"
if [[ -z $dry_run && ! -f $package ]]; then
    [[ -x scripts/package.sh ]] || die "there is no package $package"
    say "making the package"
    scripts/package.sh >/dev/null
fi
[[ -z $dry_run ]] || package=${package#"$root"/}
make_group
find_parameters
find_present_site
say_what_is_taken_back
make_resources
find_deployment
deploy_package
said '.actions[] | select(.action == "described") | tojson' | play_actions
if [[ $(said .starts_down) == true ]]; then
    say "not waiting for /health: the scenario may begin with a site that is down"
else
    mapfile -t slots < <(said '.slots[]')
    wait_for_health "${slots[@]}"
fi
if [[ -z $dry_run ]]; then
    printf 'site: %s\nonly for: %s\ndelete by: %s\n' "$(url_of production)" "$address" "$expiry"
    say "next: scripts/trigger.sh $scenario --resource-group $group; at the end scripts/teardown.sh $scenario --resource-group $group"
fi
