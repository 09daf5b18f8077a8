//! A memory box that is a virtual machine of the size of a B1: one processor, 1.75 GB of memory,
//! 4 GB of slow swap.
//!
//! There everything that the kernel counts for the whole machine is true of the target alone, as
//! it is in a plan's instance. It holds a kernel and labrat, which is its own init (see
//! [`super::guest`]), and is reached through one forwarded port of 127.0.0.1; from inside nothing
//! can be reached. What happens in it takes as long as it takes under this machine's emulation:
//! its latencies can be compared with each other, and with nothing else.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::emulator::{self, Accelerator, Kernel};
use super::guest::{self, Startup};
use super::initramfs::{Archive, pack_program};
use super::lease::{Lease, Made};
use crate::machine::Unavailable;

/// Memory of a B1, in MiB: 1.75 GB.
const MEMORY_MEBIBYTES: u64 = 1792;
/// Swap of a B1, in bytes: 4 GB.
const SWAP_BYTES: u64 = 4 << 30;
/// Pages of 2 MiB that are set apart when the kernel starts, for nobody. On a B1 the platform's own
/// processes hold that much: of its memory 523,896 kB are available to a site at rest, as recorded,
/// and with these pages 539,348 kB are here.
const SET_ASIDE_HUGE_PAGES: u64 = 540;
/// What the swap drive moves in a second, in bytes, reading and writing together.
///
/// Calibrated with the recorded run's 100 /leak: there one took 1.010 s on average while 1.35 GB
/// went to swap, here 1.01 s while 1.42 GB did (emulated, on a machine that was busy with other
/// things). The means agree; the spread does not (a p95 of 1.8 s there, 7.6 s here). Nothing is said
/// of /heavy (a p95 of 14.8 s there): emulation slows it far more than this drive does.
const SWAP_BYTES_PER_SECOND: u64 = 16 << 20;
/// How many requests the swap drive serves in a second: chosen beside the rate, not calibrated.
const SWAP_REQUESTS_PER_SECOND: u64 = 500;

/// What a virtual machine is made of.
#[derive(Debug, Clone)]
pub struct VmParts {
    /// The labrat that runs inside: static, or with its libraries found by `ldd`.
    pub labrat: PathBuf,
    /// Where the kernel's package is unpacked, or `/` when it is installed.
    pub kernel_root: PathBuf,
}

/// Everything that is needed to start virtual machines. Dropped, it ends those that still run and
/// removes their drives.
#[derive(Debug)]
pub struct VmBox {
    parts: VmParts,
    kernel: Kernel,
    qemu: PathBuf,
    accelerator: Accelerator,
    count: AtomicU32,
    lease: Lease,
}

impl VmBox {
    /// Look for everything that is needed, and make a folder under `parent` for the drives. What
    /// is left of boxes whose owner is dead is taken away first.
    ///
    /// # Errors
    /// What is missing, and the command that installs it.
    pub fn prepare(parent: &Path, parts: VmParts) -> Result<Self, Unavailable> {
        let qemu = emulator::qemu()?;
        let kernel = emulator::kernel(&parts.kernel_root)?;
        if !parts.labrat.is_file() {
            let reason = format!("there is no labrat at {}", parts.labrat.display());
            return Err(Unavailable::because(reason).with_hint("run scripts/build.sh"));
        }
        let mut lease = Lease::take(parent)?;
        lease.note(Made::Machines(lease.folder().to_owned()))?;
        Ok(Self {
            parts,
            kernel,
            qemu,
            accelerator: Accelerator::here(),
            count: AtomicU32::new(0),
            lease,
        })
    }

    /// How the virtual machines will run.
    #[must_use]
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// The box's folder, for files that shall go with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.lease.folder()
    }

    /// The command that starts a virtual machine in which labrat runs with the arguments and the
    /// environment of `command`. What is served on `port` inside is reached on the same port of
    /// 127.0.0.1. It ends when labrat does, and its standard output is the guest's console; the
    /// last line then says how labrat ended ([`super::ENDED`]).
    ///
    /// # Errors
    /// When `command` is not labrat, which is the only program inside, or the drives cannot be
    /// made.
    pub fn enter_command(&self, command: &Command, port: u16) -> Result<Command, Unavailable> {
        let program = Path::new(command.get_program());
        if program.file_name() != Some("labrat".as_ref()) {
            return Err(Unavailable::because(format!(
                "the virtual machine holds labrat alone, not {}",
                program.display()
            ))
            .with_hint("use the cgroup box for another startup command"));
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| self.folder().join(format!("{number}.{kind}"));
        let (initramfs, swap) = (file("initramfs"), file("swap"));
        self.write_initramfs(&initramfs, &Startup::of(command))?;
        File::create(&swap)
            .and_then(|file| file.set_len(SWAP_BYTES))
            .map_err(|error| {
                Unavailable::because(format!("{} cannot be made: {error}", swap.display()))
            })?;
        Ok(self.emulate(&initramfs, &swap, port))
    }

    fn write_initramfs(&self, path: &Path, startup: &Startup) -> Result<(), Unavailable> {
        let failed = |error: &dyn std::fmt::Display| {
            Unavailable::because(format!("{} cannot be written: {error}", path.display()))
        };
        let output = BufWriter::new(File::create(path).map_err(|error| failed(&error))?);
        let mut archive = Archive::new(output);
        pack_program(&mut archive, &self.parts.labrat, Path::new(guest::LABRAT))?;
        let mut pack = || -> std::io::Result<()> {
            archive.console()?;
            for folder in guest::FOLDERS {
                archive.folder(Path::new(folder))?;
            }
            for (order, driver) in self.kernel.drivers.iter().enumerate() {
                let name = driver.file_name().unwrap_or_default().to_string_lossy();
                let inside = Path::new(guest::DRIVERS).join(format!("{order:02}-{name}"));
                archive.file(&inside, &fs::read(driver)?)?;
            }
            let startup = serde_json::to_vec(startup)?;
            archive.file(Path::new(guest::STARTUP), &startup)
        };
        pack().map_err(|error| failed(&error))?;
        archive.finish().map_err(|error| failed(&error))?;
        Ok(())
    }

    fn emulate(&self, initramfs: &Path, swap: &Path, port: u16) -> Command {
        let mut qemu = Command::new(&self.qemu);
        qemu.args(["-name", self.lease.name()])
            .args([
                "-accel",
                self.accelerator.name(),
                "-cpu",
                "max",
                "-smp",
                "1",
            ])
            .args(["-m", &MEMORY_MEBIBYTES.to_string()])
            .args(["-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none", "-serial", "stdio"])
            .arg("-kernel")
            .arg(&self.kernel.image)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &kernel_words()])
            .args(["-drive", &swap_drive(swap)])
            .args(["-netdev", &network(port)])
            .args(["-device", "virtio-net-pci,netdev=lab,romfile="])
            .stdin(Stdio::null());
        qemu
    }
}

/// `panic=-1` with `-no-reboot` ends the emulator when the kernel panics. With `loglevel=0` only a
/// panic is printed, because the console is the startup command's. The kernel's check of its timer
/// counts ticks in real time, and fails where an emulator has to wait for its turn.
fn kernel_words() -> String {
    format!(
        "console=ttyS0 loglevel=0 no_timer_check psi=1 panic=-1 hugepages={SET_ASIDE_HUGE_PAGES} rdinit={} -- {}",
        guest::LABRAT,
        guest::COMMAND
    )
}

/// A leaked block is cold: it goes to swap once and is never missed. On a fast drive that costs
/// hardly anything, so the drive is as slow as a small instance's.
fn swap_drive(swap: &Path) -> String {
    // A comma in a path is doubled, or it would end the path.
    let path = swap.display().to_string().replace(',', ",,");
    format!(
        "file={path},if=virtio,format=raw,cache=unsafe,\
         throttling.bps-total={SWAP_BYTES_PER_SECOND},\
         throttling.iops-total={SWAP_REQUESTS_PER_SECOND}"
    )
}

fn network(port: u16) -> String {
    let guest = guest::ADDRESS.map(|byte| byte.to_string()).join(".");
    format!("user,id=lab,restrict=on,hostfwd=tcp:127.0.0.1:{port}-{guest}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_is_reached_on_one_port_and_reaches_nothing() {
        assert_eq!(
            network(8123),
            "user,id=lab,restrict=on,hostfwd=tcp:127.0.0.1:8123-10.0.2.15:8123"
        );
    }

    #[test]
    fn a_comma_in_the_drives_path_stays_in_the_path() {
        let drive = swap_drive(Path::new("/runs/a,b/0.swap"));
        assert!(
            drive.starts_with("file=/runs/a,,b/0.swap,if=virtio,"),
            "{drive}"
        );
    }

    #[test]
    fn a_machine_without_a_kernel_is_told_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let parts = VmParts {
            labrat: PathBuf::from("/no/labrat"),
            kernel_root: folder.path().to_owned(),
        };
        let error = VmBox::prepare(folder.path(), parts).unwrap_err();
        assert!(
            error.hint().unwrap().contains("scripts/box-setup.sh"),
            "{error}"
        );
    }
}
