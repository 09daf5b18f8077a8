#!/usr/bin/env bash
# Pass every test. Sets up what it needs; what the machine lacks for a check is named and the check
# skipped. With CI=true a skipped check is a failure.
#
#   scripts/test.sh             everything but what takes minutes
#   scripts/test.sh --all       that too: a release and what needs one, virtual machines, long chaos
#   scripts/test.sh NAME...     of the Rust tests only those whose name contains NAME
#
# Which tests take minutes, and how many run side by side, stands in .config/nextest.toml.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$root"

profile=default
names=()
for word in "$@"; do
    case $word in
    --all) profile=all ;;
    --help | -h)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    -*) die "unknown argument: $word (hint: --help)" ;;
    *) names+=("$word") ;;
    esac
done
# A test that is asked for by its name runs, however long it takes.
[[ ${#names[@]} == 0 ]] || profile=all

results=()
failed=0
skipped=0

# result SECONDS STATUS NAME: a line of the summary.
result() {
    local verdict=passed
    if (($2 != 0)); then
        verdict=FAILED
        failed=$((failed + 1))
    fi
    results+=("$(printf '%-8s %4d s  %s' "$verdict" "$1" "$3")")
}

# step NAME COMMAND...: run a check, go on when it fails.
step() {
    local name=$1 begun status=0
    shift
    begun=$(date +%s)
    say "$name"
    "$@" || status=$?
    result $(($(date +%s) - begun)) "$status" "$name"
}

skip() {
    say "skipped: $1 ($2)"
    skipped=$((skipped + 1))
    results+=("$(printf '%-8s         %s: %s' skipped "$1" "$2")")
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# install PACKAGE...: by apt-get, where that is possible.
install() {
    if [[ $(id -u) == 0 ]] && has apt-get; then
        say "installing $*"
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 ||
            { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@"; } >/dev/null 2>&1 || true
    fi
}

# install_missing PROGRAM...: those that the machine lacks, each from the package of its name.
install_missing() {
    local program missing=()
    for program in "$@"; do
        has "$program" || missing+=("$program")
    done
    [[ ${#missing[@]} == 0 ]] || install "${missing[@]}"
}

# What a set-up says and how it ended is kept here until it is waited for.
setups=$(mktemp -d)
pids=()
end_setups() {
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    rm -rf "$setups"
}
trap end_setups EXIT

# set_up NAME COMMAND...: beside everything else.
set_up() {
    local name=$1
    shift
    (
        begun=$(date +%s)
        status=0
        "$@" >"$setups/$name.log" 2>&1 || status=$?
        echo "$(($(date +%s) - begun)) $status" >"$setups/$name"
    ) &
    pids+=($!)
}

# All set-ups have ended: say how.
wait_for_setups() {
    local file name seconds status
    say "waiting for the set-ups"
    wait "${pids[@]}" || true
    pids=()
    for file in "$setups"/*.log; do
        name=$(basename "$file" .log)
        read -r seconds status <"$setups/$name" || status=1
        if [[ $status == 0 ]]; then
            result "$seconds" 0 "set-up: $name"
        else
            tail -n 20 "$file" >&2
            skip "what needs $name" "it cannot be set up here"
        fi
    done
}

# What comes as Debian's packages, one after another: dpkg lets one in at a time.
set_up_packages() {
    install_missing chromium docker-compose unzip jq curl groff shellcheck shfmt
    tests/dependencies/setup.sh >/dev/null
    scripts/box-setup.sh >/dev/null
}

scripts() {
    find scripts tests .ci .devcontainer -type f -not -path '*/node_modules/*' -print0 |
        xargs -0 grep -lE '^#!.*\b(ba)?sh\b|^# shellcheck shell=bash' | sort
}

check_scripts() {
    local files
    mapfile -t files < <(scripts)
    case $1 in
    shellcheck) shellcheck -x "${files[@]}" ;;
    shfmt) shfmt -i 4 -d "${files[@]}" ;;
    esac
}

# The tests that took longest, from what nextest wrote: so that the next slowness is seen.
slowest() {
    python3 - "target/nextest/$profile/junit.xml" <<'PYTHON'
import sys
import xml.etree.ElementTree

cases = xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
times = sorted(((float(case.get("time")), case.get("name")) for case in cases), reverse=True)
print(f"the ten slowest of {len(times)} tests, {sum(seconds for seconds, _ in times):.0f} s in all:")
for seconds, name in times[:10]:
    print(f"  {seconds:5.1f} s  {name}")
PYTHON
}

has cargo || die "cargo is missing: https://rustup.rs"
has python3 || die "python3 is missing: apt-get install python3"
python3 -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
has node || install nodejs
has npm || install npm

set_up "Debian's packages" set_up_packages
set_up "Gunicorn and Flask" tests/oracle/setup.sh
set_up "az" tests/azure/setup.sh
set_up "Kusto's language service" tests/kusto/setup.sh
set_up "KQL over local tables" tests/kql/setup.sh
set_up "readers of deploy" tests/deploy/setup.sh
set_up "Locust" tests/load/setup.sh
set_up "promtool" tests/metrics/setup.sh

if ! cargo nextest --version >/dev/null 2>&1; then
    step "cargo-nextest, once: several minutes" cargo install --locked --quiet cargo-nextest
fi
if cargo fmt --version >/dev/null 2>&1; then
    step "format" cargo fmt --check
else
    skip "format" "rustfmt is missing: rustup component add rustfmt"
fi
step "tests build" cargo test --no-run
if cargo clippy --version >/dev/null 2>&1; then
    step "clippy, warnings are errors" cargo clippy --all-targets -- -D warnings
else
    skip "clippy" "clippy is missing: rustup component add clippy"
fi
if [[ $profile == all && ${#names[@]} == 0 ]]; then
    export LABRAT_CHAOS_SECONDS=${LABRAT_CHAOS_SECONDS:-60}
    step "the lean build" cargo clippy --no-default-features --lib --bins -- -D warnings
    if [[ $(uname -sm) == "Linux x86_64" ]]; then
        # One release for the tests of the package and for those that measure.
        step "package" scripts/package.sh
        export LABRAT_RELEASE_PROGRAM=$root/target/package/labrat
    fi
fi
wait_for_setups
step "tests${names[*]:+ named ${names[*]}}" cargo nextest run --profile "$profile" "${names[@]}"
if [[ ${#names[@]} == 0 ]]; then
    step "tests of the documentation" cargo test --quiet --doc
fi
for tool in shellcheck shfmt; do
    if has "$tool"; then
        step "scripts: $tool" check_scripts "$tool"
    else
        skip "scripts: $tool" "$tool is missing: apt-get install $tool"
    fi
done

say "summary"
slowest >&2 || true
printf '  %s\n' "${results[@]}" >&2
if ((failed > 0)); then
    die "$failed of ${#results[@]} checks failed"
fi
if ((skipped > 0)) && [[ ${CI:-} == true ]]; then
    die "$skipped checks were skipped, which CI=true does not allow"
fi
say "all checks passed, $skipped skipped"
