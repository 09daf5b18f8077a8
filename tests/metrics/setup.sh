#!/usr/bin/env bash
# Find promtool, or fetch Debian's package of Prometheus into target/metrics and take it from there.
# Prints its path; ends with 3 where it cannot be had.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tests/environment.sh
source "$here/../environment.sh"
if command -v promtool; then
    exit 0
fi
if ! installed metrics "$here/setup.sh"; then
    rm -rf "$environment"
    mkdir -p "$environment"
    cd "$environment"
    if ! apt-get download prometheus >&2 || ! dpkg --extract prometheus_*.deb . >&2; then
        rm -rf "$environment"
        echo "promtool is missing: apt-get install prometheus" >&2
        exit 3
    fi
    mv usr/bin/promtool .
    rm -rf prometheus_*.deb etc lib usr var
    finished
fi
echo "$environment/promtool"
