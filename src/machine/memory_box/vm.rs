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
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::BoxSize;
use super::cleanup_journal::{CleanupJournal, Made};
use super::emulator::{self, Accelerator, Kernel};
use super::guest::{self, Startup};
use super::initramfs::{Archive, pack_program};
use crate::machine::Unavailable;

/// What the kernel needs of a B1's memory for itself, in bytes.
const KERNEL_BYTES: u64 = 178 << 20;
/// For every so many bytes of memory beyond that, the kernel keeps one to describe them.
const BYTES_TO_DESCRIBE: u64 = 64;
/// The pages that are set apart when the kernel starts, for nobody, as the platform's own processes
/// hold memory on a B1.
const HUGE_PAGE_BYTES: u64 = 2 << 20;
/// How many times longer a /heavy computes under emulation: 0.92 s, and 0.17 s on the processor that
/// emulates it.
const EMULATION_SLOWS_DOWN: u64 = 5;
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
    size: BoxSize,
    parts: VmParts,
    kernel: Kernel,
    qemu: PathBuf,
    accelerator: Accelerator,
    count: AtomicU32,
    journal: CleanupJournal,
}

impl VmBox {
    /// Look for everything that is needed, and make a folder under `parent` for the drives. What
    /// is left of boxes whose owner is dead is taken away first.
    ///
    /// # Errors
    /// What is missing, and the command that installs it.
    pub fn prepare(parent: &Path, size: BoxSize, parts: VmParts) -> Result<Self, Unavailable> {
        let qemu = emulator::qemu()?;
        let kernel = emulator::kernel(&parts.kernel_root)?;
        if !parts.labrat.is_file() {
            let reason = format!("there is no labrat at {}", parts.labrat.display());
            return Err(Unavailable::because(reason).with_hint("run scripts/build.sh"));
        }
        let mut journal = CleanupJournal::take(parent)?;
        journal.note(Made::Machines(journal.folder().to_owned()))?;
        Ok(Self {
            size,
            parts,
            kernel,
            qemu,
            accelerator: Accelerator::here(),
            count: AtomicU32::new(0),
            journal,
        })
    }

    /// How the virtual machines will run.
    #[must_use]
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// End the machines and remove their drives, although somebody still holds the box.
    pub fn take_away(&self) {
        self.journal.release();
    }

    /// How many bytes the swap drive moves in a second. An emulated machine's is slower by as much
    /// as its processor is, or nothing would ever wait for it.
    #[must_use]
    pub fn swap_speed(&self) -> u64 {
        match self.accelerator {
            Accelerator::Kvm => self.size.swap_speed,
            Accelerator::Emulation => self.size.swap_speed / EMULATION_SLOWS_DOWN,
        }
    }

    /// The box's folder, for files that shall go with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.journal.folder()
    }

    /// The command that starts a virtual machine in which labrat runs with the arguments and the
    /// environment of `command`. What is served on `port` inside is reached at `address`, which is
    /// of loopback. It ends when labrat does. Its standard output is the guest's console, which is
    /// labrat's standard error; the last line then says how labrat ended ([`super::ENDED`]). Its
    /// standard error is labrat's standard output. A line with [`super::STOP`] on its standard input
    /// passes TERM on to labrat.
    ///
    /// # Errors
    /// When `command` is not labrat, which is the only program inside, or the drives cannot be
    /// made.
    pub fn enter_command(
        &self,
        command: &Command,
        address: SocketAddr,
        port: u16,
    ) -> Result<Command, Unavailable> {
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
        self.write_initramfs(&initramfs, &Startup::of(command, self.size.swap_bytes > 0))?;
        File::create(&swap)
            .and_then(|file| file.set_len(self.size.swap_bytes))
            .map_err(|error| {
                Unavailable::because(format!("{} cannot be made: {error}", swap.display()))
            })?;
        Ok(self.emulate(&initramfs, &swap, &network(address, port)))
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

    /// What of the memory the kernel, the program and the room leave is set apart.
    fn huge_pages(&self) -> u64 {
        // The first process and its files are in memory as well.
        let program = fs::metadata(&self.parts.labrat).map_or(0, |metadata| metadata.len());
        let beyond = self
            .size
            .machine_bytes
            .saturating_sub(BoxSize::B1.machine_bytes);
        let kernel = KERNEL_BYTES + beyond / BYTES_TO_DESCRIBE;
        let used = kernel + program + self.size.room_bytes;
        self.size.machine_bytes.saturating_sub(used) / HUGE_PAGE_BYTES
    }

    fn emulate(&self, initramfs: &Path, swap: &Path, network: &str) -> Command {
        let mut qemu = Command::new(&self.qemu);
        qemu.args(["-name", self.journal.name()])
            .args([
                "-accel",
                self.accelerator.name(),
                "-cpu",
                "max",
                "-smp",
                &self.size.processors.to_string(),
            ])
            .args(["-m", &(self.size.machine_bytes >> 20).to_string()])
            .args(["-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none", "-serial", "stdio"])
            .args(["-chardev", "file,id=output,path=/dev/fd/2,append=on"])
            .args(["-serial", "chardev:output"])
            .arg("-kernel")
            .arg(&self.kernel.image)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &kernel_words(self.huge_pages())])
            .args(["-drive", &swap_drive(swap, self.swap_speed())])
            .args(["-netdev", network])
            .args(["-device", "virtio-net-pci,netdev=lab,romfile="])
            .stdin(Stdio::null());
        qemu
    }
}

/// `panic=-1` with `-no-reboot` ends the emulator when the kernel panics. With `loglevel=0` only a
/// panic is printed, because the console is the startup command's. The kernel's check of its timer
/// counts ticks in real time, and fails where an emulator has to wait for its turn.
fn kernel_words(huge_pages: u64) -> String {
    format!(
        "console=ttyS0 loglevel=0 no_timer_check psi=1 panic=-1 hugepages={huge_pages} rdinit={} -- {}",
        guest::LABRAT,
        guest::COMMAND
    )
}

/// A leaked block is cold: it goes to swap once and is never missed. On a fast drive that costs
/// hardly anything, so the drive is as slow as a small instance's.
fn swap_drive(swap: &Path, speed: u64) -> String {
    // A comma in a path is doubled, or it would end the path.
    let path = swap.display().to_string().replace(',', ",,");
    format!(
        "file={path},if=virtio,format=raw,cache=unsafe,\
         throttling.bps-total={speed},\
         throttling.iops-total={SWAP_REQUESTS_PER_SECOND}"
    )
}

fn network(address: SocketAddr, port: u16) -> String {
    let guest = guest::ADDRESS.map(|byte| byte.to_string()).join(".");
    format!("user,id=lab,restrict=on,hostfwd=tcp:{address}-{guest}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_is_reached_on_one_port_and_reaches_nothing() {
        assert_eq!(
            network("127.64.0.1:8123".parse().unwrap(), 8000),
            "user,id=lab,restrict=on,hostfwd=tcp:127.64.0.1:8123-10.0.2.15:8000"
        );
    }

    #[test]
    fn a_comma_in_the_drives_path_stays_in_the_path() {
        let drive = swap_drive(Path::new("/runs/a,b/0.swap"), 1);
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
        let error = VmBox::prepare(folder.path(), BoxSize::B1, parts).unwrap_err();
        assert!(
            error.hint().unwrap().contains("scripts/box-setup.sh"),
            "{error}"
        );
    }
}
