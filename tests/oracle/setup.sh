#!/usr/bin/env bash
# Make the oracle's virtual environment under target/oracle: Gunicorn, Flask and Uvicorn in the
# pinned versions. Does nothing when it is already there with the same requirements; two runs at once wait
# for each other.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tests/environment.sh
source "$here/../environment.sh"
installed oracle "$here/requirements.txt" && exit 0
new_virtual_environment
python_packages --requirement "$here/requirements.txt"
# A start of Gunicorn is measured: it must not have to compile first.
"$environment/bin/python" -m compileall -q "$environment/lib"
finished
