#!/usr/bin/env bash
# Pass every test. Sets up what it needs; what the machine lacks for a check is named and the check
# skipped. With CI=true a skipped check is a failure.
#
#   scripts/test.sh             everything
#   scripts/test.sh NAME...     of the Rust tests only those whose name contains NAME
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$root"

results=()
failed=0
skipped=0

# step NAME COMMAND...: run a check, go on when it fails.
step() {
    local name=$1 begun status=0
    shift
    begun=$(date +%s)
    say "$name"
    "$@" || status=$?
    local verdict=passed
    if ((status != 0)); then
        verdict=FAILED
        failed=$((failed + 1))
    fi
    results+=("$(printf '%-8s %4d s  %s' "$verdict" $(($(date +%s) - begun)) "$name")")
}

skip() {
    say "skipped: $1 ($2)"
    skipped=$((skipped + 1))
    results+=("$(printf '%-8s         %s: %s' skipped "$1" "$2")")
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# install PACKAGE: by apt-get, where that is possible.
install() {
    if [[ $(id -u) == 0 ]] && has apt-get; then
        say "installing $1"
        apt-get install -qq -y "$1" >/dev/null 2>&1 ||
            { apt-get update -qq && apt-get install -qq -y "$1"; } >/dev/null 2>&1 || true
    fi
}

# need PROGRAM: make sure of a program that a package of the same name holds.
need() {
    has "$1" || install "$1"
    has "$1"
}

has cargo || die "cargo is missing: https://rustup.rs"
has python3 || die "python3 is missing: apt-get install python3"

scripts() {
    find scripts tests .ci -type f -not -path '*/node_modules/*' -print0 |
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

python3 -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
step "the yardstick: Gunicorn and Flask in target/oracle" tests/oracle/setup.sh
step "what runs KQL over local tables, in target/kql" tests/kql/setup.sh
step "the real az, in target/azure-cli" tests/azure/setup.sh
step "what reads deploy/, in target/deploy" tests/deploy/setup.sh
step "Locust, in target/locust" tests/load/setup.sh
has node || install nodejs
need npm || true
step "Kusto's language service, in target/kusto" tests/kusto/setup.sh
scripts/box-setup.sh >/dev/null || skip "the memory box's virtual machine" "it cannot be set up here"
if cargo fmt --version >/dev/null 2>&1; then
    step "format" cargo fmt --check
else
    skip "format" "rustfmt is missing: rustup component add rustfmt"
fi
if cargo clippy --version >/dev/null 2>&1; then
    step "clippy, warnings are errors" cargo clippy --quiet --all-targets -- -D warnings
else
    skip "clippy" "clippy is missing: rustup component add clippy"
fi
tests/dependencies/setup.sh >/dev/null || skip "readiness against PostgreSQL and Redis" "they cannot be installed here"
# The report is opened in a browser; its test says so where there is none.
need chromium chromium || true
# What reads deploy/ and the scripts for Azure; each test says so where one is not there.
for tool in docker-compose unzip jq curl; do
    need "$tool" || true
done
if (($# == 0)) && [[ $(uname -sm) == "Linux x86_64" ]]; then
    # One release for the tests of the package and for those that measure.
    step "package" scripts/package.sh
    export LABRAT_RELEASE_PROGRAM=$root/target/package/labrat
fi
step "tests build" cargo test --quiet --no-run
step "tests${*:+ named $*}" cargo test --quiet -- "$@"
for tool in shellcheck shfmt; do
    if need "$tool"; then
        step "scripts: $tool" check_scripts "$tool"
    else
        skip "scripts: $tool" "$tool is missing: apt-get install $tool"
    fi
done

say "summary"
printf '  %s\n' "${results[@]}" >&2
if ((failed > 0)); then
    die "$failed of ${#results[@]} checks failed"
fi
if ((skipped > 0)) && [[ ${CI:-} == true ]]; then
    die "$skipped checks were skipped, which CI=true does not allow"
fi
say "all checks passed, $skipped skipped"
