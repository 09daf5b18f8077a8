//! What a running emulator leaves for the commands of the same user: where its control API is, and
//! the token that opens it.
//!
//! One file for each, readable by its user alone, in a folder that is the user's alone. Its name
//! holds the address and the network that the address is in, so that two emulators at the same
//! address of two networks do not meet. Whoever lives holds a lock on its file: what a killed one has
//! left goes with the next.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::identifiers;
use crate::machine::own_files;

/// What the files' names begin with.
const PREFIX: &str = "host-";
/// What they begin with until they are whole and locked, for a moment.
const UNFINISHED: &str = "new-";
/// A file that is unfinished for so long was left by a killed emulator.
const UNFINISHED_FOR: Duration = Duration::from_secs(60);
/// Bytes that such a file has at most.
const MOST_BYTES: u64 = 64 * 1024;

/// What an emulator tells.
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

impl Told {
    /// Whether its process is there.
    fn lives(&self) -> bool {
        Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

/// The file of a running emulator; dropped, it is gone.
#[derive(Debug)]
pub struct Presence {
    path: PathBuf,
    /// Held as long as the emulator lives.
    _lock: Flock<File>,
}

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
        remove_abandoned(&folder);
        let path = folder.join(name(told.control));
        // Made with its permissions and then named, so that nobody ever sees it open or half.
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&folder)?;
        serde_json::to_writer(&mut file, told)?;
        file.flush()?;
        let lock = Flock::lock(file.reopen()?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::from(error))?;
        file.persist(&path)?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Somebody may have tidied up.
        let _ = fs::remove_file(&self.path);
    }
}

/// A token that nobody guesses.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_token() -> io::Result<String> {
    identifiers::token::<32>()
}

/// What the emulator at an address of this network has told, if this user runs one.
pub fn find(control: SocketAddr) -> Option<Told> {
    let folder = folder()?;
    read(&folder, &folder.join(name(control)))
}

/// Every emulator of this user that runs.
pub fn running() -> Vec<Told> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    files
        .filter_map(|entry| read(&folder, &entry.path()))
        .filter(Told::lives)
        .collect()
}

/// Only what nobody else could have written is read.
fn read(folder: &Path, path: &Path) -> Option<Told> {
    is_private(folder).ok()?;
    let mut text = Vec::new();
    let file = own_files::open(path).ok()?;
    file.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Remove the files of emulators that were killed: nobody holds their lock.
fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_old = |file: &File| {
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > UNFINISHED_FOR))
        };
        let Ok(file) = own_files::open(&entry.path()) else {
            continue;
        };
        // One of another release may live and hold no lock.
        let lives = || {
            let told = read(folder, &entry.path());
            told.is_some_and(|told| told.lives())
        };
        let may_go = match name.starts_with(PREFIX) {
            true => !lives(),
            false => name.starts_with(UNFINISHED) && is_old(&file),
        };
        if may_go && let Ok(_held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // Another one may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("XDG_RUNTIME_DIR") {
        Some(runtime) => Some(Path::new(&runtime).join("labrat")),
        None => set("HOME").map(|home| Path::new(&home).join(".labrat")),
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    own_files::make_folder(folder)?;
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
    fn what_a_killed_emulator_has_left_goes_with_the_next_and_what_a_living_one_has_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["host-dead.json", "host-living.json", "new-young", "notes"] {
            fs::write(path(name), "{}").unwrap();
        }
        let living = File::open(path("host-living.json")).unwrap();
        let _lock = Flock::lock(living, FlockArg::LockExclusiveNonblock).unwrap();
        remove_abandoned(folder.path());
        assert!(!path("host-dead.json").exists());
        for name in ["host-living.json", "new-young", "notes"] {
            assert!(path(name).exists(), "{name}");
        }
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
