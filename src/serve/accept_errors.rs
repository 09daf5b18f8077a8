//! What an error of accept(2) means to the loop that accepts.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::clock;
use super::console::{ErrorLog, LogEvent};

/// Pause before the next try where descriptors or memory are short.
pub const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);
/// Time between two lines about a shortage.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// What to do after an error of accept(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAccept {
    /// Nobody is there (any more): wait for the next connection.
    Wait,
    /// Try again at once.
    Retry,
    /// The arbiter has shut the listener down: stop.
    Stop,
    /// Descriptors or memory are short: keep what is held, and try again after
    /// [`SHORTAGE_PAUSE`].
    Pause,
    /// The listener is of no use any more.
    Fail,
}

/// Judges errors of accept(2), and logs a shortage once a second however often it is met.
#[derive(Debug, Default)]
pub struct AcceptErrors {
    /// Monotonic nanoseconds of the last line about a shortage; 0 before the first.
    logged: AtomicU64,
}

impl AcceptErrors {
    /// Judge one error.
    pub fn judge(&self, error: &io::Error, log: &ErrorLog) -> AfterAccept {
        let after = judge(error);
        if after == AfterAccept::Pause {
            let last = self.logged.load(Ordering::Relaxed);
            if last == 0 || clock::since(last) >= BETWEEN_LINES {
                self.logged
                    .store(clock::now_nanoseconds(), Ordering::Relaxed);
                log.log(&LogEvent::CannotAccept {
                    error: &error.to_string(),
                });
            }
        }
        after
    }
}

fn judge(error: &io::Error) -> AfterAccept {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN) => AfterAccept::Wait,
        Some(Errno::EINTR) => AfterAccept::Retry,
        Some(Errno::EINVAL) => AfterAccept::Stop,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => AfterAccept::Pause,
        // Errors of the new connection, which Linux hands over in place of it: accept(2).
        Some(
            Errno::ECONNABORTED
            | Errno::ENETDOWN
            | Errno::EPROTO
            | Errno::ENOPROTOOPT
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::EHOSTUNREACH
            | Errno::EOPNOTSUPP
            | Errno::ENETUNREACH
            | Errno::EPERM,
        ) => AfterAccept::Wait,
        _ => AfterAccept::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::settings::{LogLevel, LogTarget};

    #[test]
    fn every_error_of_accept_has_its_consequence() {
        for (errno, expected) in [
            (Errno::EAGAIN, AfterAccept::Wait),
            (Errno::ECONNABORTED, AfterAccept::Wait),
            (Errno::EPROTO, AfterAccept::Wait),
            (Errno::EINTR, AfterAccept::Retry),
            (Errno::EINVAL, AfterAccept::Stop),
            (Errno::EMFILE, AfterAccept::Pause),
            (Errno::ENFILE, AfterAccept::Pause),
            (Errno::ENOMEM, AfterAccept::Pause),
            (Errno::EBADF, AfterAccept::Fail),
        ] {
            assert_eq!(judge(&io::Error::from(errno)), expected, "{errno}");
        }
    }

    #[test]
    fn a_shortage_is_logged_once_a_second() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = ErrorLog::open(LogLevel::Info, LogTarget::File(path.clone()), false).unwrap();
        let errors = AcceptErrors::default();
        for _ in 0..1000 {
            errors.judge(&Errno::EMFILE.into(), &log);
        }
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!((1..=3).contains(&lines), "{lines}");
    }
}
