# What the scripts share: where the project is, how long it has taken, how a line is said.
# Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$(date +%s)

elapsed() {
    local seconds=$(($(date +%s) - started))
    printf '%d:%02d' $((seconds / 60)) $((seconds % 60))
}

say() {
    printf '[%s] %s\n' "$(elapsed)" "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# The labrat that LABRAT names, else the newest that was built here; one on the PATH where none was.
# What is older than its source is built again.
find_labrat() {
    if [[ -n ${LABRAT:-} ]]; then
        printf '%s\n' "$LABRAT"
        return
    fi
    local candidate newest=
    for candidate in "$root"/target/x86_64-unknown-linux-gnu/release/labrat \
        "$root"/target/release/labrat "$root"/target/debug/labrat; do
        if [[ -x $candidate && (-z $newest || $candidate -nt $newest) ]]; then
            newest=$candidate
        fi
    done
    if [[ -z $newest ]] && command -v labrat >&2; then
        say "using the labrat on the PATH"
        newest=labrat
    elif [[ -z $newest || -n $(find "$root/src" "$root/Cargo.toml" -newer "$newest" -print -quit) ]]; then
        say "building labrat: the first time about two minutes on two cores"
        (cd "$root" && cargo build --bin labrat) >&2 || die "cargo build failed"
        newest=$root/target/debug/labrat
    fi
    printf '%s\n' "$newest"
}

# How a release is built here: sets release_flags and the compiler's flags for cargo, and the folder
# of the result. The same source gives the same bytes, wherever it lies.
# shellcheck disable=SC2034 # They are read by whoever sources this.
use_release_settings() {
    release_flags=()
    release_folder=$root/target/release
    local host flags
    host=$(rustc -vV | sed -n 's/^host: //p')
    read -ra flags <<<"${RUSTFLAGS:-}"
    flags+=("--remap-path-prefix=$root=/labrat" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo")
    if [[ $host == x86_64-unknown-linux-gnu ]]; then
        # Static. The target has to be named, or the flag would apply to build scripts and macros.
        release_flags=(--target "$host")
        release_folder=$root/target/$host/release
        flags+=(-C target-feature=+crt-static)
    fi
    local IFS=$'\x1f'
    export CARGO_ENCODED_RUSTFLAGS="${flags[*]}"
}
