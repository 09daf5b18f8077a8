# What the scripts for Azure share: their options, how az is called, where the parts of a
# deployment are, and how an action of a scenario is played. Sourced, not run.
# shellcheck shell=bash

# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_NO_COLOR=true AZURE_CORE_SURVEY_MESSAGE=false
export AZURE_CORE_ONLY_SHOW_ERRORS=true AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no AZURE_CORE_OUTPUT=json

# Exit code of labrat, which the scripts have for the same: evidence is missing.
# shellcheck disable=SC2034 # It is read by whoever sources this.
inconclusive=11

# What stands on Azure before the words of a startup command, in place of the catalogue's `labrat`.
# The built-in image runs the command where the package is, which may be storage on the network: the
# program is copied to the machine first. Whether its run bit is kept is up to who unpacks it.
program='cp ./labrat /tmp/labrat && chmod +x /tmp/labrat && exec /tmp/labrat'

work=
dry_run=
scenario=
rest=()
name=${LABRAT_NAME:-labrat}
# shellcheck disable=SC2034 # It is read by whoever sources this.
location=${LABRAT_LOCATION:-westeurope}
group=${LABRAT_RESOURCE_GROUP:-}

cleanup() {
    [[ -z $work ]] || rm -rf "$work"
}

# A folder for what must not be on a command line; gone with the script.
make_work_folder() {
    work=$(umask 077 && mktemp -d)
    trap cleanup EXIT
    trap 'say "stopped"; exit 130' INT TERM
}

# The text at the head of the script that sources this, as its help.
usage() {
    sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0"
}

# refuse WHAT: the command line cannot be read.
refuse() {
    printf 'error: %s\n\nhint: %s --help\n' "$*" "$0" >&2
    exit 2
}

# needs_value OPTION COUNT: an option at the end of the line has no value.
needs_value() {
    (($2 > 1)) || refuse "$1 needs a value"
}

# read_options WORD...: what every script understands; what is left goes to rest.
read_options() {
    while (($# > 0)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --dry-run)
            dry_run=yes
            shift
            ;;
        --resource-group | --location | --name)
            needs_value "$1" $#
            # shellcheck disable=SC2034 # The location is read by whoever sources this.
            case $1 in
            --resource-group) group=$2 ;;
            --location) location=$2 ;;
            --name) name=$2 ;;
            esac
            shift 2
            ;;
        *)
            rest+=("$1")
            shift
            ;;
        esac
    done
}

# not_understood WORD: in place of the scenario or after it.
not_understood() {
    case $1 in
    -*) refuse "there is no option $1" ;;
    *) refuse "$1 is one word too many" ;;
    esac
}

# read_collection_options WORD...: what collect.sh understands, and verify.sh for it.
run=
limit=1200
every=30
read_collection_options() {
    while (($# > 0)); do
        case $1 in
        --run | --wait | --every)
            needs_value "$1" $#
            # shellcheck disable=SC2034 # The run is read by whoever sources this.
            case $1 in
            --run) run=$2 ;;
            --wait) limit=$2 ;;
            --every) every=$2 ;;
            esac
            shift 2
            ;;
        *) not_understood "$1" ;;
        esac
    done
    [[ $limit =~ ^[0-9]+$ && $every =~ ^[1-9][0-9]*$ ]] || refuse "--wait and --every need whole seconds"
}

# quoted WORD...: as one would type it.
quoted() {
    local word line=
    for word in "$@"; do
        if [[ ! $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then
            word="'${word//\'/\'\\\'\'}'"
        fi
        line+="${line:+ }$word"
    done
    printf '%s\n' "$line"
}

# would WORD...: show a command of a dry run.
would() {
    quoted "$@" >&3
}

# az, or in a dry run only the command; `answer` is then what it would have said. A failure is told
# with a hint where its cause is known.
az() {
    if [[ -n $dry_run ]]; then
        would az "$@"
        printf '%s' "${answer:-}"
        return
    fi
    local status=0
    command az "$@" 2>"$work/az.err" || status=$?
    if ((status != 0)); then
        [[ -n ${quiet:-} ]] || explain "$@"
        return "$status"
    fi
}

# explain WORD...: why the az command failed, from what it left in az.err.
explain() {
    local said hint=
    said=$(<"$work/az.err")
    case $said in
    *"az login"* | *"No subscription found"* | *InvalidAuthenticationToken* | *ExpiredAuthenticationToken*)
        hint='az login, then az account set --subscription NAME'
        ;;
    *roleAssignments/write* | *RoleAssignmentUpdateNotPermitted*)
        hint='the registry and its identity need a role assignment, and that the role Owner or User Access Administrator on the resource group'
        ;;
    *"SCM container restart"*)
        hint='a change of settings restarted the container that takes deployments: run this again in a minute'
        ;;
    *SubscriptionIsOverQuotaForSku* | *"additional quota"* | *QuotaExceeded*)
        hint='this region has no quota for the plan: try another --location (the names follow it, so that what is half made does not collide), or ask for quota in the portal under Quotas'
        ;;
    *MissingSubscriptionRegistration*)
        hint='az provider register --namespace Microsoft.Web, and the same for Microsoft.OperationalInsights and Microsoft.Insights'
        ;;
    *LocationNotAvailable* | *"not available for resource type"*)
        hint='choose another --location: az account list-locations --query "[].name"'
        ;;
    *AuthorizationFailed*)
        hint='you need the role Contributor on the resource group'
        ;;
    *ResourceGroupNotFound* | *DeploymentNotFound*)
        hint='nothing is deployed there under this name: scripts/deploy.sh SCENARIO, with the same --resource-group and --name'
        ;;
    *"did not respond to http ping"* | *"warmup requests"*)
        hint="the swap was taken back, since the slot that was to come in did not become warm: ask its /health, read az webapp log tail --resource-group $group --name ${site:-SITE} --slot staging, then run this again"
        ;;
    *"another operation is in progress"*)
        hint='a swap or another change of the site is still at work: wait for its end, then run this again'
        ;;
    *"Ip Forbidden"* | *"status code: 403"* | *"Status Code: 403"*)
        hint='your address has changed, or you are not the deployer: run scripts/deploy.sh again, it admits the present address'
        ;;
    esac
    local word command=az
    for word in "$@"; do
        [[ $word != -* ]] || break
        command+=" $word"
    done
    say "error: $command failed:"
    sed 's/^/    /' "$work/az.err" >&2
    if [[ -n $hint ]]; then
        printf '\nhint: %s\n' "$hint" >&2
    fi
}

# need PROGRAM HINT: a prerequisite; all that lack are told at once by stop_if_lacking.
lacking=0
need() {
    # Only programs: az is also the name of a function here.
    if ! type -P "$1" >/dev/null; then
        printf 'error: %s is missing\nhint: %s\n' "$1" "$2" >&2
        lacking=$((lacking + 1))
    fi
}

stop_if_lacking() {
    ((lacking == 0)) || exit 1
}

# What every script needs; in a dry run neither az nor a login.
check_prerequisites() {
    ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))) ||
        die "bash 4.4 or newer is needed, this is $BASH_VERSION"
    need jq 'apt-get install jq, or brew install jq'
    if [[ -z $dry_run ]]; then
        need az 'https://learn.microsoft.com/cli/azure/install-azure-cli'
    fi
    stop_if_lacking
    labrat=$(find_labrat)
    make_work_folder
    # Commands of a dry run are its data.
    exec 3>&1
    if [[ -z $dry_run && -z ${login_is_checked_later:-} ]]; then
        check_version
        subscription=$(az account show --query name --output tsv) || exit 1
        say "subscription: $subscription"
    fi
}

# The oldest az that knows every word that the scripts say.
least_version=2.60.0
check_version() {
    local found
    found=$(command az version --query '"azure-cli"' --output tsv 2>/dev/null) || found=
    [[ -n $found ]] || return 0
    if [[ $(printf '%s\n' "$least_version" "$found" | sort --version-sort | head -n 1) != "$least_version" ]]; then
        printf 'error: az is %s, and %s is the oldest that knows what is needed\n\nhint: az upgrade\n' "$found" "$least_version" >&2
        exit 1
    fi
}

# choose_scenario: the first word that is left is its name; the resource group follows from it.
choose_scenario() {
    ((${#rest[@]} > 0)) || refuse "a scenario is needed: $("$labrat" scenarios --json | jq -r '[.[].rules.name] | join(", ")')"
    scenario=${rest[0]}
    rest=("${rest[@]:1}")
    [[ $scenario != -* ]] || refuse "the scenario comes first, then its options"
    load_variant symptom
    local playable
    # Another name of the scenario is as good.
    read -r scenario playable < <(said '"\(.scenario) \(.on_azure)"')
    [[ $playable == true ]] || die "$scenario can be played on this machine only: labrat rehearse $scenario"
    : "${group:=rg-labrat-$scenario}"
}

# load_variant VARIANT: the scenario with this variant applied: symptom, control, a fix or a variant.
load_variant() {
    variant_words=()
    case $1 in
    symptom) ;;
    control) variant_words=(--control) ;;
    *) variant_words=(--fix "$1") ;;
    esac
    "$labrat" scenarios "$scenario" --plan "${variant_words[@]}" >"$work/variant.json" || exit 2
}

# said FILTER: something of the variant.
said() {
    jq -r "$1" "$work/variant.json"
}

# find_deployment: sets site, hosts and workspace from the deployment's outputs.
declare -A hosts=([production]='')
site=
workspace=
find_deployment() {
    local outputs what value
    outputs=$(answer=$outputs_of_a_dry_run az deployment group show --resource-group "$group" --name "$name" \
        --query properties.outputs) || exit 1
    # shellcheck disable=SC2016 # The variable is jq's.
    while read -r what value; do
        case $what in
        site) site=$value ;;
        workspace) workspace=$value ;;
        *) hosts[$what]=$value ;;
        esac
    done < <(jq -r --slurpfile variant "$work/variant.json" '
        "site \(.webAppName.value // "")",
        "workspace \(.logAnalyticsWorkspaceCustomerId.value // "")",
        "production \(.productionDefaultHostName.value // "")",
        ([$variant[0].slots[1:], .slotDefaultHostNames.value // []] | transpose[] | select(.[0])
            | "\(.[0]) \(.[1] // "")")' <<<"$outputs")
    [[ -n $site && -n $workspace && -n ${hosts[production]} ]] ||
        die "the deployment $name in $group has not the outputs of bicep/main.bicep: choose another --name"
}

outputs_of_a_dry_run='{"webAppName": {"value": "SITE"}, "logAnalyticsWorkspaceCustomerId": {"value": "WORKSPACE-ID"},
    "productionDefaultHostName": {"value": "SITE.azurewebsites.net"},
    "slotDefaultHostNames": {"value": ["SITE-staging.azurewebsites.net"]}}'

# slot_words SLOT: how az is told which slot; production is the one that is not named.
slot_words() {
    slot_option=()
    if [[ $1 != production ]]; then
        slot_option=(--slot "$1")
    fi
}

# on_azure COMMAND: a startup command of the catalogue, with the program where the package has it.
on_azure() {
    if [[ $1 == "labrat "* ]]; then
        printf '%s %s' "$program" "${1#labrat }"
    else
        printf '%s' "$1"
    fi
}

# site_configuration SLOT: what the platform says of the site, without anything secret.
site_configuration() {
    slot_words "$1"
    answer='{"appCommandLine": "COMMAND"}' az webapp config show --resource-group "$group" --name "$site" "${slot_option[@]}" \
        --query '{appCommandLine: appCommandLine, linuxFxVersion: linuxFxVersion, alwaysOn: alwaysOn, healthCheckPath: healthCheckPath, numberOfWorkers: numberOfWorkers}'
}

# site_settings SLOT: name, value and slotSetting of each; the key is among them.
site_settings() {
    slot_words "$1"
    answer='[]' az webapp config appsettings list --resource-group "$group" --name "$site" "${slot_option[@]}"
}

# plan_name: the plan that the site runs on.
plan_name() {
    local id
    # Not az webapp show, which asks for the site's passwords too.
    id=$(answer=/subscriptions/SUBSCRIPTION/serverfarms/PLAN az resource show --resource-group "$group" --name "$site" \
        --resource-type Microsoft.Web/sites --query properties.serverFarmId --output tsv) || return 1
    printf '%s\n' "${id##*/}"
}

# plan_sku: what it is rented as.
plan_sku() {
    local plan
    plan=$(plan_name) || return 1
    answer=SKU az appservice plan show --resource-group "$group" --name "$plan" --query sku.name --output tsv
}

# play_actions: each action on standard input, one JSON object a line. Settings of one slot go in
# one call, for each call restarts the site.
play_actions() {
    local actions action slot kind
    actions=$(cat)
    while read -r slot; do
        set_settings "$slot" "$actions"
    done < <(jq -rs '[.[] | select(.action == "set-setting") | .setting.slot] | unique[]' <<<"$actions")
    while read -r action; do
        kind=$(jq -r .action <<<"$action")
        play_action "$kind" "$action"
    done < <(jq -c 'select(.action != "set-setting")' <<<"$actions")
}

# set_settings SLOT ACTIONS
set_settings() {
    local plain sticky words=()
    mapfile -t plain < <(settings_of "$1" false "$2")
    mapfile -t sticky < <(settings_of "$1" true "$2")
    ((${#plain[@]} == 0)) || words+=(--settings "${plain[@]}")
    ((${#sticky[@]} == 0)) || words+=(--slot-settings "${sticky[@]}")
    slot_words "$1"
    say "settings of $1"
    az webapp config appsettings set --resource-group "$group" --name "$site" "${slot_option[@]}" "${words[@]}" \
        --output none
}

settings_of() {
    jq -r --arg slot "$1" --argjson sticky "$2" 'select(.action == "set-setting") | .setting
        | select(.slot == $slot and .sticky == $sticky) | "\(.name)=\(.value)"' <<<"$3"
}

# play_action KIND ACTION
play_action() {
    # Another variable of the caller may have the same name as one that jq sets here.
    local command source_slot target_slot slot sku
    case $1 in
    set-startup-command)
        command=$(on_azure "$(jq -r .command <<<"$2")")
        say "startup command: $command"
        az webapp config set --resource-group "$group" --name "$site" --startup-file "$command" --output none
        ;;
    swap)
        source_slot=$(jq -r .source <<<"$2")
        target_slot=$(jq -r .target <<<"$2")
        say "swapping $source_slot into $target_slot"
        az webapp deployment slot swap --resource-group "$group" --name "$site" \
            --slot "$source_slot" --target-slot "$target_slot" --output none
        ;;
    restart)
        slot=$(jq -r .slot <<<"$2")
        slot_words "$slot"
        say "restarting $slot"
        az webapp restart --resource-group "$group" --name "$site" "${slot_option[@]}"
        ;;
    set-plan)
        sku=$(jq -r '.plan | ascii_upcase' <<<"$2")
        say "plan: $sku"
        local plan
        plan=$(plan_name) || return 1
        az appservice plan update --resource-group "$group" --name "$plan" --sku "$sku" --output none
        ;;
    set-auto-heal)
        say "auto-heal rules: $(jq -c .rules <<<"$2")"
        az webapp config set --resource-group "$group" --name "$site" --auto-heal-enabled "$(jq '.rules != null' <<<"$2")" \
            --generic-configurations "$(jq -c '{autoHealRules: .rules}' <<<"$2")" --output none
        ;;
    set-always-on)
        say "Always On"
        az webapp config set --resource-group "$group" --name "$site" --always-on true --output none
        ;;
    described)
        say "by hand, since it is a change of the application or of how it is operated: $(jq -r .how <<<"$2")"
        ;;
    *)
        say "error: the scripts do not know the action $1"
        return 1
        ;;
    esac
}

# find_log_endpoint: where this cloud answers queries; sets log_endpoint.
find_log_endpoint() {
    log_endpoint=$(answer=https://api.loganalytics.io az cloud show --query endpoints.logAnalyticsResourceId --output tsv) ||
        exit 1
    [[ -n $log_endpoint ]] || die "this cloud names no endpoint for Log Analytics: az cloud show --query endpoints"
}

# query FILE START END: the answer of the workspace to scripts/kql/FILE, as JSON. The command
# `az monitor log-analytics query` would need an extension in preview.
query() {
    local body=$work/$1.json
    if [[ -n $dry_run ]]; then
        body=scripts/kql/$1.json
    else
        sed -e "s/{start}/$2/g; s/{end}/$3/g" "$root/scripts/kql/$1" | jq -Rs '{query: .}' >"$body"
    fi
    answer='{"tables": [{"name": "PrimaryResult", "columns": [], "rows": []}]}' az rest --method post \
        --url "$log_endpoint/v1/workspaces/$workspace/query" --resource "$log_endpoint" \
        --headers Content-Type=application/json --body "@$body"
}

# wait_for_health SLOT...: until each answers 200, at most as long as the platform lets a site start,
# and some more for a site that was blocked.
health_limit=${LABRAT_HEALTH_LIMIT:-350}
wait_for_health() {
    local slot status begun said_at
    for slot in "$@"; do
        if [[ -n $dry_run ]]; then
            would curl --fail "$(url_of "$slot")/health"
            continue
        fi
        begun=$(date +%s)
        said_at=0
        status=000
        while [[ $status != 200 ]]; do
            status=$(curl --silent --output /dev/null --max-time 60 --write-out '%{http_code}' "$(url_of "$slot")/health" || true)
            [[ $status != 200 ]] || break
            if (($(date +%s) - begun >= health_limit)); then
                printf 'error: %s does not answer /health with 200 but with %s, after %s s\n\nhint: %s\n' "$slot" "$status" "$health_limit" \
                    "403 is the access restriction, run scripts/deploy.sh again; else az webapp log tail --resource-group $group --name $site" >&2
                exit 1
            fi
            if (($(date +%s) - said_at >= 30)); then
                said_at=$(date +%s)
                say "$slot: /health answers $status, waiting"
            fi
            sleep "${LABRAT_POLL_SECONDS:-5}"
        done
        say "$slot: /health answers 200 at $(url_of "$slot")"
    done
}

# url_of SLOT
url_of() {
    printf '%s://%s' "${LABRAT_SITE_SCHEME:-https}" "${hosts[$1]}"
}

# latest_run: the newest run of the scenario that these scripts have played.
latest_run() {
    local found
    found=$(find "$root/runs/azure" -maxdepth 1 -type d -name "$scenario-*" 2>/dev/null | sort | tail -n 1)
    [[ -n $found ]] || die "no run of $scenario is in runs/azure: scripts/trigger.sh $scenario, or name one with --run"
    printf '%s\n' "$found"
}
