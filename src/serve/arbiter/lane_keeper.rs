//! Keeping the probe lane alive: one process beside the workers, forked by the arbiter as they are.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, getpid};

use super::run::Arbiter;
use crate::machine::sys;
use crate::serve::console::Phrase;
use crate::serve::lane::{self, Lane};
use crate::serve::listener::Listener;

/// Shortest time between two births: a lane that cannot live must not keep the arbiter busy.
const PAUSE: Duration = Duration::from_secs(1);

/// The lane's listener and its process.
#[derive(Debug)]
pub struct LaneKeeper {
    listener: Listener,
    pid: Option<Pid>,
    born: Option<Instant>,
}

impl LaneKeeper {
    /// A lane that is not born yet.
    pub fn new(listener: Listener) -> Self {
        Self {
            listener,
            pid: None,
            born: None,
        }
    }
}

impl Arbiter {
    /// Fork the lane where it is wanted and not there. In the child this never returns.
    pub(super) fn keep_lane(&mut self) {
        let Some(keeper) = &mut self.lane else {
            return;
        };
        let too_soon = keeper.born.is_some_and(|born| born.elapsed() < PAUSE);
        if keeper.pid.is_some() || too_soon || self.leave.is_some() {
            return;
        }
        keeper.born = Some(Instant::now());
        let arbiter = getpid();
        match sys::fork_single_threaded() {
            Ok(ForkResult::Parent { child }) => keeper.pid = Some(child),
            Ok(ForkResult::Child) => {
                // What is the arbiter's own is closed here. Above all the pool's listeners: their
                // accept queue must end with the last worker.
                self.signals = None;
                self.control = None;
                self.listeners = None;
                let code = match self.lane.take() {
                    Some(keeper) => lane::live(Lane {
                        listener: keeper.listener,
                        environment: self.environment.clone(),
                        board: self.board.clone(),
                        log: self.log.clone(),
                        timeout: self.settings.timeout,
                        arbiter,
                    }),
                    None => 0,
                };
                sys::exit_now(code);
            }
            Err(error) => self.log.say(&Phrase::ForkFailed {
                error: &error.to_string(),
            }),
        }
    }

    /// Whether the process that ended is the lane; then another is due.
    pub(super) fn is_lane(&mut self, pid: i32) -> bool {
        let Some(keeper) = &mut self.lane else {
            return false;
        };
        if keeper.pid != Some(Pid::from_raw(pid)) {
            return false;
        }
        keeper.pid = None;
        self.log.say(&Phrase::LaneEnded { pid });
        true
    }

    /// The pool is over, and with it the lane, which has nothing to finish.
    pub(super) fn end_lane(&mut self) {
        let Some(keeper) = self.lane.take() else {
            return;
        };
        if let Some(pid) = keeper.pid {
            // ESRCH and ECHILD: it has gone by itself.
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
        }
        keeper.listener.unlink();
    }
}
