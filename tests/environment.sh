# How a tool of the tests gets its folder under target/, once: shared by the setup scripts.
# Sourced, not run.
# shellcheck shell=bash

target="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)/target"
begun=$(date +%s)
# Byte code is kept, or a tool as large as az compiles itself at every start.
unset PYTHONDONTWRITEBYTECODE

progress() {
    printf '[%3d s] %s\n' $(($(date +%s) - begun)) "$*" >&2
}

# installed NAME FILE...: whether target/NAME was made from these files; takes the lock on it, so
# that two runs at once wait for each other. Sets environment and wanted.
installed() {
    environment="$target/$1"
    mkdir -p "$target"
    exec 9>"$environment.lock"
    flock 9
    shift
    wanted="$(cat "$@" | sha256sum)"
    [[ -f "$environment/stamp" && "$(<"$environment/stamp")" == "$wanted" ]]
}

# The folder is whole: only now does the stamp say so.
finished() {
    echo "$wanted" >"$environment/stamp"
    progress "$environment: $(du -sm "$environment" | cut -f1) MB"
}

# An empty virtual environment, or exit code 3 with a hint.
new_virtual_environment() {
    local python="${PYTHON:-python3}"
    rm -rf "$environment"
    if ! command -v "$python" >/dev/null; then
        echo "python3 (or PYTHON=/path/to/python) is missing: apt-get install python3" >&2
        exit 3
    fi
    if ! "$python" -m venv "$environment" >&2; then
        rm -rf "$environment"
        echo "the venv module of $python is missing: apt-get install python3-venv" >&2
        exit 3
    fi
}

# python_packages ARGUMENT...: into the environment. Byte code is made when a module is first used,
# which halves the size.
python_packages() {
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "$@" >&2
}
