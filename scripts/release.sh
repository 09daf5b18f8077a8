#!/usr/bin/env bash
# Everything that a release hands out: an archive with manual pages and completions, a Debian package,
# the list of what the binary holds (SBOM), and the checksums. The same source gives the same bytes.
#
#   scripts/release.sh              into target/release-files
#   scripts/release.sh --out DIR    somewhere else
#
# LABRAT=PATH takes that binary instead of building one.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

out=$root/target/release-files
while (($# > 0)); do
    case $1 in
    --out)
        (($# > 1)) || die "$1 needs a value"
        out=$2
        shift 2
        ;;
    --help | -h)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    *) die "unknown argument: $1 (hint: --help)" ;;
    esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/scripts/package.sh" --out "$work/package" >&2
labrat=$work/package/labrat
"$labrat" man "$work/man"
mkdir "$work/completions"
"$labrat" completions bash >"$work/completions/labrat.bash"
"$labrat" completions zsh >"$work/completions/_labrat"
"$labrat" completions fish >"$work/completions/labrat.fish"
cargo metadata --manifest-path "$root/Cargo.toml" --format-version 1 --locked \
    --filter-platform x86_64-unknown-linux-gnu >"$work/metadata.json"
python3 "$root/scripts/release.py" --root "$root" --program "$labrat" --man "$work/man" \
    --completions "$work/completions" --metadata "$work/metadata.json" --out "$out"
