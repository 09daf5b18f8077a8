//! A memory box that is a cgroup: native speed, a limit, and swap of its own where root allows.
//!
//! It is a child of the cgroup that this process is in. In version 1 that takes root. In version 2
//! it takes a delegated subtree (systemd delegates one to each user and to scopes on request) or
//! root; there a cgroup that holds processes cannot hand controllers on, so that the box is made
//! beside this process's cgroup where it cannot be made below it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cleanup_journal::{self, CleanupJournal, Made};
use super::{slow_drive, swap};
use crate::machine::cgroup::{self, CgroupMemory, Location, Version};
use crate::machine::{Unavailable, memory, proc_files};

/// What to run where no cgroup can be made.
const HINT: &str = "run as root, or give it a subtree of its own: \
                    systemd-run --user --scope -p Delegate=yes labrat ...";

/// How a process enters: by itself, before it becomes what it shall be, so that no page of its is
/// ever charged elsewhere. With `-e`, one that cannot enter does not start.
const ENTER: &str = "for procs in \"$1\" \"$2\"; do [ -z \"$procs\" ] || echo $$ > \"$procs\"; done; \
                     shift 2; exec \"$@\"";

/// Whether the box may swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapWish {
    /// Never: past its limit the kernel kills.
    None,
    /// So many bytes, in a file of the box's own; where this process may not switch swap on, in
    /// the machine's own swap if that much of it is free.
    Bytes(u64),
    /// On a drive of the box's own that is slow. Where this machine cannot slow a drive down, as
    /// [`SwapWish::Bytes`]; [`CgroupBox::swap_speed`] tells which.
    Slow {
        /// Its size.
        bytes: u64,
        /// What it moves in a second, in bytes.
        speed: u64,
    },
}

impl SwapWish {
    const fn bytes(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Bytes(bytes) | Self::Slow { bytes, .. } => bytes,
        }
    }
}

/// A cgroup with a limit. Dropped, it kills the processes in it and takes everything away.
#[derive(Debug)]
pub struct CgroupBox {
    location: Location,
    /// Beside a version 1 box: a version 2 cgroup, which measures stalls.
    companion: Option<PathBuf>,
    swap_file: Option<PathBuf>,
    swap_speed: Result<u64, Unavailable>,
    // Last, because it undoes the others.
    journal: CleanupJournal,
}

impl CgroupBox {
    /// Make a box of `limit_bytes` of memory and the requested swap. Its swap file is
    /// made in a folder under `parent`, which has to be on a file system that can hold one.
    ///
    /// What is left of boxes under `parent` whose owner is dead is taken away first.
    ///
    /// # Errors
    /// Where no cgroup or no swap can be had: why, and what to run.
    pub fn prepare(parent: &Path, limit_bytes: u64, swap: SwapWish) -> Result<Self, Unavailable> {
        let groups = proc_files::text("/proc/self/cgroup")?;
        let mounts = proc_files::text("/proc/self/mountinfo")?;
        let own = cgroup::locate(&groups, &mounts)?;
        let mut journal = CleanupJournal::take(parent)?;
        let location = make_group(&own, &mut journal)?;
        let companion = match own.version {
            Version::One => make_companion(&groups, &mounts, &mut journal),
            Version::Two => None,
        };
        let (swap_file, swap_speed) = make_swap(swap, &location, &mut journal)?;
        set_limits(&location, limit_bytes, swap)?;
        let made = Self {
            location,
            companion,
            swap_file,
            swap_speed,
            journal,
        };
        made.check_entrance()?;
        Ok(made)
    }

    /// The same program with the same arguments, environment and directory, started in the box.
    ///
    /// Its pid stays that of the started process. Standard streams and process group are for the
    /// caller to set: they cannot be read off a command.
    #[must_use]
    pub fn enter_command(&self, command: &Command) -> Command {
        let procs = |directory: &Path| directory.join("cgroup.procs").into_os_string();
        let mut inside = Command::new("sh");
        inside
            .args(["-e", "-c", ENTER, "labrat-box"])
            .arg(procs(&self.location.directory))
            .arg(self.companion.as_deref().map(procs).unwrap_or_default())
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            inside.current_dir(directory);
        }
        inside
    }

    /// What the kernel says of the box now; each figure is from the folder `location` names, but
    /// the stalls of a version 1 box, which a version 2 cgroup of the same name measures.
    #[must_use]
    pub fn facts(&self) -> CgroupMemory {
        let mut memory = cgroup::memory_at(self.location.clone());
        if let Some(companion) = &self.companion {
            memory.pressure = cgroup::pressure_at(companion);
        }
        memory
    }

    /// The box's own swap file, if it has one.
    #[must_use]
    pub fn swap_file(&self) -> Option<&Path> {
        self.swap_file.as_deref()
    }

    /// How many bytes the box's swap moves in a second, reading or writing.
    ///
    /// # Errors
    /// When nothing slows it down: why, and what would.
    pub fn swap_speed(&self) -> Result<u64, Unavailable> {
        self.swap_speed.clone()
    }

    /// The box's folder, for files that shall go with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.journal.folder()
    }

    /// Kill what is in the box and take everything away, although somebody still holds it.
    pub fn take_away(&self) {
        self.journal.release();
    }

    /// A cgroup may be made where no process may be moved to.
    fn check_entrance(&self) -> Result<(), Unavailable> {
        let entered = self
            .enter_command(&Command::new("true"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output();
        let directory = self.location.directory.display();
        match entered {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(Unavailable::because(format!(
                    "no process can be moved into {directory}: {}",
                    said.trim()
                ))
                .with_hint(HINT))
            }
            Err(error) => Err(Unavailable::because(format!(
                "no process can be moved into {directory}: sh cannot be run: {error}"
            ))),
        }
    }
}

fn make_group(own: &Location, journal: &mut CleanupJournal) -> Result<Location, Unavailable> {
    let parents = match own.version {
        Version::One => vec![own.directory.clone()],
        Version::Two => {
            let above = own.directory.parent();
            let above = above.filter(|above| above.starts_with(&own.mount_point));
            [Some(own.directory.as_path()), above]
                .into_iter()
                .flatten()
                .map(Path::to_owned)
                .collect()
        }
    };
    let mut reasons = Vec::new();
    for parent in parents {
        let made = match own.version {
            Version::One => make_directory(&parent, journal),
            Version::Two => hand_on_memory(&parent).and_then(|()| make_directory(&parent, journal)),
        };
        match made {
            Ok(directory) => {
                return Ok(Location {
                    version: own.version,
                    path: path_below(&own.mount_point, &directory),
                    directory,
                    mount_point: own.mount_point.clone(),
                });
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(Unavailable::because(reasons.join(", and ")).with_hint(HINT))
}

fn path_below(mount_point: &Path, directory: &Path) -> String {
    let below = directory.strip_prefix(mount_point).unwrap_or(directory);
    format!("/{}", below.display())
}

/// Version 2: let the children of `parent` have the memory controller.
fn hand_on_memory(parent: &Path) -> Result<(), String> {
    let has_memory = |name: &str| {
        let path = parent.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.split_whitespace().any(|word| word == "memory")),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        }
    };
    if !has_memory("cgroup.controllers")? {
        return Err(format!("{} has no memory controller", parent.display()));
    }
    if has_memory("cgroup.subtree_control")? {
        return Ok(());
    }
    fs::write(parent.join("cgroup.subtree_control"), "+memory").map_err(|error| {
        format!(
            "{} cannot hand the memory controller on: {error}",
            parent.display()
        )
    })
}

fn make_directory(parent: &Path, journal: &mut CleanupJournal) -> Result<PathBuf, String> {
    cleanup_journal::sweep_cgroups(parent);
    let directory = parent.join(journal.name());
    journal
        .note(Made::Cgroup(directory.clone()))
        .map_err(|error| error.reason().to_owned())?;
    fs::create_dir(&directory)
        .map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    Ok(directory)
}

/// Beside a version 1 box; without one the box merely has no figures of its stalls.
fn make_companion(groups: &str, mounts: &str, journal: &mut CleanupJournal) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let parent = cgroup::unified_mount(mounts)?.join(own.trim_start_matches('/'));
    let directory = make_directory(&parent, journal).ok()?;
    cgroup::pressure_at(&directory).ok().map(|_| directory)
}

type MadeSwap = (Option<PathBuf>, Result<u64, Unavailable>);

fn make_swap(
    swap: SwapWish,
    location: &Location,
    journal: &mut CleanupJournal,
) -> Result<MadeSwap, Unavailable> {
    let bytes = swap.bytes();
    let as_fast = || Err(Unavailable::because("slow swap was not requested"));
    if bytes == 0 {
        return Ok((None, as_fast()));
    }
    if nix::unistd::geteuid().is_root() {
        let path = journal.folder().join("swap");
        journal.note(Made::Swap(path.clone()))?;
        swap::make_file(&path, bytes)?;
        let speed = match swap {
            SwapWish::Slow { speed, .. } => {
                slow_drive::swap_on(&path, bytes, speed, location).map(|()| speed)
            }
            _ => as_fast(),
        };
        if speed.is_err() {
            swap::switch_on(&path)?;
        }
        return Ok((Some(path), speed));
    }
    let host = memory::of_host()?;
    let free = host.swap_total_bytes.saturating_sub(host.swap_used_bytes);
    if free >= bytes {
        let why = "slowing a swap drive down takes root";
        return Ok((
            None,
            Err(Unavailable::because(why).with_hint("run as root")),
        ));
    }
    Err(Unavailable::because(format!(
        "switching on a swap file takes root, and the machine's own swap has {free} of the \
         {bytes} bytes free"
    ))
    .with_hint("run as root, or do without swap: past its limit the box then kills"))
}

fn set_limits(location: &Location, limit: u64, swap: SwapWish) -> Result<(), Unavailable> {
    let extra = swap.bytes();
    let write = |name: &str, bytes: u64| {
        let path = location.directory.join(name);
        fs::write(&path, bytes.to_string()).map_err(|error| {
            Unavailable::because(format!("{} cannot be written: {error}", path.display()))
        })
    };
    match location.version {
        Version::One => {
            write("memory.limit_in_bytes", limit)?;
            // Memory and swap together, and never less than memory alone: so it comes second.
            write("memory.memsw.limit_in_bytes", limit.saturating_add(extra)).map_err(|error| {
                error.with_hint("swap has to be accounted: boot with swapaccount=1")
            })
        }
        Version::Two => {
            write("memory.max", limit)?;
            write("memory.swap.max", extra)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_hands_memory_on_only_when_it_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let missing = hand_on_memory(folder.path()).unwrap_err();
        assert!(missing.contains("cgroup.controllers"), "{missing}");
        write("cgroup.controllers", "cpu pids\n");
        let missing = hand_on_memory(folder.path()).unwrap_err();
        assert!(missing.contains("no memory controller"), "{missing}");
        write("cgroup.controllers", "cpu memory pids\n");
        write("cgroup.subtree_control", "");
        hand_on_memory(folder.path()).unwrap();
        let control = folder.path().join("cgroup.subtree_control");
        assert_eq!(fs::read_to_string(&control).unwrap(), "+memory");
        write("cgroup.subtree_control", "memory\n");
        hand_on_memory(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&control).unwrap(), "memory\n");
    }

    #[test]
    fn a_machine_that_allows_no_cgroup_is_told_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let own = Location {
            version: Version::Two,
            path: "/user.slice/session".into(),
            directory: folder.path().join("user.slice/session"),
            mount_point: folder.path().to_owned(),
        };
        let mut journal = CleanupJournal::take(&folder.path().join("runs")).unwrap();
        let error = make_group(&own, &mut journal).unwrap_err();
        assert!(
            error.reason().contains("/session/cgroup.controllers"),
            "{error}"
        );
        assert!(
            error.reason().contains("user.slice/cgroup.controllers"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("systemd-run --user --scope"));
    }

    #[test]
    fn version_2_limits_are_written_where_the_kernel_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location {
            version: Version::Two,
            path: "/".into(),
            directory: folder.path().to_owned(),
            mount_point: folder.path().to_owned(),
        };
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        set_limits(&location, 1000, SwapWish::Bytes(500)).unwrap();
        assert_eq!(
            (read("memory.max"), read("memory.swap.max")),
            ("1000".into(), "500".into())
        );
        set_limits(&location, 1000, SwapWish::None).unwrap();
        assert_eq!(read("memory.swap.max"), "0");
    }
}
