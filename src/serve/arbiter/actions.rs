//! What the worker table is told, and the actions that it answers with.

use nix::sys::signal::Signal;

use crate::serve::console::LogEvent;
use crate::serve::tally::ExitReason;

/// Exit code of a worker, and then of the arbiter, whose boot failed (Gunicorn's
/// `WORKER_BOOT_ERROR`).
pub const WORKER_BOOT_ERROR: u8 = 3;
/// Exit code where the application object could not be found (Gunicorn's `APP_LOAD_ERROR`).
pub const APP_LOAD_ERROR: u8 = 4;

/// Why the arbiter itself killed a worker with signal 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    /// Silent for longer than `--timeout`, and `SIGABRT` a second earlier had no effect.
    Timeout,
    /// Still there when `--graceful-timeout` ended.
    GracefulTimeout,
}

impl KillReason {
    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Timeout => {
                "it was silent for longer than --timeout and did not react to SIGABRT within a second"
            }
            Self::GracefulTimeout => "it was still busy when --graceful-timeout ended",
        }
    }
}

/// One thing to do, in order.
#[derive(Debug)]
pub enum Action {
    /// Write a line to the error log.
    Log(LogEvent<'static>),
    /// Fork a worker with this age.
    Spawn {
        /// Ordinal of the worker (Gunicorn's `age`), from 1.
        age: u64,
    },
    /// Send a signal to a worker.
    Signal {
        /// Its process.
        pid: i32,
        /// The signal.
        signal: Signal,
    },
    /// Let every process of the pool see that it was told to stop.
    BeginDraining,
    /// Close the arbiter's own copies of the listeners.
    CloseListeners,
    /// Reopen the log files.
    ReopenLogs,
    /// Read the pid file's name again and write it (after `HUP`).
    RewritePidfile,
    /// Count the end of a worker.
    CountExit(ExitReason),
    /// A worker died of signal 9 that the arbiter did not send: check the
    /// `oom_kill` counters.
    LookForOutOfMemory {
        /// The dead worker.
        pid: i32,
    },
    /// Everything is over: leave with this code.
    Leave {
        /// Exit code of the arbiter.
        code: u8,
    },
}
