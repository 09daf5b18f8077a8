#!/usr/bin/env bash
# Do what only the platform can: play one action of a scenario, which comes as JSON on standard
# input, through az or through a running emulator. labrat trigger --operator starts this.
#
#   scripts/operate.sh azure --resource-group RG --site SITE [--slot SLOT]...
#   scripts/operate.sh host          the emulator that labrat host finds
#
#   --dry-run                        only print the commands
set -euo pipefail
# shellcheck source=scripts/azure.sh
source "$(dirname "$0")/azure.sh"

read_options "$@"
((${#rest[@]} > 0)) || refuse "azure or host is needed"
platform=${rest[0]}
set -- "${rest[@]:1}"
site=
slots=(production)
while (($# > 0)); do
    case $1 in
    --site)
        needs_value "$1" $#
        site=$2
        shift 2
        ;;
    --slot)
        needs_value "$1" $#
        slots+=("$2")
        shift 2
        ;;
    *) not_understood "$1" ;;
    esac
done

need jq 'apt-get install jq'
stop_if_lacking
make_work_folder
exec 3>&1

# here WORD...: a verb of labrat host, or in a dry run only the command.
here() {
    if [[ -n $dry_run ]]; then
        would labrat host "$@"
    else
        "$labrat" host "$@" >&2
    fi
}

# play_here ACTION
play_here() {
    local words=()
    case $(jq -r .action <<<"$1") in
    set-startup-command) here deploy "$(jq -r .command <<<"$1")" ;;
    swap) here swap --source "$(jq -r .source <<<"$1")" ;;
    restart) here restart --slot "$(jq -r .slot <<<"$1")" ;;
    set-setting)
        [[ $(jq -r .setting.sticky <<<"$1") == false ]] || words+=(--sticky)
        here settings set --slot "$(jq -r .setting.slot <<<"$1")" "${words[@]}" \
            "$(jq -r '.setting | "\(.name)=\(.value)"' <<<"$1")"
        ;;
    *)
        say "error: the emulator has nothing for the action $(jq -r .action <<<"$1")"
        return 1
        ;;
    esac
}

# What is effective in each slot of the emulator, as one line of JSON.
effective_here() {
    local status settings slot
    status=$("$labrat" host status --json)
    for slot in $(jq -r '.slots[].slot' <<<"$status"); do
        settings=$("$labrat" host settings list --slot "$slot" --json)
        jq -c --arg slot "$slot" --argjson settings "$settings" '.slots[] | select(.slot == $slot)
            | {slot, startup_command, settings: [$settings[] | {name, sticky}]}' <<<"$status"
    done | jq -cs .
}

# What is effective in each slot on Azure, in the same form; a value is not among it.
effective_on_azure() {
    local configuration settings slot
    for slot in "${slots[@]}"; do
        configuration=$(site_configuration "$slot") || return 1
        settings=$(site_settings "$slot") || return 1
        jq -c --arg slot "$slot" --argjson settings "$settings" \
            '{slot: $slot, startup_command: .appCommandLine,
              settings: [$settings[] | {name, sticky: .slotSetting}]}' <<<"$configuration"
    done | jq -cs .
}

order=$(jq -c . 2>/dev/null) || die "standard input is no action in JSON"
if [[ $(jq -r .action <<<"$order") == show ]]; then
    if [[ $platform == azure ]]; then
        [[ -n $group && -n $site ]] || refuse "--resource-group and --site are needed"
        effective_on_azure
        exit
    fi
    labrat=$(find_labrat)
    effective_here
    exit
fi
case $platform in
azure)
    [[ -n $group && -n $site ]] || refuse "--resource-group and --site are needed"
    play_actions <<<"$order"
    ;;
host)
    labrat=$(find_labrat)
    play_here "$order"
    ;;
*) refuse "azure or host is needed, not $platform" ;;
esac
[[ -n $dry_run ]] || printf 'by scripts/operate.sh %s\n' "$platform"
