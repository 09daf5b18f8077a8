//! The folder of one box, and the record of what to undo.
//!
//! The owner holds a lock on the record for as long as it lives, however it dies. A record that
//! can be locked belongs to nobody, and what it names is undone.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use procfs::process::Process;

use super::{emulator, slow_drive, swap};
use crate::machine::{Unavailable, own_files};

/// Every folder and cgroup of a box is called this, then the owner's pid, then a number.
pub(super) const PREFIX: &str = "labrat-box-";
/// The record's file.
const RECORD: &str = "record";
/// How long to wait for the killed processes of a cgroup to be gone: their memory is given back
/// first, which takes time when it is in swap.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something outside the folder, to be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// A cgroup: its processes are killed, then it is removed.
    Cgroup(PathBuf),
    /// Swap space in this file, which is in the folder, or on drives that are made of it.
    Swap(PathBuf),
    /// Virtual machines, whose drives are in this folder: their emulators are killed.
    Machines(PathBuf),
}

impl Made {
    fn line(&self) -> String {
        match self {
            Self::Cgroup(path) => format!("cgroup {}\n", path.display()),
            Self::Swap(path) => format!("swap {}\n", path.display()),
            Self::Machines(path) => format!("machines {}\n", path.display()),
        }
    }

    /// Read a line of a record in `folder`. What no box can have made is not undone.
    fn parse(line: &str, folder: &Path) -> Option<Self> {
        let (kind, path) = line.split_once(' ')?;
        let path = PathBuf::from(path);
        match kind {
            "cgroup" if is_box(&path) => Some(Self::Cgroup(path)),
            "swap" if path.starts_with(folder) => Some(Self::Swap(path)),
            "machines" if path == folder => Some(Self::Machines(path)),
            _ => None,
        }
    }

    fn undo(&self) -> Result<(), Unavailable> {
        match self {
            Self::Cgroup(path) => remove_cgroup(path),
            Self::Swap(path) => {
                slow_drive::take_away(path)?;
                swap::switch_off(path)
            }
            Self::Machines(folder) => end_emulators(folder),
        }
    }
}

fn is_box(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX))
}

/// A box's own folder. Dropped, it undoes everything that was noted and removes the folder.
#[derive(Debug)]
pub(super) struct CleanupJournal {
    folder: PathBuf,
    /// Locked while this process lives; closed only after everything is undone.
    record: Flock<File>,
    made: Mutex<Vec<Made>>,
}

impl CleanupJournal {
    /// Undo what dead owners left under `parent`, then make a folder there.
    ///
    /// # Errors
    /// When `parent` cannot be written.
    pub(super) fn take(parent: &Path) -> Result<Self, Unavailable> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let refused = |error: &dyn std::fmt::Display| {
            Unavailable::because(format!("{} cannot hold a box: {error}", parent.display()))
        };
        fs::create_dir_all(parent).map_err(|error| refused(&error))?;
        let parent = fs::canonicalize(parent).map_err(|error| refused(&error))?;
        let _turn = lock_folder(&parent).map_err(|error| refused(&error))?;
        sweep_locked(&parent);
        let folder = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let folder = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                // Another process of the same pid left it, and it could not be undone.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(&error)),
            }
        };
        let record = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(RECORD))
            .map_err(|error| refused(&error))?;
        let record = Flock::lock(record, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| refused(&error))?;
        Ok(Self {
            folder,
            record,
            made: Mutex::new(Vec::new()),
        })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The box's name, which its cgroups have too.
    pub(super) fn name(&self) -> &str {
        let name = self.folder.file_name().and_then(|name| name.to_str());
        name.unwrap_or(PREFIX)
    }

    /// Write down what is about to be made: before it is made, or a kill in between would leave
    /// it for ever.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(super) fn note(&mut self, made: Made) -> Result<(), Unavailable> {
        self.record
            .write_all(made.line().as_bytes())
            .map_err(|error| {
                Unavailable::because(format!(
                    "{} cannot be written: {error}",
                    self.folder.join(RECORD).display()
                ))
            })?;
        self.made.lock().push(made);
        Ok(())
    }

    /// Undo everything now, and remove the folder.
    pub(super) fn release(&self) {
        let made = std::mem::take(&mut *self.made.lock());
        let undone: Vec<_> = made.iter().map(Made::undo).collect();
        // Where something could not be undone, the record stays for the next owner's sweep.
        if undone.iter().all(Result::is_ok) {
            let _ = own_files::remove_folder(&self.folder, RECORD);
        } else {
            self.made.lock().extend(made);
        }
    }
}

impl Drop for CleanupJournal {
    fn drop(&mut self) {
        self.release();
    }
}

/// Undo what boxes under `parent` left behind whose owner is dead; the folders that are gone now.
pub fn sweep(parent: &Path) -> Vec<PathBuf> {
    let Ok(parent) = fs::canonicalize(parent) else {
        return Vec::new();
    };
    match lock_folder(&parent) {
        Ok(_turn) => sweep_locked(&parent),
        Err(_) => Vec::new(),
    }
}

/// Whoever makes or sweeps a folder holds this, so that a new folder without its record is never
/// taken for an old one.
fn lock_folder(parent: &Path) -> std::io::Result<Flock<File>> {
    Flock::lock(File::open(parent)?, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

fn sweep_locked(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    folders
        .filter(|folder| is_box(folder) && is_own_folder(folder))
        .filter(|folder| sweep_one(folder).is_some())
        .collect()
}

/// Whether it is a folder that this user made: in a folder that everybody may write to, somebody
/// else's record is not to be believed.
fn is_own_folder(path: &Path) -> bool {
    let metadata = fs::symlink_metadata(path);
    let own = nix::unistd::geteuid().as_raw();
    metadata.is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == own)
}

fn sweep_one(folder: &Path) -> Option<()> {
    let path = folder.join(RECORD);
    let Ok(record) = own_files::open(&path) else {
        // Its owner was killed before it had made anything; whatever is in it is somebody else's.
        return fs::remove_dir(folder).ok();
    };
    let owned = Flock::lock(record, FlockArg::LockExclusiveNonblock).ok()?;
    let text = io::read_to_string(&*owned).ok()?;
    for made in text.lines().filter_map(|line| Made::parse(line, folder)) {
        made.undo().ok()?;
    }
    own_files::remove_folder(folder, RECORD).ok()
}

/// Remove the empty cgroups beside `group` whose owner is dead. Those with processes are left to
/// the record that names them: a pid of another namespace looks dead from here.
pub(super) fn sweep_cgroups(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if owner(&path).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir(path);
        }
    }
}

/// The pid in the name of a box.
fn owner(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let (pid, _) = name.split_once('-')?;
    pid.bytes().all(|byte| byte.is_ascii_digit()).then_some(pid)
}

fn remove_cgroup(path: &Path) -> Result<(), Unavailable> {
    let deadline = Instant::now() + PATIENCE;
    while path.exists() {
        kill_all(path);
        match fs::remove_dir(path) {
            Ok(()) => break,
            Err(error) if Instant::now() >= deadline => {
                return Err(Unavailable::because(format!(
                    "{} cannot be removed: {error}",
                    path.display()
                )));
            }
            // A killed process is in its cgroup until it is gone; there is nothing to wait on.
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(())
}

/// Kill every emulator that was started with a drive in `folder`, and wait until it has ended.
fn end_emulators(folder: &Path) -> Result<(), Unavailable> {
    let deadline = Instant::now() + PATIENCE;
    let mut killed = BTreeSet::new();
    loop {
        for pid in emulators(folder) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            killed.insert(pid);
        }
        // It loses its command line first, and gives its memory back for a while after that.
        killed.retain(|pid| runs(*pid));
        if killed.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Unavailable::because(format!(
                "the emulators {killed:?} do not end"
            )));
        }
        // Somebody else's children: there is nothing to wait on.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process has not ended: one that only waits to be buried has.
fn runs(pid: i32) -> bool {
    let state = Process::new(pid).and_then(|process| process.stat());
    state.is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Pids of the emulators that were started with a drive in `folder`. One that has ended and is
/// not buried yet has no command line any more.
fn emulators(folder: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        is_emulator(&words, folder)
    })
    .collect()
}

/// Whether a process's command line, its words ended by NULs, is that of QEMU with a drive in
/// `folder`.
fn is_emulator(words: &[u8], folder: &Path) -> bool {
    let mut words = words.split(|byte| *byte == 0);
    let program = words.next().map(String::from_utf8_lossy);
    let is_qemu = program.is_some_and(|program| program.contains(emulator::QEMU));
    let drive = format!("{}/", folder.display());
    is_qemu && words.any(|word| String::from_utf8_lossy(word).starts_with(&drive))
}

fn kill_all(cgroup: &Path) {
    let processes = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    let pids = processes.lines().filter_map(|line| line.parse().ok());
    // Version 2 shows processes of other namespaces as 0, which would mean this process's group.
    for pid in pids.filter(|pid| *pid > 1) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_gone_with_its_journal() {
        let parent = tempfile::tempdir().unwrap();
        let journal = CleanupJournal::take(parent.path()).unwrap();
        let folder = journal.folder().to_owned();
        assert!(folder.join(RECORD).exists());
        assert_eq!(
            journal.name(),
            folder.file_name().unwrap().to_str().unwrap()
        );
        drop(journal);
        assert!(!folder.exists());
    }

    #[test]
    fn a_living_owners_folder_is_not_swept_and_a_dead_ones_is() {
        let parent = tempfile::tempdir().unwrap();
        let journal = CleanupJournal::take(parent.path()).unwrap();
        let dead = parent.path().join("labrat-box-1-1");
        let stranger = parent.path().join("run-1");
        for folder in [&dead, &stranger] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(RECORD), "").unwrap();
        }
        let swept = sweep(parent.path());
        assert_eq!(
            swept,
            [fs::canonicalize(parent.path())
                .unwrap()
                .join("labrat-box-1-1")]
        );
        let notes = parent.path().join("labrat-box-2-2");
        fs::create_dir(&notes).unwrap();
        fs::write(notes.join("notes"), "").unwrap();
        assert!(sweep(parent.path()).is_empty() && notes.exists(), "no box");
        assert!(journal.folder().exists() && stranger.exists() && !dead.exists());
        assert!(sweep(Path::new("/no/such/folder")).is_empty());
    }

    #[test]
    fn what_is_noted_can_be_read_back_and_nothing_else_is_undone() {
        let folder = Path::new("/runs/labrat-box-7-0");
        let cgroup = Made::Cgroup("/sys/fs/cgroup/memory/a b/labrat-box-7-0".into());
        let swap = Made::Swap(folder.join("swap"));
        let machines = Made::Machines(folder.to_owned());
        for made in [cgroup, swap, machines] {
            assert_eq!(Made::parse(made.line().trim_end(), folder), Some(made));
        }
        for bad in [
            "cgroup /sys/fs/cgroup/memory",
            "cgroup /sys/fs/cgroup/memory/system.slice",
            "swap /swapfile",
            "machines /runs",
            "swap",
            "folder /",
        ] {
            assert_eq!(Made::parse(bad, folder), None, "{bad}");
        }
    }

    #[test]
    fn a_cgroups_name_says_who_owned_it() {
        assert_eq!(owner(Path::new("/a/labrat-box-12-3")), Some("12"));
        for name in ["/a/labrat-box-12", "/a/labrat-box-x-1", "/a/system.slice"] {
            assert_eq!(owner(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn only_an_emulator_with_a_drive_of_the_box_is_one_of_its_machines() {
        let folder = Path::new("/runs/labrat-box-7-0");
        let words = b"/usr/bin/qemu-system-x86_64\0-initrd\0/runs/labrat-box-7-0/0.initramfs\0";
        assert!(is_emulator(words, folder));
        for other in [
            b"/usr/bin/qemu-system-x86_64\0-initrd\0/runs/labrat-box-7-01/0.initramfs\0".as_slice(),
            b"/usr/bin/tail\0/runs/labrat-box-7-0/0.console\0",
            b"",
        ] {
            assert!(!is_emulator(other, folder));
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = CleanupJournal::take(&file.path().join("x")).unwrap_err();
        assert!(error.reason().contains("cannot hold a box"), "{error}");
    }
}
