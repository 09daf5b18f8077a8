//! Swap space that is as slow as a B1's.
//!
//! Leaked memory is cold: it goes to swap once and is never missed, and on a fast drive that costs
//! hardly anything. The kernel can slow a drive down, but lets swapping overtake that. So the swap
//! space is a drive of its own that lies upon a second one: what reaches the lower drive is plain
//! reading and writing, and waits.
//!
//! Both are loop devices upon the box's swap file. What was made is found again by that file, so
//! that nothing but its path has to be remembered.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use procfs::FromBufRead as _;
use procfs::process::MountInfos;

use super::swap;
use crate::machine::cgroup::{Location, Version};
use crate::machine::{Unavailable, proc_files};

/// What makes a drive of a file.
const LOSETUP: &str = "losetup";
/// The files of a version 1 cgroup that hold the limits of drives.
const VERSION_1_LIMITS: [&str; 2] = [
    "blkio.throttle.read_bps_device",
    "blkio.throttle.write_bps_device",
];

/// Swap to `file`, which is swap space of so many `bytes`, by way of a drive that reads and writes
/// so many bytes in a second, in the box at `location`.
///
/// # Errors
/// When there is no such drive to be had: why. Then nothing is left of it.
pub(super) fn swap_on(
    file: &Path,
    bytes: u64,
    speed: u64,
    location: &Location,
) -> Result<(), Unavailable> {
    let made = make(file, speed, location).and_then(|drive| {
        let opened = OpenOptions::new().read(true).write(true).open(&drive);
        opened
            .and_then(|opened| swap::write_header(&opened, bytes))
            .map_err(|error| Unavailable::reading(&drive, &error))?;
        swap::switch_on(&drive)
    });
    if let Err(error) = made {
        take_away(file)?;
        return Err(error);
    }
    Ok(())
}

/// The upper drive, upon the lower one, which is slow.
fn make(file: &Path, speed: u64, location: &Location) -> Result<PathBuf, Unavailable> {
    let lower = attach(file)?;
    let number = device_number(&lower)?;
    match location.version {
        Version::One => slow_down_for_all(&number, speed)?,
        Version::Two => slow_down_for_box(&number, speed, location)?,
    }
    attach(&lower)
}

fn attach(file: &Path) -> Result<PathBuf, Unavailable> {
    let output = Command::new(LOSETUP)
        .args(["--find", "--show", "--direct-io=on"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Unavailable::because(format!("{LOSETUP} cannot be run: {error}"))
                .with_hint("apt-get install mount")
        })?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        let reason = format!("no drive can be made: {}", said(&output.stderr));
        return Err(Unavailable::because(reason));
    }
    Ok(PathBuf::from(said(&output.stdout)))
}

/// `7:0`, as the kernel's tables of drives name it.
fn device_number(drive: &Path) -> Result<String, Unavailable> {
    let metadata = fs::metadata(drive).map_err(|error| Unavailable::reading(drive, &error))?;
    let device = metadata.rdev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    Ok(format!("{major}:{minor}"))
}

/// Version 1: the lower drive belongs to nobody's cgroup but the root's. A rate of 0 is no limit.
fn slow_down_for_all(number: &str, rate: u64) -> Result<(), Unavailable> {
    let root = block_hierarchy()?;
    for name in VERSION_1_LIMITS {
        write(&root.join(name), &format!("{number} {rate}"))?;
    }
    Ok(())
}

/// Version 2: what reaches the lower drive is charged to the cgroup whose page it is.
fn slow_down_for_box(number: &str, rate: u64, location: &Location) -> Result<(), Unavailable> {
    if let Some(parent) = location.directory.parent() {
        write(&parent.join("cgroup.subtree_control"), "+io")?;
    }
    let limits = format!("{number} rbps={rate} wbps={rate}");
    write(&location.directory.join("io.max"), &limits)
}

fn write(path: &Path, text: &str) -> Result<(), Unavailable> {
    fs::write(path, text).map_err(|error| {
        Unavailable::because(format!("{} cannot be written: {error}", path.display()))
    })
}

/// Where the version 1 hierarchy of block devices is mounted.
fn block_hierarchy() -> Result<PathBuf, Unavailable> {
    let text = proc_files::text("/proc/self/mountinfo")?;
    let mounts = MountInfos::from_buf_read(text.as_bytes())
        .map_err(|error| Unavailable::parsing("/proc/self/mountinfo", &error))?;
    let found = mounts
        .0
        .into_iter()
        .find(|mount| mount.fs_type == "cgroup" && mount.super_options.contains_key("blkio"));
    found
        .map(|mount| mount.mount_point)
        .ok_or_else(|| Unavailable::because("no cgroup of block devices is mounted"))
}

/// Take away every drive that was made of `file`: there need not be any.
///
/// # Errors
/// When one is still in use.
pub(super) fn take_away(file: &Path) -> Result<(), Unavailable> {
    for lower in drives_upon(file) {
        for upper in drives_upon(&lower) {
            swap::switch_off(&upper)?;
            detach(&upper)?;
        }
        // Where there is no such hierarchy, no limit was ever set there.
        if let Ok(number) = device_number(&lower) {
            let _ = slow_down_for_all(&number, 0);
        }
        detach(&lower)?;
    }
    Ok(())
}

/// The loop devices that lie upon a file or drive.
fn drives_upon(file: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/sys/block") else {
        return Vec::new();
    };
    let devices = entries.filter_map(|entry| entry.ok());
    devices
        .filter(|entry| {
            let backing = fs::read_to_string(entry.path().join("loop/backing_file"));
            backing.is_ok_and(|path| Path::new(path.trim_end_matches('\n')) == file)
        })
        .map(|entry| Path::new("/dev").join(entry.file_name()))
        .collect()
}

fn detach(drive: &Path) -> Result<(), Unavailable> {
    let status = Command::new(LOSETUP)
        .arg("--detach")
        .arg(drive)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Unavailable::because(format!(
            "{} cannot be taken away",
            drive.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_made_a_drive_of_can_be_taken_away() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(drives_upon(file.path()).is_empty());
        take_away(file.path()).unwrap();
    }
}
