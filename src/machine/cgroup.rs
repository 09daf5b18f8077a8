//! The memory side of the control group that this process is in, for both versions of cgroups.
//!
//! Version 1 has a hierarchy for each controller, version 2 one for all. A machine may mount both;
//! the memory controller is then in one of them, and a version 1 hierarchy with it wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use procfs::FromBufRead;
use procfs::ProcessCGroups;
use procfs::process::MountInfos;

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
    /// Stalls within the cgroup, which version 1 does not measure.
    pub pressure: Result<Pressure, Unavailable>,
}

/// How a file's text is got: from the machine, or from a sample.
type Read<'a> = &'a dyn Fn(&Path) -> Result<String, Unavailable>;

/// The memory cgroup of this process.
///
/// # Errors
/// When no hierarchy with a memory controller is mounted here.
pub fn memory() -> Result<CgroupMemory, Unavailable> {
    let read = |path: &Path| proc_files::text(path);
    let location = locate(
        &proc_files::text("/proc/self/cgroup")?,
        &proc_files::text("/proc/self/mountinfo")?,
    )?;
    Ok(measure(location, &read))
}

/// How often the kernel has killed a process of this cgroup for want of memory.
///
/// # Errors
/// When there is no memory cgroup, or its kernel does not count kills (before 4.13).
pub fn oom_kills() -> Result<u64, Unavailable> {
    let memory = memory()?;
    let events = memory.events?;
    events.get("oom_kill").copied().ok_or_else(|| {
        Unavailable::missing(&memory.location.directory, "a count of out-of-memory kills")
    })
}

/// Find the memory cgroup from the texts of `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
///
/// # Errors
/// When the texts cannot be understood, or no hierarchy with a memory controller is mounted.
pub fn locate(cgroup: &str, mountinfo: &str) -> Result<Location, Unavailable> {
    let groups = ProcessCGroups::from_buf_read(cgroup.as_bytes())
        .map_err(|error| Unavailable::parsing("/proc/self/cgroup", &error))?;
    let mounts = MountInfos::from_buf_read(mountinfo.as_bytes())
        .map_err(|error| Unavailable::parsing("/proc/self/mountinfo", &error))?;
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
    let stat_path = file("memory.stat");
    let stat = read(&stat_path).map(|text| counts(&text));
    let from_stat = |name: &str| match &stat {
        Ok(stat) => stat
            .get(name)
            .copied()
            .ok_or_else(|| Unavailable::missing(&stat_path, name)),
        Err(error) => Err(error.clone()),
    };
    let unlimited = |limit: u64| (limit < VERSION_1_UNLIMITED).then_some(limit);
    let events = read(&file("memory.oom_control")).and_then(|text| {
        let mut events = counts(&text);
        events.insert("failcnt".to_owned(), number(&file("memory.failcnt"), read)?);
        Ok(events)
    });
    CgroupMemory {
        limit: from_stat("hierarchical_memory_limit").map(unlimited),
        usage: number(&file("memory.usage_in_bytes"), read),
        swap_limit: from_stat("hierarchical_memsw_limit").map(unlimited),
        swap_usage: from_stat("total_swap"),
        events,
        pressure: Err(Unavailable::because(
            "version 1 cgroups do not measure pressure",
        )),
        location,
    }
}

fn measure_version_2(location: Location, read: Read<'_>) -> CgroupMemory {
    let file = |name: &str| location.directory.join(name);
    let pressure_path = file("memory.pressure");
    let pressure = read(&pressure_path).and_then(|text| {
        pressure::parse(&text).ok_or_else(|| Unavailable::missing(&pressure_path, "pressure"))
    });
    CgroupMemory {
        limit: tightest(&location, "memory.max", read),
        usage: number(&file("memory.current"), read),
        swap_limit: tightest(&location, "memory.swap.max", read),
        swap_usage: number(&file("memory.swap.current"), read),
        events: read(&file("memory.events")).map(|text| counts(&text)),
        pressure,
        location,
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
mod tests {
    use super::*;

    const MOUNTS_1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const MOUNTS_2: &str =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n";

    fn sample(
        files: &'static [(&'static str, &'static str)],
    ) -> impl Fn(&Path) -> Result<String, Unavailable> {
        move |path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            let text = found.map(|(_, text)| (*text).to_owned());
            text.ok_or_else(|| Unavailable::reading(path, &"no such file"))
        }
    }

    #[test]
    fn version_1_is_found_beside_an_empty_version_2() {
        let location = locate("4:memory:/box/a\n1:cpu:/\n0::/\n", MOUNTS_1).unwrap();
        assert_eq!(location.version, Version::One);
        assert_eq!(location.directory, Path::new("/sys/fs/cgroup/memory/box/a"));
        assert_eq!(location.path, "/box/a");
    }

    #[test]
    fn version_2_is_found_in_a_unified_hierarchy() {
        let location = locate("0::/user.slice/x.scope\n", MOUNTS_2).unwrap();
        assert_eq!(location.version, Version::Two);
        assert_eq!(
            location.directory,
            Path::new("/sys/fs/cgroup/user.slice/x.scope")
        );
    }

    #[test]
    fn a_container_that_sees_only_its_subtree_is_not_looked_for_twice() {
        let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let location = locate("4:memory:/docker/abc\n", mounts).unwrap();
        assert_eq!(location.directory, Path::new("/sys/fs/cgroup/memory"));
    }

    #[test]
    fn a_machine_without_memory_cgroups_says_so() {
        let error = locate("1:cpu:/\n", "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "not available here, because no memory cgroup is mounted"
        );
    }

    #[test]
    fn version_1_files_are_read() {
        let location = locate("4:memory:/box\n", MOUNTS_1).unwrap();
        let memory = measure(
            location,
            &sample(&[
                (
                    "/sys/fs/cgroup/memory/box/memory.usage_in_bytes",
                    "104857600\n",
                ),
                ("/sys/fs/cgroup/memory/box/memory.failcnt", "17\n"),
                (
                    "/sys/fs/cgroup/memory/box/memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
                ),
                (
                    "/sys/fs/cgroup/memory/box/memory.stat",
                    "cache 1\nhierarchical_memory_limit 536870912\nhierarchical_memsw_limit 9223372036854771712\ntotal_swap 4096\n",
                ),
            ]),
        );
        assert_eq!(memory.limit, Ok(Some(536_870_912)));
        assert_eq!(memory.usage, Ok(104_857_600));
        assert_eq!(memory.swap_limit, Ok(None));
        assert_eq!(memory.swap_usage, Ok(4096));
        let events = memory.events.unwrap();
        assert_eq!((events["failcnt"], events["oom_kill"]), (17, 2));
        assert!(memory.pressure.is_err());
    }

    #[test]
    fn version_2_takes_the_tightest_limit_on_the_way_up() {
        let location = locate("0::/a/b\n", MOUNTS_2).unwrap();
        let memory = measure(
            location,
            &sample(&[
                ("/sys/fs/cgroup/a/memory.max", "536870912\n"),
                ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("/sys/fs/cgroup/a/b/memory.current", "1048576\n"),
                ("/sys/fs/cgroup/a/memory.swap.max", "max\n"),
                ("/sys/fs/cgroup/a/b/memory.swap.max", "max\n"),
                (
                    "/sys/fs/cgroup/a/b/memory.events",
                    "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n",
                ),
                (
                    "/sys/fs/cgroup/a/b/memory.pressure",
                    "some avg10=1.50 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
                ),
            ]),
        );
        assert_eq!(memory.limit, Ok(Some(536_870_912)));
        assert_eq!(memory.usage, Ok(1_048_576));
        assert_eq!(memory.swap_limit, Ok(None));
        assert!(memory.swap_usage.is_err());
        assert_eq!(memory.events.unwrap()["max"], 12);
        assert_eq!(memory.pressure.unwrap().some.avg10, 1.5);
    }

    #[test]
    fn this_machine_answers_one_way_or_the_other() {
        match memory() {
            Ok(memory) => assert!(memory.location.directory.is_dir()),
            Err(error) => assert!(!error.reason().is_empty()),
        }
    }
}
