#!/usr/bin/env bash
# Make the virtual environment under target/deploy in which deploy/ is read. Does nothing when it is
# already there with the same requirements; two runs at once wait for each other.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
target="$(cd -- "$here/../.." && pwd)/target"
environment="$target/deploy"
stamp="$environment/requirements.stamp"
wanted="$(sha256sum <"$here/requirements.txt")"

mkdir -p "$target"
exec 9>"$target/deploy.lock"
flock 9

if [[ -f "$stamp" && "$(<"$stamp")" == "$wanted" && -x "$environment/bin/kubernetes-validate" ]]; then
    exit 0
fi

python="${PYTHON:-python3}"
if ! command -v "$python" >/dev/null; then
    echo "what reads deploy/ needs python3 (or PYTHON=/path/to/python)" >&2
    exit 3
fi
rm -rf "$environment"
if ! "$python" -m venv "$environment" >&2; then
    rm -rf "$environment"
    echo "what reads deploy/ needs the venv module of $python (Debian: python3-venv)" >&2
    exit 3
fi
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$here/requirements.txt" >&2
echo "$wanted" >"$stamp"
