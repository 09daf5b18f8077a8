//! What a virtual machine takes of this machine: QEMU, a kernel, and the kernel's drivers.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::machine::Unavailable;

/// The emulator of the one architecture that App Service has.
pub(super) const QEMU: &str = "qemu-system-x86_64";
/// What makes everything that is missing.
const SETUP: &str = "scripts/box-setup.sh";

/// The drivers of the virtual machine's hardware, each after those it needs.
const DRIVERS: &[&str] = &[
    "kernel/drivers/virtio/virtio_ring.ko",
    "kernel/drivers/virtio/virtio.ko",
    "kernel/drivers/virtio/virtio_pci_legacy_dev.ko",
    "kernel/drivers/virtio/virtio_pci_modern_dev.ko",
    "kernel/drivers/virtio/virtio_pci.ko",
    "kernel/drivers/block/virtio_blk.ko",
    "kernel/net/core/failover.ko",
    "kernel/drivers/net/net_failover.ko",
    "kernel/drivers/net/virtio_net.ko",
];

/// A kernel and the drivers that are not part of it, in the order in which they are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kernel {
    pub(super) image: PathBuf,
    pub(super) drivers: Vec<PathBuf>,
}

/// How QEMU runs the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// On this machine's processor.
    Kvm,
    /// Instruction by instruction: everything that computes takes ten times as long.
    Emulation,
}

impl Accelerator {
    /// The fastest one that works here.
    pub(super) fn here() -> Self {
        let device = OpenOptions::new().read(true).write(true).open("/dev/kvm");
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        match device.is_ok() && can_virtualise(&processors) {
            true => Self::Kvm,
            false => Self::Emulation,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Emulation => "tcg",
        }
    }
}

/// A machine that is itself virtual may have the device and not the processor's part of it, and
/// QEMU then ends in an assertion instead of an error.
fn can_virtualise(processors: &str) -> bool {
    let flags = processors.lines().filter(|line| line.starts_with("flags"));
    flags
        .flat_map(str::split_whitespace)
        .any(|flag| flag == "vmx" || flag == "svm")
}

/// QEMU's path.
///
/// # Errors
/// When it is not installed.
pub(super) fn qemu() -> Result<PathBuf, Unavailable> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(QEMU))
        .find(|program| program.is_file());
    found.ok_or_else(|| {
        Unavailable::because(format!("{QEMU} is not installed"))
            .with_hint(format!("run {SETUP}, or: apt-get install qemu-system-x86"))
    })
}

/// The newest cloud kernel under `root`, laid out as its package does: `boot/vmlinuz-VERSION` and
/// `lib/modules/VERSION`.
///
/// # Errors
/// When there is none, or a driver is missing.
pub(super) fn kernel(root: &Path) -> Result<Kernel, Unavailable> {
    let boot = root.join("boot");
    let entries = fs::read_dir(&boot).map(|entries| {
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let versions = names.filter_map(|name| Some(name.strip_prefix("vmlinuz-")?.to_owned()));
        versions
            .filter(|version| version.contains("cloud"))
            .max_by_key(|version| version_numbers(version))
    });
    let Ok(Some(version)) = entries else {
        let reason = format!("there is no cloud kernel in {}", boot.display());
        return Err(Unavailable::because(reason).with_hint(format!("run {SETUP}")));
    };
    let modules = root.join("lib/modules").join(&version);
    let built_in = fs::read_to_string(modules.join("modules.builtin")).unwrap_or_default();
    let mut drivers = Vec::new();
    for driver in DRIVERS {
        let path = modules.join(driver);
        if path.is_file() {
            drivers.push(path);
        } else if !built_in.lines().any(|line| line == *driver) {
            let reason = format!("the kernel has no driver {}", path.display());
            return Err(Unavailable::because(reason).with_hint(format!("run {SETUP}")));
        }
    }
    Ok(Kernel {
        image: boot.join(format!("vmlinuz-{version}")),
        drivers,
    })
}

/// `6.1.0-56-cloud-amd64` as 6, 1, 0, 56: so that 56 is newer than 9.
fn version_numbers(version: &str) -> Vec<u32> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_newest_cloud_kernel_is_taken_with_its_drivers_in_order() {
        let root = tempfile::tempdir().unwrap();
        let missing = kernel(root.path()).unwrap_err();
        assert!(missing.reason().contains("no cloud kernel"), "{missing}");
        assert_eq!(missing.hint(), Some("run scripts/box-setup.sh"));
        for version in ["6.1.0-9-cloud-amd64", "6.1.0-56-cloud-amd64", "7.0-amd64"] {
            write(root.path(), &format!("boot/vmlinuz-{version}"), "");
        }
        let missing = kernel(root.path()).unwrap_err();
        assert!(missing.reason().contains("virtio_ring.ko"), "{missing}");
        let modules = "lib/modules/6.1.0-56-cloud-amd64";
        for driver in &DRIVERS[1..] {
            write(root.path(), &format!("{modules}/{driver}"), "");
        }
        write(
            root.path(),
            &format!("{modules}/modules.builtin"),
            DRIVERS[0],
        );
        let kernel = kernel(root.path()).unwrap();
        assert!(kernel.image.ends_with("boot/vmlinuz-6.1.0-56-cloud-amd64"));
        assert_eq!(kernel.drivers.len(), DRIVERS.len() - 1);
        assert!(kernel.drivers[0].ends_with("virtio.ko"));
    }

    #[test]
    fn a_processor_without_virtualisation_is_emulated() {
        assert!(can_virtualise("processor : 0\nflags\t\t: fpu vmx sse\n"));
        assert!(can_virtualise("flags : svm\n"));
        assert!(!can_virtualise("flags : fpu sse\nbugs : svm_bug svm\n"));
        assert!(!can_virtualise(""));
    }
}
