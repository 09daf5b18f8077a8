#!/usr/bin/env bash
# What a fresh development container lacks, and a labrat on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

as_root apt-get update
as_root apt-get install -y --no-install-recommends curl jq python3-venv unzip
rustup update --no-self-update stable
cargo build
as_root ln -sf "$PWD/target/debug/labrat" /usr/local/bin/labrat
labrat scenarios
