#!/usr/bin/env bash
# Build the release binary: static where the platform allows it, so that it runs in an empty image.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$root"

target=x86_64-unknown-linux-gnu
if [[ $(rustc -vV | sed -n 's/^host: //p') == "$target" ]]; then
    say "building a static release for $target"
    # The target has to be named, or the flags would apply to build scripts and macros as well.
    RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
        cargo build --quiet --release --target "$target"
    binary=target/$target/release/labrat
else
    say "building a release for this machine (a static one needs $target)"
    cargo build --quiet --release
    binary=target/release/labrat
fi
say "$(du -k "$binary" | cut -f1) kB, $(file -b "$binary" 2>/dev/null | cut -d, -f1-4 || true)"
printf '%s\n' "$root/$binary"
