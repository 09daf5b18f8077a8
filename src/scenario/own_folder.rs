//! Temporary folders that go with whoever made them.
//!
//! One that was killed cannot remove its folder any more, so the next one that makes such a folder
//! does: whoever lives holds a lock on a file in its folder, however it dies, and a folder whose
//! file can be locked belongs to nobody.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use crate::machine::memory_box;

/// The file that the owner holds a lock on.
const OWNER: &str = "owner.lock";
/// A folder that has no such file for so long was left between its making and the lock.
const UNOWNED: Duration = Duration::from_secs(60);

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What is around a target: the stand-in with its sites, a database server.
    Rehearsal,
    /// The bundles of a check of the whole catalogue.
    Check,
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Rehearsal, Self::Check];

    /// How the names of such folders begin, in the folder for temporary files.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Rehearsal => "labrat-rehearsal-",
            Self::Check => "labrat-check-",
        }
    }
}

/// A folder of its owner alone, removed when it is dropped.
#[derive(Debug)]
pub struct OwnFolder {
    folder: TempDir,
    /// Held until the folder is gone.
    owner: Flock<File>,
}

impl OwnFolder {
    /// Make one, and remove what killed owners of any such folder have left.
    ///
    /// # Errors
    /// When the folder or its lock cannot be made.
    pub fn make(purpose: Purpose) -> io::Result<Self> {
        let parent = std::env::temp_dir();
        remove_abandoned(&parent);
        Self::make_in(&parent, purpose)
    }

    fn make_in(parent: &Path, purpose: Purpose) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(purpose.prefix())
            .tempdir_in(parent)?;
        // Under its name only once it is locked, so that nobody else can lock it first.
        let unlocked = folder.path().join("owner.new");
        // Readable as well: who shares it may have it in the place of its standard input.
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true);
        let owner = Flock::lock(file.open(&unlocked)?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::from(error))?;
        fs::rename(&unlocked, folder.path().join(OWNER))?;
        Ok(Self { folder, owner })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The lock, for a process that works in the folder and may outlive a killed owner: the folder
    /// belongs to somebody until the last one that has this open has ended.
    ///
    /// # Errors
    /// When there are no more file descriptors.
    pub fn share(&self) -> io::Result<File> {
        self.owner.try_clone()
    }
}

fn is_such_a_folder(name: &str) -> bool {
    let mut purposes = Purpose::ALL.iter();
    purposes.any(|purpose| name.starts_with(purpose.prefix()))
}

/// Remove every such folder in `parent` whose owner was killed. What cannot be removed is another
/// user's, or goes the next time.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(is_such_a_folder) {
            continue;
        }
        let folder = entry.path();
        match File::open(folder.join(OWNER)) {
            Ok(file) => {
                if let Ok(_held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                    // A memory box in it has made things elsewhere.
                    memory_box::sweep(&folder);
                    let _ = fs::remove_dir_all(&folder);
                }
            }
            Err(_) if is_old(&folder) => {
                let _ = fs::remove_dir_all(&folder);
            }
            Err(_) => {}
        }
    }
}

fn is_old(folder: &Path) -> bool {
    let modified = fs::symlink_metadata(folder).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > UNOWNED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_nobody_holds_is_removed_and_one_that_somebody_holds_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(OWNER), "").unwrap();
            fs::write(folder.join("rest"), "").unwrap();
            folder
        };
        let (left, held, young) = (
            made("labrat-rehearsal-left"),
            made("labrat-check-held"),
            made("labrat-check-young"),
        );
        fs::remove_file(young.join(OWNER)).unwrap();
        let other = parent.path().join("somebody-elses");
        fs::create_dir(&other).unwrap();
        let file = File::open(held.join(OWNER)).unwrap();
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        remove_abandoned(parent.path());
        let exist = [&left, &held, &young, &other].map(|folder| folder.exists());
        assert_eq!(exist, [false, true, true, true]);
        drop(lock);
        remove_abandoned(parent.path());
        assert!(!held.exists());
    }
}
