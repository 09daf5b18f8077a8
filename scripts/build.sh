#!/usr/bin/env bash
# Build the release binary: static where the platform allows it, so that it runs in an empty image.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$root"

use_release_settings
say "building a release (thin LTO: a minute or two)"
cargo build --quiet --release --bin labrat "${release_flags[@]}"
binary=$release_folder/labrat
say "$(du -k "$binary" | cut -f1) kB, $(ldd "$binary" 2>&1 | grep -q 'statically linked' && echo static || echo dynamic)"
printf '%s\n' "$binary"
