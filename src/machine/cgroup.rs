//! The memory side of the control group that this process is in, for both versions of cgroups.
//!
//! Version 1 has a hierarchy for each controller, version 2 one for all. A machine may mount both;
//! the memory controller is then in one of them, and a version 1 hierarchy with it wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use procfs::FromBufRead;
use procfs::ProcessCGroups;
use procfs::process::MountInfos;
use serde::Serialize;

use super::pressure::{self, Pressure};
use super::{Unavailable, proc_files};

/// Version 1 writes "no limit" as the largest multiple of the page size; anything near it is none.
const VERSION_1_UNLIMITED: u64 = 1 << 62;

/// The version of a cgroup's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `memory.limit_in_bytes` and its kin.
    One,
    /// `memory.max` and its kin.
    Two,
}

/// Where the memory cgroup of a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Which interface it has.
    pub version: Version,
    /// The cgroup's path within its hierarchy, as `/proc/PID/cgroup` shows it.
    pub path: String,
    /// The folder of its files.
    pub directory: PathBuf,
    /// The folder under which the hierarchy is mounted: no limit above it can be seen.
    pub mount_point: PathBuf,
}

/// What the memory controller says. Sizes are bytes; a limit of `None` is no limit.
#[derive(Debug, Clone, PartialEq)]
pub struct CgroupMemory {
    /// Where this comes from.
    pub location: Location,
    /// The tightest limit of this cgroup and of those above it.
    pub limit: Result<Option<u64>, Unavailable>,
    /// Memory charged to the cgroup, page cache included.
    pub usage: Result<u64, Unavailable>,
    /// The limit on swap; in version 1 on memory and swap together.
    pub swap_limit: Result<Option<u64>, Unavailable>,
    /// Swap in use.
    pub swap_usage: Result<u64, Unavailable>,
    /// Version 2: `memory.events` (`high`, `max`, `oom`, `oom_kill`). Version 1: `oom_kill` and its
    /// neighbours from `memory.oom_control`, and `failcnt`, how often the limit was hit.
    pub events: Result<BTreeMap<String, u64>, Unavailable>,
    /// Pages read back soon after they had been reclaimed, since the cgroup exists: a working set
    /// that no longer fits.
    pub refaults: Result<u64, Unavailable>,
    /// Page cache of files, which could be dropped without swapping.
    pub reclaimable_file: Result<u64, Unavailable>,
    /// Stalls within the cgroup. Version 1 does not measure them; there they are those of the
    /// version 2 cgroup that the process is in as well, if it is in one.
    pub pressure: Result<Pressure, Unavailable>,
}

/// How much memory a process could still have before something must be reclaimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveAvailable {
    /// So many bytes.
    pub bytes: u64,
    /// Which file decides: that of the host, or the folder of the cgroup with the limit.
    pub source: PathBuf,
}

/// How a file's text is got: from the machine, or from a sample.
type Read<'a> = &'a dyn Fn(&Path) -> Result<String, Unavailable>;

/// The memory cgroup of this process.
///
/// # Errors
/// When no hierarchy with a memory controller is mounted here.
pub fn memory() -> Result<CgroupMemory, Unavailable> {
    let groups = proc_files::text("/proc/self/cgroup")?;
    let mounts = proc_files::text("/proc/self/mountinfo")?;
    let mut memory = memory_at(locate(&groups, &mounts)?);
    if memory.location.version == Version::One
        && let Some(group) = pressure_group(&groups, &mounts)
    {
        memory.pressure = pressure_of(&group, &read_file);
    }
    Ok(memory)
}

/// What the memory controller says of the cgroup at `location`, which need not be this process's.
#[must_use]
pub fn memory_at(location: Location) -> CgroupMemory {
    measure(location, &read_file)
}

/// The stalls of a version 2 cgroup, whatever controllers it has.
///
/// # Errors
/// When its kernel does not measure pressure (`psi=0`, or before 4.20).
pub fn pressure_at(directory: &Path) -> Result<Pressure, Unavailable> {
    pressure_of(directory, &read_file)
}

/// What is left to a process of this cgroup: the host's `MemAvailable`, or the free room under the
/// limit together with the file pages that make room when it is needed, whichever is less.
///
/// # Errors
/// When the cgroup has a limit and does not say how much of it is used.
pub fn effective_available(
    host_available: u64,
    memory: &CgroupMemory,
) -> Result<EffectiveAvailable, Unavailable> {
    let host = self::host_available(host_available);
    let Some(limit) = memory.limit.clone()? else {
        return Ok(host);
    };
    let held = memory
        .usage
        .clone()?
        .saturating_sub(memory.reclaimable_file.clone()?);
    let room = EffectiveAvailable {
        bytes: limit.saturating_sub(held),
        source: memory.location.directory.clone(),
    };
    Ok(if room.bytes < host.bytes { room } else { host })
}

/// What is left where no cgroup has a limit: the host's `MemAvailable`.
#[must_use]
pub fn host_available(bytes: u64) -> EffectiveAvailable {
    EffectiveAvailable {
        bytes,
        source: PathBuf::from("/proc/meminfo"),
    }
}

fn read_file(path: &Path) -> Result<String, Unavailable> {
    proc_files::text(path)
}

/// The file that counts how often the kernel has killed a process of this cgroup for want of
/// memory, and its count; `None` where this process is in no cgroup but the whole machine's.
///
/// # Errors
/// When the file cannot be read, or its kernel does not count kills (before 4.13).
pub fn oom_kills() -> Result<Option<(PathBuf, u64)>, Unavailable> {
    let groups = proc_files::text("/proc/self/cgroup")?;
    let mounts = proc_files::text("/proc/self/mountinfo")?;
    match locate(&groups, &mounts) {
        Ok(location) => oom_kills_at(&location, &read_file),
        Err(_) => Ok(None),
    }
}

fn oom_kills_at(
    location: &Location,
    read: Read<'_>,
) -> Result<Option<(PathBuf, u64)>, Unavailable> {
    let names: &[&str] = match location.version {
        Version::One => &["memory.oom_control"],
        // Of this cgroup alone, and before 5.2 of those below it too.
        Version::Two => &["memory.events.local", "memory.events"],
    };
    let mut files = names.iter().map(|name| location.directory.join(name));
    let found = files.find_map(|path| Some((read(&path).ok()?, path)));
    match found {
        Some((text, path)) => match counts(&text).get("oom_kill") {
            Some(kills) => Ok(Some((path, *kills))),
            None => Err(Unavailable::missing(&path, "oom_kill")),
        },
        None if location.directory == location.mount_point => Ok(None),
        None => Err(Unavailable::missing(
            &location.directory,
            "a count of out-of-memory kills",
        )),
    }
}

/// Find the memory cgroup from the texts of `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
///
/// # Errors
/// When the texts cannot be understood, or no hierarchy with a memory controller is mounted.
pub fn locate(cgroup: &str, mountinfo: &str) -> Result<Location, Unavailable> {
    let groups = ProcessCGroups::from_buf_read(cgroup.as_bytes())
        .map_err(|error| Unavailable::parsing("/proc/self/cgroup", &error))?;
    let mounts = parse_mounts(mountinfo)?;
    let has_memory = |controllers: &[String]| controllers.iter().any(|name| name == "memory");
    for version in [Version::One, Version::Two] {
        let group = groups.0.iter().find(|group| match version {
            Version::One => has_memory(&group.controllers),
            Version::Two => group.hierarchy == 0 && group.controllers.is_empty(),
        });
        let mount = mounts.0.iter().find(|mount| match version {
            Version::One => mount.fs_type == "cgroup" && mount.super_options.contains_key("memory"),
            Version::Two => mount.fs_type == "cgroup2",
        });
        if let (Some(group), Some(mount)) = (group, mount) {
            return Ok(Location {
                version,
                path: group.pathname.clone(),
                directory: directory(&mount.mount_point, &mount.root, &group.pathname),
                mount_point: mount.mount_point.clone(),
            });
        }
    }
    Err(Unavailable::because("no memory cgroup is mounted"))
}

fn parse_mounts(mountinfo: &str) -> Result<MountInfos, Unavailable> {
    MountInfos::from_buf_read(mountinfo.as_bytes())
        .map_err(|error| Unavailable::parsing("/proc/self/mountinfo", &error))
}

/// The folder of the version 2 cgroup that a process is in, beside one of version 1: the root,
/// which measures the whole machine, does not count.
fn pressure_group(cgroup: &str, mountinfo: &str) -> Option<PathBuf> {
    let path = cgroup
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .filter(|path| *path != "/")?;
    Some(unified_mount(mountinfo)?.join(path.trim_start_matches('/')))
}

/// Where the version 2 hierarchy is mounted, from the text of `/proc/PID/mountinfo`.
pub(super) fn unified_mount(mountinfo: &str) -> Option<PathBuf> {
    let mounts = parse_mounts(mountinfo).ok()?;
    let mount = mounts
        .0
        .into_iter()
        .find(|mount| mount.fs_type == "cgroup2");
    Some(mount?.mount_point)
}

/// In a container the mount shows the subtree from `root` on, while the path may still begin at
/// the top of the hierarchy.
fn directory(mount_point: &Path, root: &str, path: &str) -> PathBuf {
    let below = Path::new(path)
        .strip_prefix(root)
        .or_else(|_| Path::new(path).strip_prefix("/"))
        .unwrap_or(Path::new(""));
    mount_point.join(below)
}

fn measure(location: Location, read: Read<'_>) -> CgroupMemory {
    match location.version {
        Version::One => measure_version_1(location, read),
        Version::Two => measure_version_2(location, read),
    }
}

fn measure_version_1(location: Location, read: Read<'_>) -> CgroupMemory {
    let file = |name: &str| location.directory.join(name);
    let stat = Stat::read(&location, read);
    let unlimited = |limit: u64| (limit < VERSION_1_UNLIMITED).then_some(limit);
    let events = read(&file("memory.oom_control")).and_then(|text| {
        let mut events = counts(&text);
        events.insert("failcnt".to_owned(), number(&file("memory.failcnt"), read)?);
        Ok(events)
    });
    CgroupMemory {
        limit: stat.sum(&["hierarchical_memory_limit"]).map(unlimited),
        usage: number(&file("memory.usage_in_bytes"), read),
        swap_limit: stat.sum(&["hierarchical_memsw_limit"]).map(unlimited),
        swap_usage: stat.sum(&["total_swap"]),
        events,
        refaults: stat.sum(&[
            "total_workingset_refault_anon",
            "total_workingset_refault_file",
        ]),
        reclaimable_file: stat.sum(&["total_inactive_file", "total_active_file"]),
        pressure: Err(Unavailable::because(
            "version 1 cgroups do not measure pressure",
        )),
        location,
    }
}

fn measure_version_2(location: Location, read: Read<'_>) -> CgroupMemory {
    let file = |name: &str| location.directory.join(name);
    let stat = Stat::read(&location, read);
    CgroupMemory {
        limit: tightest(&location, "memory.max", read),
        usage: number(&file("memory.current"), read),
        swap_limit: tightest(&location, "memory.swap.max", read),
        swap_usage: number(&file("memory.swap.current"), read),
        events: read(&file("memory.events")).map(|text| counts(&text)),
        refaults: stat.sum(&["workingset_refault_anon", "workingset_refault_file"]),
        reclaimable_file: stat.sum(&["inactive_file", "active_file"]),
        pressure: pressure_of(&location.directory, read),
        location,
    }
}

fn pressure_of(directory: &Path, read: Read<'_>) -> Result<Pressure, Unavailable> {
    let path = directory.join("memory.pressure");
    pressure::parse(&read(&path)?).ok_or_else(|| Unavailable::missing(&path, "pressure"))
}

/// The counters of `memory.stat`.
struct Stat {
    path: PathBuf,
    counters: Result<BTreeMap<String, u64>, Unavailable>,
}

impl Stat {
    fn read(location: &Location, read: Read<'_>) -> Self {
        let path = location.directory.join("memory.stat");
        Self {
            counters: read(&path).map(|text| counts(&text)),
            path,
        }
    }

    /// The sum of these counters, all of which must be there.
    fn sum(&self, names: &[&str]) -> Result<u64, Unavailable> {
        let counters = self.counters.as_ref().map_err(Clone::clone)?;
        let values = names.iter().map(|name| {
            let value = counters.get(*name).copied();
            value.ok_or_else(|| Unavailable::missing(&self.path, name))
        });
        values.sum()
    }
}

/// The smallest number in the files `name` of the cgroup and of those above it; the root of a
/// hierarchy has no such file, and no limit.
fn tightest(location: &Location, name: &str, read: Read<'_>) -> Result<Option<u64>, Unavailable> {
    let mut least = None;
    for directory in location.directory.ancestors() {
        if !directory.starts_with(&location.mount_point) {
            break;
        }
        let path = directory.join(name);
        match read(&path) {
            Err(_) if directory == location.mount_point => {}
            Err(error) => return Err(error),
            Ok(text) if text.trim() == "max" => {}
            Ok(text) => {
                let limit = parse_number(&path, &text)?;
                least = Some(least.map_or(limit, |known: u64| known.min(limit)));
            }
        }
    }
    Ok(least)
}

fn number(path: &Path, read: Read<'_>) -> Result<u64, Unavailable> {
    parse_number(path, &read(path)?)
}

fn parse_number(path: &Path, text: &str) -> Result<u64, Unavailable> {
    text.trim()
        .parse()
        .map_err(|_| Unavailable::missing(path, "a number"))
}

/// Lines of `name number`; others are left out.
fn counts(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
        .collect()
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
