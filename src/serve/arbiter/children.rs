//! The child table: the one place that forks, signals and reaps.
//!
//! A pid belongs to its process until it is reaped: an ended child stays a zombie, and the kernel gives
//! its pid to nobody (wait(2), NOTES). Only this table reaps, in the arbiter's one thread, and it
//! signals only pids that it has not reaped yet, so no signal can reach a stranger that got the pid
//! later. A pidfd would promise the same and cost a descriptor for each child. It takes `SIGCHLD` not
//! being ignored, which [`sys::restore_default_actions`] sees to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid};

use crate::machine::child::Ending;
use crate::machine::sys::{self, ForkError};

/// Exit code of a child that panicked (Gunicorn's `sys.exit(-1)`).
const PANICKED: i32 = 255;

/// What a child is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Serves requests, in this slot of the scoreboard.
    Worker { slot: usize },
    /// Answers probes beside the workers.
    ProbeServer,
    /// Shows the pool beside the workers.
    Dashboard,
    /// Exports traces and metrics beside the workers.
    Exporter,
}

/// A child that has been reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reaped {
    pub pid: i32,
    /// `None` for an orphan that the kernel handed to this process, as it does to PID 1.
    pub role: Option<Role>,
    pub ending: Ending,
}

/// Which side of a fork this is.
#[derive(Debug)]
pub(super) enum Forked {
    /// The arbiter: the child's pid.
    Parent(i32),
    /// The child.
    Child(Child),
}

/// The freshly forked child, before it does anything.
#[derive(Debug)]
#[must_use]
pub(super) struct Child(());

impl Child {
    /// Do the child's work and end the process with the code that it returns. Neither a return nor
    /// a panic gets back into the arbiter's code.
    pub fn run(self, work: impl FnOnce() -> i32) -> ! {
        let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
        sys::exit_now(code)
    }
}

/// Every child that was forked and not reaped yet.
#[derive(Debug, Default)]
pub(super) struct Children {
    roles: BTreeMap<i32, Role>,
}

impl Children {
    /// Fork a child.
    ///
    /// # Errors
    /// Those of fork(2).
    pub fn fork(&mut self, role: Role) -> Result<Forked, ForkError> {
        match sys::fork_single_threaded()? {
            ForkResult::Parent { child } => {
                self.roles.insert(child.as_raw(), role);
                Ok(Forked::Parent(child.as_raw()))
            }
            ForkResult::Child => Ok(Forked::Child(Child(()))),
        }
    }

    /// Send a signal to a child that was not reaped yet; anybody else's pid is left alone.
    ///
    /// # Errors
    /// `ESRCH` for a pid that is no child, else those of kill(2).
    pub fn signal(&self, pid: i32, signal: Signal) -> Result<(), Errno> {
        if !self.has(pid) {
            return Err(Errno::ESRCH);
        }
        kill(Pid::from_raw(pid), signal)
    }

    /// Reap one child that has ended, known or not; `None` when there is none.
    pub fn reap(&mut self) -> Option<Reaped> {
        loop {
            match sys::reap_ended_child() {
                Ok(Some((pid, status))) => {
                    if let Some(reaped) = self.take(pid, status) {
                        return Some(reaped);
                    }
                }
                Err(Errno::EINTR) => {}
                // ECHILD: none left to wait for.
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Wait for this child to end, and reap it and all that end before it.
    pub fn reap_until(&mut self, pid: i32) {
        while self.has(pid) {
            match sys::wait_for_child() {
                Ok((pid, status)) => {
                    self.take(pid, status);
                }
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Whether this child was forked and not reaped yet.
    pub fn has(&self, pid: i32) -> bool {
        self.roles.contains_key(&pid)
    }

    fn take(&mut self, pid: i32, status: i32) -> Option<Reaped> {
        let ending = Ending::from_status(status)?;
        Some(Reaped {
            pid,
            role: self.roles.remove(&pid),
            ending,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;
    use crate::machine::child::SignalNumber;

    #[test]
    fn an_end_is_told_with_its_role_once_and_a_strangers_without() {
        let mut children = Children::default();
        let slot = Role::Worker { slot: 3 };
        children.roles.insert(7, slot);
        assert_eq!(children.take(7, 0x137f), None, "stopped: it lives");
        assert_eq!(children.take(7, 0xffff), None, "continued: it lives");
        let ended = children.take(7, 40).unwrap();
        assert_eq!(ended.role, Some(slot));
        assert_eq!(ended.ending, Ending::Signalled(SignalNumber(40)));
        let stranger = children.take(8, 3 << 8).unwrap();
        assert_eq!(stranger.role, None);
        assert_eq!(stranger.ending, Ending::Exited(3));
    }

    /// The line of `/proc/PID/stat` says Z for a child that has ended and was not reaped.
    fn is_zombie(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('Z'))
        })
    }

    #[test]
    fn an_ended_child_keeps_its_pid_until_it_is_reaped_and_gets_no_signal_afterwards() {
        let mut children = Children::default();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(ended.id()).unwrap();
        children.roles.insert(pid, Role::ProbeServer);
        while !is_zombie(pid) {
            std::thread::yield_now();
        }
        assert_eq!(children.signal(pid, Signal::SIGKILL), Ok(()), "its own");
        assert!(is_zombie(pid), "nobody else can have the pid");
        let status = ended.wait().unwrap().into_raw();
        assert!(children.take(pid, status).is_some(), "reaped");
        // Whether or not the kernel has given the pid to somebody else by now.
        assert_eq!(children.signal(pid, Signal::SIGKILL), Err(Errno::ESRCH));
    }

    #[test]
    fn a_pid_that_is_no_child_any_more_gets_no_signal() {
        let children = Children::default();
        let own = Pid::this().as_raw();
        assert_eq!(children.signal(own, Signal::SIGKILL), Err(Errno::ESRCH));
    }
}
