//! How often the kernel's out-of-memory killer has struck, as far as this process can see.
//!
//! A killed process cannot say who killed it. A counter can: `oom_kill` of the process's own cgroup
//! or, where it is in none, of the whole machine (/proc/vmstat, since Linux 4.13).

use super::cgroup;
use super::{Unavailable, proc_files};

/// The counter that counts here: its file and its value; none where it cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutOfMemoryKills {
    counter: Option<(String, u64)>,
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
    /// Read the counter. The machine's counts only where there is no cgroup: somebody else's kill
    /// is not ours.
    pub fn now() -> Self {
        let counter = match cgroup::oom_kills() {
            Ok(Some((path, kills))) => Some((path.display().to_string(), kills)),
            Ok(None) => of_machine()
                .ok()
                .map(|kills| ("/proc/vmstat".to_owned(), kills)),
            Err(_) => None,
        };
        Self { counter }
    }

    /// How the counter went up between `self` and `later`; `None` where it did not, or where it is
    /// another counter by now.
    pub fn moved_to(&self, later: &Self) -> Option<Moved> {
        let (counter, before) = self.counter.as_ref()?;
        let (same, after) = later.counter.as_ref()?;
        (counter == same && after > before).then(|| Moved {
            counter: counter.clone(),
            before: *before,
            after: *after,
        })
    }

    /// Take over the later value, but count only one of the kills in `moved` as accounted for: the
    /// kernel may strike twice before anybody looks.
    pub fn account_for(&mut self, moved: Option<&Moved>, later: Self) {
        self.counter = match moved {
            Some(moved) => Some((moved.counter.clone(), moved.before + 1)),
            None => later.counter,
        };
    }
}

fn oom_kill_line(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(counter: &str, count: u64) -> OutOfMemoryKills {
        OutOfMemoryKills {
            counter: Some((counter.to_owned(), count)),
        }
    }

    #[test]
    fn the_machines_counter_is_read() {
        assert_eq!(oom_kill_line("oom_kill 3\npgscan 4\n"), Some(3));
        assert_eq!(oom_kill_line("oom_kill_disable 0\npgscan 4\n"), None);
    }

    #[test]
    fn two_kills_between_two_looks_are_accounted_for_one_by_one() {
        let mut seen = kills("/proc/vmstat", 1);
        let later = kills("/proc/vmstat", 3);
        for before in [1, 2] {
            let moved = seen.moved_to(&later);
            assert_eq!(moved.as_ref().map(|moved| moved.before), Some(before));
            seen.account_for(moved.as_ref(), later.clone());
        }
        assert_eq!(seen.moved_to(&later), None);
    }

    #[test]
    fn a_counter_of_another_cgroup_is_no_evidence() {
        let before = kills("/sys/fs/cgroup/a/memory.events.local", 0);
        assert_eq!(before.moved_to(&kills("/proc/vmstat", 7)), None);
        assert_eq!(before.moved_to(&OutOfMemoryKills::default()), None);
        let mut seen = before.clone();
        seen.account_for(None, kills("/sys/fs/cgroup/b/memory.events.local", 4));
        let after = kills("/sys/fs/cgroup/b/memory.events.local", 5);
        assert_eq!(seen.moved_to(&after).map(|moved| moved.after), Some(5));
    }
}
