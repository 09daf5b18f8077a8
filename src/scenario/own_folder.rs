//! Temporary folders that go with whoever made them.
//!
//! One that was killed cannot remove its folder any more, so the next one that makes such a folder
//! does: whoever lives holds a lock on a file in its folder, however it dies, and a folder whose
//! file can be locked belongs to nobody.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use crate::machine::{memory_box, own_files};

/// The file that the owner holds a lock on.
const OWNER: &str = "owner.lock";
/// Its name before it is locked.
const UNLOCKED: &str = "owner.new";
/// What the file says. A folder without it is somebody else's, whatever its name is.
const MARKER: &[u8] = b"labrat made this folder, and removes it with all that is in it\n";
/// A folder that has no such file for so long was left between its making and the lock.
const UNOWNED: Duration = Duration::from_secs(60);

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What is around a target: the emulator with its sites, a database server.
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
    folder: PathBuf,
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
            // Whatever the umask says.
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        // Under its name only once it is locked, so that nobody else can lock it first.
        let unlocked = folder.path().join(UNLOCKED);
        // Readable as well: who shares it may have it in the place of its standard input.
        let mut options = own_files::private();
        let mut file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&unlocked)?;
        file.write_all(MARKER)?;
        let owner = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::from(error))?;
        fs::rename(&unlocked, folder.path().join(OWNER))?;
        Ok(Self {
            folder: folder.keep(),
            owner,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
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

impl Drop for OwnFolder {
    fn drop(&mut self) {
        // What cannot be removed goes with the next one.
        let _ = own_files::remove_folder(&self.folder, OWNER);
    }
}

fn is_such_a_folder(name: &str) -> bool {
    let mut purposes = Purpose::ALL.iter();
    purposes.any(|purpose| name.starts_with(purpose.prefix()))
}

/// Remove every such folder in `parent` that this user's labrat made and whose owner was killed. What
/// cannot be removed goes the next time.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let folder = entry.path();
        let is_named_so = name.to_str().is_some_and(is_such_a_folder);
        if !is_named_so || own_files::check_folder(&folder).is_err() {
            continue;
        }
        match own_files::open(&folder.join(OWNER)) {
            Ok(file) => remove_unless_held(&folder, file),
            Err(_) if is_old(&folder) => {
                // Nothing but the file that was never locked: whatever else is there is not ours.
                if own_files::open(&folder.join(UNLOCKED)).is_ok() {
                    let _ = fs::remove_file(folder.join(UNLOCKED));
                }
                let _ = fs::remove_dir(&folder);
            }
            Err(_) => {}
        }
    }
}

fn remove_unless_held(folder: &Path, file: File) {
    let mut said = Vec::new();
    let marked = (&file)
        .take(MARKER.len() as u64)
        .read_to_end(&mut said)
        .is_ok_and(|_| said == MARKER);
    if marked && let Ok(_held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        // A memory box in it has made things elsewhere.
        memory_box::sweep(folder);
        let _ = own_files::remove_folder(folder, OWNER);
    }
}

fn is_old(folder: &Path) -> bool {
    let modified = fs::symlink_metadata(folder).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > UNOWNED))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::symlink;
    use std::time::SystemTime;

    fn made(parent: &Path, name: &str, owner: Option<&[u8]>) -> PathBuf {
        let folder = parent.join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        if let Some(owner) = owner {
            fs::write(folder.join(OWNER), owner).unwrap();
        }
        fs::write(folder.join("rest"), "").unwrap();
        folder
    }

    fn make_old(folder: &Path) {
        let long_ago = SystemTime::now() - 2 * UNOWNED;
        File::open(folder).unwrap().set_modified(long_ago).unwrap();
    }

    #[test]
    fn a_folder_that_nobody_holds_is_removed_and_one_that_somebody_holds_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let left = made(parent.path(), "labrat-rehearsal-left", Some(MARKER));
        let held = made(parent.path(), "labrat-check-held", Some(MARKER));
        let file = File::open(held.join(OWNER)).unwrap();
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        remove_abandoned(parent.path());
        assert!(!left.exists() && held.exists());
        drop(lock);
        remove_abandoned(parent.path());
        assert!(!held.exists());
    }

    #[test]
    fn one_that_was_never_locked_goes_after_a_minute_while_nothing_else_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folders = ["young", "old"].map(|name| {
            let folder = made(parent.path(), &format!("labrat-rehearsal-{name}"), None);
            fs::remove_file(folder.join("rest")).unwrap();
            fs::write(folder.join(UNLOCKED), "").unwrap();
            folder
        });
        make_old(&folders[1]);
        remove_abandoned(parent.path());
        assert_eq!(folders.each_ref().map(|one| one.exists()), [true, false]);
    }

    #[test]
    fn what_labrat_did_not_make_is_left_alone_whatever_its_name() {
        let parent = tempfile::tempdir().unwrap();
        let name = |rest: &str| format!("labrat-rehearsal-{rest}");
        let somebodys = made(parent.path(), &name("notes"), None);
        make_old(&somebodys);
        let unmarked = made(parent.path(), &name("unmarked"), Some(b""));
        let piped = made(parent.path(), &name("pipe"), None);
        nix::unistd::mkfifo(&piped.join(OWNER), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let linked = made(parent.path(), &name("linked-owner"), None);
        let elsewhere = made(parent.path(), "elsewhere", Some(MARKER));
        symlink(elsewhere.join(OWNER), linked.join(OWNER)).unwrap();
        let link = parent.path().join(name("link"));
        symlink(&elsewhere, &link).unwrap();
        let mut all = vec![somebodys, unmarked, piped, linked, elsewhere, link];
        if nix::unistd::geteuid().is_root() {
            let others = made(parent.path(), &name("others"), Some(MARKER));
            std::os::unix::fs::chown(&others, Some(65_534), None).unwrap();
            all.push(others);
        }
        remove_abandoned(parent.path());
        for folder in all {
            assert!(folder.join("rest").exists(), "{}", folder.display());
        }
    }
}
