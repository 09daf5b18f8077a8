//! Swap space: the signature that makes a file or a drive swap space, and switching it on and off.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;

use crate::machine::{Unavailable, sys};

/// Where the header's fields begin, behind room for a boot sector.
const HEADER_OFFSET: u64 = 1024;
/// The last bytes of the first page.
const MAGIC: &[u8; 10] = b"SWAPSPACE2";
const VERSION: u32 = 1;

/// Make swap space of an open file or drive of `bytes`, as mkswap(8) does: the kernel reads the
/// version and the number of the last page at 1024, and the magic at the end of the first page.
///
/// # Errors
/// When it cannot be written, or is too small to hold a page.
pub fn write_header(file: &File, bytes: u64) -> io::Result<()> {
    let page = procfs::page_size();
    let last_page = (bytes / page)
        .checked_sub(1)
        .filter(|last| *last > 0)
        .ok_or_else(|| io::Error::other(format!("{bytes} bytes are too small for swap space")))?;
    let last_page = u32::try_from(last_page).unwrap_or(u32::MAX);
    file.write_all_at(&VERSION.to_ne_bytes(), HEADER_OFFSET)?;
    file.write_all_at(&last_page.to_ne_bytes(), HEADER_OFFSET + 4)?;
    file.write_all_at(&0_u32.to_ne_bytes(), HEADER_OFFSET + 8)?;
    file.write_all_at(MAGIC, page - MAGIC.len() as u64)?;
    file.sync_data()
}

/// Make a file of `bytes` without holes, as the kernel wants them, that is swap space.
///
/// # Errors
/// When there is no room for it.
pub(super) fn make_file(path: &Path, bytes: u64) -> Result<(), Unavailable> {
    let refused = |error: &dyn std::fmt::Display| {
        Unavailable::because(format!(
            "a swap file of {bytes} bytes at {} cannot be made: {error}",
            path.display()
        ))
    };
    let length = i64::try_from(bytes).map_err(|error| refused(&error))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| refused(&error))?;
    nix::fcntl::posix_fallocate(&file, 0, length).map_err(|error| refused(&error))?;
    write_header(&file, bytes).map_err(|error| refused(&error))
}

/// Swap to a file or drive that is swap space.
///
/// # Errors
/// When the kernel refuses: not root, or a file system that cannot hold swap.
pub(super) fn switch_on(path: &Path) -> Result<(), Unavailable> {
    sys::swap_on(path).map_err(|error| {
        let refused = Unavailable::because(format!(
            "the swap space at {} cannot be switched on: {error}",
            path.display()
        ));
        match error {
            Errno::EPERM => refused
                .with_hint("run as root, or do without swap: past its limit the box then kills"),
            Errno::EINVAL => refused
                .with_hint("name a folder on ext4 or xfs: this file system holds no swap file"),
            _ => refused,
        }
    })
}

/// Stop swapping to a file. That it was not swapped to is no error.
///
/// # Errors
/// When the kernel refuses: what is swapped out no longer fits into memory.
pub(super) fn switch_off(path: &Path) -> Result<(), Unavailable> {
    match sys::swap_off(path) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(error) => Err(Unavailable::because(format!(
            "{} stays switched on: {error}",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_what_the_kernel_looks_for() {
        let file = tempfile::tempfile().unwrap();
        let page = procfs::page_size();
        file.set_len(100 * page).unwrap();
        write_header(&file, 100 * page + 5).unwrap();
        let mut head = vec![0; usize::try_from(page).unwrap()];
        file.read_exact_at(&mut head, 0).unwrap();
        assert_eq!(head[1024..1028], 1_u32.to_ne_bytes());
        assert_eq!(head[1028..1032], 99_u32.to_ne_bytes());
        assert!(head.ends_with(b"SWAPSPACE2"));
    }

    #[test]
    fn a_single_page_is_too_small() {
        let file = tempfile::tempfile().unwrap();
        assert!(write_header(&file, procfs::page_size()).is_err());
        assert!(write_header(&file, 0).is_err());
    }

    #[test]
    fn a_file_that_is_no_swap_space_can_be_switched_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain");
        std::fs::write(&path, "plain").unwrap();
        // Whoever is not root is refused before the kernel looks at the file.
        if let Err(refused) = switch_off(&path) {
            let said = format!("{} stays switched on: {}", path.display(), Errno::EPERM);
            assert_eq!(refused.reason(), said);
        }
    }
}
