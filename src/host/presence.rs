//! What a running stand-in leaves for the commands of the same user: where its control API is, and
//! the token that opens it.
//!
//! One file for each, readable by its user alone, in a folder that is the user's alone. Its name
//! holds the address and the network that the address is in, so that two stand-ins at the same
//! address of two networks do not meet.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::identifiers;

/// What the files' names begin with.
const PREFIX: &str = "host-";

/// What a stand-in tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where its control API is.
    pub control: SocketAddr,
    /// What opens it.
    pub token: String,
    /// Its process.
    pub pid: u32,
    /// The folder of its run.
    pub folder: PathBuf,
}

/// The file of a running stand-in; dropped, it is gone.
#[derive(Debug)]
pub struct Presence(PathBuf);

impl Presence {
    /// Leave the file.
    ///
    /// # Errors
    /// When there is no folder that is this user's alone.
    pub fn leave(told: &Told) -> io::Result<Self> {
        let folder = folder().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "neither XDG_RUNTIME_DIR nor HOME is set",
            )
        })?;
        make_private(&folder)?;
        let path = folder.join(name(told.control));
        // Made with its permissions and then named, so that nobody ever sees it open or half.
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&mut file, told)?;
        file.flush()?;
        file.persist(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Somebody may have tidied up.
        let _ = fs::remove_file(&self.0);
    }
}

/// A token that nobody guesses.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_token() -> io::Result<String> {
    identifiers::token::<32>()
}

/// What the stand-in at an address of this network has told, if this user runs one.
pub fn find(control: SocketAddr) -> Option<Told> {
    let folder = folder()?;
    read(&folder, &folder.join(name(control)))
}

/// Every stand-in of this user that runs.
pub fn running() -> Vec<Told> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    files
        .filter_map(|entry| read(&folder, &entry.path()))
        .filter(|told| Path::new("/proc").join(told.pid.to_string()).exists())
        .collect()
}

/// Only what nobody else could have written is read.
fn read(folder: &Path, path: &Path) -> Option<Told> {
    is_private(folder).ok()?;
    let metadata = fs::symlink_metadata(path).ok()?;
    let own = metadata.is_file() && metadata.uid() == nix::unistd::geteuid().as_raw();
    let text = own.then(|| fs::read(path).ok()).flatten()?;
    serde_json::from_slice(&text).ok()
}

fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("XDG_RUNTIME_DIR") {
        Some(runtime) => Some(Path::new(&runtime).join("labrat")),
        None => set("HOME").map(|home| Path::new(&home).join(".labrat")),
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let own = fs::symlink_metadata(folder)?.uid() == nix::unistd::geteuid().as_raw();
    if own {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    is_private(folder)
}

fn is_private(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    let own = metadata.uid() == nix::unistd::geteuid().as_raw();
    match metadata.is_dir() && own && metadata.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not this user's alone", folder.display()),
        )),
    }
}

/// The file's name: the address, and the number of the network namespace.
fn name(control: SocketAddr) -> String {
    let network = fs::metadata("/proc/self/ns/net").map_or(0, |file| file.ino());
    let address = control.to_string().replace([':', '[', ']'], "-");
    format!("{PREFIX}{address}-{network}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_no_two_are_alike() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
    }

    #[test]
    fn a_folder_that_others_may_enter_is_made_private_and_a_link_is_none() {
        let parent = tempfile::tempdir().unwrap();
        let open = parent.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_private(&open).is_err());
        make_private(&open).unwrap();
        assert!(is_private(&open).is_ok());
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(is_private(&link).is_err());
    }
}
