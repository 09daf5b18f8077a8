//! How often the kernel's out-of-memory killer has struck, as far as this process can see.
//!
//! A killed process cannot say who killed it. The counters can: `oom_kill` of the process's own
//! cgroup (memory.events in version 2, memory.oom_control in version 1), and of the whole machine
//! (/proc/vmstat, since Linux 4.13).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Unavailable, proc_files};

/// The counters that can be read here, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutOfMemoryKills {
    counters: BTreeMap<String, u64>,
}

/// How often the kernel has killed a process of the whole machine for want of memory.
///
/// # Errors
/// When the kernel does not count kills.
pub fn of_machine() -> Result<u64, Unavailable> {
    let path = "/proc/vmstat";
    oom_kill_line(&proc_files::text(path)?).ok_or_else(|| Unavailable::missing(path, "oom_kill"))
}

/// A counter that went up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which counter: a path.
    pub counter: String,
    /// Its earlier value.
    pub before: u64,
    /// Its later value.
    pub after: u64,
}

impl OutOfMemoryKills {
    /// Read every counter that exists here.
    pub fn now() -> Self {
        let mut counters = BTreeMap::new();
        let sources = cgroup_sources()
            .into_iter()
            .chain([PathBuf::from("/proc/vmstat")]);
        for source in sources {
            if let Ok(text) = std::fs::read_to_string(&source)
                && let Some(kills) = oom_kill_line(&text)
            {
                counters.insert(source.display().to_string(), kills);
            }
        }
        Self { counters }
    }

    /// The counter that went up between `self` and `later`. The machine-wide counter counts only
    /// where no cgroup's is there: somebody else's kill is not ours.
    pub fn moved_to(&self, later: &Self) -> Option<Moved> {
        let has_cgroup = later
            .counters
            .keys()
            .any(|name| name.starts_with("/sys/fs/cgroup"));
        later.counters.iter().find_map(|(counter, &after)| {
            let before = *self.counters.get(counter)?;
            let counts = !has_cgroup || counter.starts_with("/sys/fs/cgroup");
            (counts && after > before).then(|| Moved {
                counter: counter.clone(),
                before,
                after,
            })
        })
    }
}

impl OutOfMemoryKills {
    /// Take over the later values, but count only one of the kills in `moved` as accounted for:
    /// the kernel may strike twice before anybody looks.
    pub fn account_for(&mut self, moved: Option<&Moved>, later: Self) {
        self.counters = later.counters;
        if let Some(moved) = moved {
            self.counters
                .insert(moved.counter.clone(), moved.before + 1);
        }
    }
}

/// The files of this process's memory cgroup that may hold the counter.
fn cgroup_sources() -> Vec<PathBuf> {
    let membership = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    sources_of(&membership)
}

/// Pure part of [`cgroup_sources`]: the text of /proc/self/cgroup to paths, see cgroups(7).
fn sources_of(membership: &str) -> Vec<PathBuf> {
    membership
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let path = path.trim_start_matches('/');
            if controllers.is_empty() {
                let base = PathBuf::from("/sys/fs/cgroup").join(path);
                Some(base.join("memory.events.local"))
            } else if controllers.split(',').any(|name| name == "memory") {
                let base = PathBuf::from("/sys/fs/cgroup/memory").join(path);
                Some(base.join("memory.oom_control"))
            } else {
                None
            }
        })
        .collect()
}

fn oom_kill_line(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(entries: &[(&str, u64)]) -> OutOfMemoryKills {
        OutOfMemoryKills {
            counters: entries
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn both_cgroup_versions_name_their_file() {
        assert_eq!(
            sources_of("0::/system.slice/app\n"),
            [PathBuf::from(
                "/sys/fs/cgroup/system.slice/app/memory.events.local"
            )]
        );
        assert_eq!(
            sources_of("5:memory:/box\n4:cpu,cpuacct:/\n"),
            [PathBuf::from(
                "/sys/fs/cgroup/memory/box/memory.oom_control"
            )]
        );
    }

    #[test]
    fn the_counter_is_read_from_all_three_files() {
        assert_eq!(oom_kill_line("low 0\noom 2\noom_kill 3\n"), Some(3));
        assert_eq!(
            oom_kill_line("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
            Some(1)
        );
        assert_eq!(oom_kill_line("pgscan 4\n"), None);
    }

    #[test]
    fn two_kills_between_two_looks_are_accounted_for_one_by_one() {
        let mut seen = kills(&[("/proc/vmstat", 1)]);
        let later = kills(&[("/proc/vmstat", 3)]);
        for before in [1, 2] {
            let moved = seen.moved_to(&later);
            assert_eq!(moved.as_ref().map(|moved| moved.before), Some(before));
            seen.account_for(moved.as_ref(), later.clone());
        }
        assert_eq!(seen.moved_to(&later), None);
    }

    #[test]
    fn only_a_counter_of_ours_that_moved_is_evidence() {
        let before = kills(&[
            ("/proc/vmstat", 1),
            ("/sys/fs/cgroup/a/memory.events.local", 0),
        ]);
        let elsewhere = kills(&[
            ("/proc/vmstat", 2),
            ("/sys/fs/cgroup/a/memory.events.local", 0),
        ]);
        assert_eq!(before.moved_to(&elsewhere), None);
        let here = kills(&[
            ("/proc/vmstat", 2),
            ("/sys/fs/cgroup/a/memory.events.local", 1),
        ]);
        assert_eq!(before.moved_to(&here).map(|moved| moved.after), Some(1));
        assert_eq!(
            kills(&[("/proc/vmstat", 1)]).moved_to(&kills(&[("/proc/vmstat", 2)])),
            Some(Moved {
                counter: "/proc/vmstat".into(),
                before: 1,
                after: 2
            })
        );
    }
}
