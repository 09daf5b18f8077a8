#!/usr/bin/env bash
# Package labrat for the platforms: one static binary, and a ZIP of it for App Service's built-in
# images. Prints a line for each: path, bytes, SHA-256. The same source gives the same bytes.
#
#   scripts/package.sh                       into target/package
#   scripts/package.sh --out DIR             somewhere else
#   scripts/package.sh --image labrat:0.2.0  a container image as well (needs docker)
#
# LABRAT=PATH packages that binary instead of building one.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

out=$root/target/package
image=
while (($# > 0)); do
    case $1 in
    --out | --image)
        (($# > 1)) || die "$1 needs a value"
        if [[ $1 == --out ]]; then out=$2; else image=$2; fi
        shift 2
        ;;
    --help | -h)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    *) die "unknown argument: $1 (hint: --help)" ;;
    esac
done
command -v python3 >/dev/null || die "python3 is missing: apt-get install python3"
if [[ -n $image ]] && ! command -v docker >/dev/null; then
    die "docker is missing, without which there is no image (hint: leave --image out for the ZIP)"
fi

binary=${LABRAT:-$("$root/scripts/build.sh")}
mkdir -p "$out"

# What is in the ZIP depends on nothing but the files: fixed order, times, permissions and owner.
python3 - "$binary" "$root/LICENSE" "$out" <<'PYTHON'
import hashlib
import io
import os
import struct
import sys
import tempfile
import zipfile

source, license_file, out = sys.argv[1:]
PROGRAM_INTERPRETER = 3
X86_64 = 62


def needs_a_loader(program):
    """Whether a program header of this ELF file names a dynamic loader."""
    if program[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", program, 18)[0] != X86_64:
        sys.exit(f"error: {source} is no x86_64 Linux program (hint: build it on such a machine)")
    (start,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    kinds = (struct.unpack_from("<I", program, start + i * size)[0] for i in range(count))
    return PROGRAM_INTERPRETER in kinds


def replace(path, content, mode):
    """Two that package into one folder at a time do not meet: each has a file of its own until it is whole."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        new = os.path.join(folder, "new")
        with open(new, "wb") as file:
            file.write(content)
        os.chmod(new, mode)
        os.replace(new, path)


def entry(archive, name, content, mode):
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = 3  # Unix: else the permissions below mean nothing
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content, compresslevel=9)


with open(source, "rb") as file:
    program = file.read()
with open(license_file, "rb") as file:
    terms = file.read()
if needs_a_loader(program):
    sys.exit(f"error: {source} is not static (hint: scripts/build.sh makes one that is)")
replace(f"{out}/labrat", program, 0o755)
zipped = io.BytesIO()
with zipfile.ZipFile(zipped, "w") as archive:
    entry(archive, "LICENSE", terms, 0o644)
    entry(archive, "labrat", program, 0o755)
replace(f"{out}/labrat.zip", zipped.getvalue(), 0o644)
for path in (f"{out}/labrat", f"{out}/labrat.zip"):
    with open(path, "rb") as file:
        content = file.read()
    print(path, len(content), hashlib.sha256(content).hexdigest())
PYTHON

if [[ -n $image ]]; then
    say "building the image $image"
    docker build --platform linux/amd64 --file "$root/deploy/Dockerfile" --tag "$image" "$out" >&2
    docker image inspect --format "image:$image {{.Size}} {{.Id}}" "$image"
fi
