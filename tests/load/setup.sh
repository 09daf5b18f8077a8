#!/usr/bin/env bash
# Make the virtual environment target/locust, in which the scenarios' distributed load is tested.
# Does nothing when it is there with the same requirements.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tests/environment.sh
source "$here/../environment.sh"
installed locust "$here/requirements.txt" && exit 0
new_virtual_environment
progress "installing locust"
python_packages --requirement "$here/requirements.txt"
finished
