#!/usr/bin/env bash
# Get the language service of Kusto, by which queries are parsed and bound to a schema, into
# target/kusto. Does nothing when it is there in the same version.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tests/environment.sh
source "$here/../environment.sh"
installed kusto "$here/package.json" && exit 0
for program in node npm; do
    if ! command -v "$program" >/dev/null; then
        echo "$program is missing: apt-get install nodejs npm" >&2
        exit 3
    fi
done
rm -rf "$environment"
mkdir -p "$environment"
cp "$here/package.json" "$environment/"
progress "installing the language service"
(cd "$environment" && npm install --silent --no-audit --no-fund --ignore-scripts) >&2
finished
