//! A process and its descendants.

use std::collections::BTreeSet;

use procfs::process::{Process, Stat, all_processes};

/// One of them, open: its files are its own even when its number is given to another.
#[derive(Debug)]
pub struct Member {
    /// Its figures when it was found, by proc_pid_stat(5): its number and that of who started it among
    /// them, as this process sees them.
    pub stat: Stat,
    /// What else the kernel tells of it.
    pub process: Process,
}

/// The process `first` and its descendants that live, from `/proc`; one that ends meanwhile is left
/// out. A parent's number need not be below its child's.
pub fn family(first: i32) -> Vec<Member> {
    let mut all: Vec<Member> = all_processes()
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|process| {
            let stat = process.stat().ok()?;
            Some(Member { stat, process })
        })
        .collect();
    let mut family = BTreeSet::from([first]);
    loop {
        let before = family.len();
        for member in &all {
            if family.contains(&member.stat.ppid) {
                family.insert(member.stat.pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    all.retain(|member| family.contains(&member.stat.pid));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_of_the_family_and_the_parent_of_the_first_is_not() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let own = std::process::id().cast_signed();
        let pids: Vec<i32> = family(own).iter().map(|member| member.stat.pid).collect();
        let _ = child.kill();
        let _ = child.wait();
        assert!(pids.contains(&own) && pids.contains(&child.id().cast_signed()));
        assert!(!pids.contains(&nix::unistd::getppid().as_raw()));
    }
}
