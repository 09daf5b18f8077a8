#!/usr/bin/env bash
# Make the virtual environment target/azure-cli: the real az, in a pinned version, with only the
# parts that this project names. Does nothing when it is there with the same requirements.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tests/environment.sh
source "$here/../environment.sh"

if installed azure-cli "$here/setup.sh" "$here/requirements.txt"; then
    exit 0
fi
new_virtual_environment
progress "installing azure-cli's core and the packages of its parts"
python_packages --requirement "$here/requirements.txt"
progress "installing azure-cli itself"
# Without its dependencies, which are those of every part.
python_packages --no-deps azure-cli==2.91.0
AZURE_CONFIG_DIR="$environment/config" AZURE_CORE_COLLECT_TELEMETRY=0 "$environment/bin/az" version >/dev/null ||
    {
        echo "az does not start" >&2
        exit 1
    }
finished
