#!/usr/bin/env bash
# Get what the memory box that is a virtual machine needs: QEMU, installed as a package, and
# Debian's cloud kernel with its drivers, unpacked into target/box. Only QEMU takes root.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$root"

box=target/box
emulator=qemu-system-x86_64
emulator_package=qemu-system-x86
# The package of the newest kernel depends on the kernel itself.
newest_kernel=linux-image-cloud-amd64

command -v apt-get >/dev/null ||
    die "apt-get is missing: install QEMU by hand, and unpack Debian's $newest_kernel into $box"

if ! command -v "$emulator" >/dev/null; then
    [[ $(id -u) == 0 ]] || die "$emulator is missing: sudo apt-get install $emulator_package"
    say "installing $emulator_package"
    install=(apt-get install -qq -y --no-install-recommends "$emulator_package")
    export DEBIAN_FRONTEND=noninteractive
    "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}"; } >/dev/null 2>&1 ||
        die "$emulator_package cannot be installed: apt-get update && apt-get install $emulator_package"
fi

if compgen -G "$box/boot/vmlinuz-*-cloud-*" >/dev/null; then
    say "the kernel is there"
else
    kernel=$(apt-cache depends "$newest_kernel" | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    [[ -n $kernel ]] || die "no package $newest_kernel is known: apt-get update, on Debian"
    say "downloading $kernel"
    mkdir -p target
    folder=$(mktemp -d "$root/target/box-setup.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    # As root apt-get reads packages as another user, who may not enter the folder.
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$kernel") ||
        die "$kernel cannot be downloaded: apt-get update"
    mkdir "$folder/box"
    dpkg-deb --fsys-tarfile "$folder"/*.deb |
        tar -x -C "$folder/box" --wildcards './boot/vmlinuz-*' './lib/modules/*/modules.builtin' \
            '*/virtio*.ko*' '*/failover.ko*' '*/net_failover.ko*'
    rm -rf "$box"
    mv "$folder/box" "$box"
fi
say "the virtual machine's parts are in $box: $(cd "$box/boot" && echo vmlinuz-*)"
printf '%s\n' "$root/$box"
