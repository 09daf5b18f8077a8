#!/usr/bin/env bash
# Make the virtual environment under target/deploy in which deploy/ is read. Does nothing when it is
# already there with the same requirements; two runs at once wait for each other.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tests/environment.sh
source "$here/../environment.sh"
installed deploy "$here/requirements.txt" && exit 0
new_virtual_environment
python_packages --requirement "$here/requirements.txt"
finished
