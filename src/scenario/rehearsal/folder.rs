//! The stand-in's folder during one rehearsal.
//!
//! It goes with the rehearsal. One that was killed cannot remove its folder any more, so the next
//! rehearsal does: whoever lives holds a lock on a file in its folder, however it dies, and a
//! folder whose file can be locked belongs to nobody.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use crate::machine::memory_box;

/// How every such folder begins, in the folder for temporary files.
const PREFIX: &str = "labrat-rehearsal-";
/// The file that the owner holds a lock on.
const OWNER: &str = "owner.lock";
/// A folder that has no such file for so long was left between its making and the lock.
const UNOWNED: Duration = Duration::from_secs(60);

/// A folder of this rehearsal alone, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    folder: TempDir,
    /// Held until the folder is gone.
    _owner: Flock<File>,
}

impl Folder {
    /// Make one, and remove what killed rehearsals have left.
    ///
    /// # Errors
    /// When the folder or its lock cannot be made.
    pub(super) fn make() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        remove_abandoned(&parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // Under its name only once it is locked, so that nobody else can lock it first.
        let unlocked = folder.path().join("owner.new");
        let owner = Flock::lock(File::create(&unlocked)?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::from(error))?;
        fs::rename(&unlocked, folder.path().join(OWNER))?;
        Ok(Self {
            folder,
            _owner: owner,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Remove every folder in `parent` whose rehearsal was killed. What cannot be removed is another
/// user's, or goes the next time.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| name.starts_with(PREFIX)) {
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
            let folder = parent.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(OWNER), "").unwrap();
            fs::write(folder.join("rest"), "").unwrap();
            folder
        };
        let (left, held, young) = (made("left"), made("held"), made("young"));
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
