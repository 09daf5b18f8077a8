#!/usr/bin/env bash
# Make sure of the servers that readiness is tested against: PostgreSQL, Redis, and openssl for
# their certificates. Prints the programs, one a line, as NAME=PATH. The tests start servers of
# their own on free ports; the packages' own services are kept from starting.
set -euo pipefail

mkdir -p "$(dirname "$0")/../../target"
exec 9>"$(dirname "$0")/../../target/dependencies.lock"
flock 9

# find PROGRAM: on the path, else where Debian keeps PostgreSQL's.
find_program() {
    command -v "$1" && return
    local candidate
    for candidate in /usr/lib/postgresql/*/bin/"$1"; do
        if [[ -x $candidate ]]; then
            readlink -f "$candidate"
            return
        fi
    done
    return 1
}

# install PACKAGE: without letting its service start.
install() {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 0
    local policy=/usr/sbin/policy-rc.d own=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        own=yes
    fi
    echo "installing $1" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq -y --no-install-recommends "$1" >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$1"; } >/dev/null 2>&1 ||
        true
    [[ -z $own ]] || rm -f "$policy"
}

missing=0
# want PROGRAM PACKAGE
want() {
    local path
    path=$(find_program "$1") || install "$2"
    if path=$(find_program "$1"); then
        printf '%s=%s\n' "$1" "$path"
    else
        echo "$1 is missing: apt-get install $2" >&2
        missing=1
    fi
}

want initdb postgresql
want postgres postgresql
want redis-server redis-server
want openssl openssl
exit $((missing * 3))
