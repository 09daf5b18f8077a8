//! How a child process ended, from the raw status of wait(2).
//!
//! The status is decoded here and not by a library of named signals: a child that a real-time
//! signal has killed has no name, and has ended all the same.

use std::fmt;

use nix::sys::signal::Signal;

/// The signals that mean something to a pool, and the two that mean a bad access.
pub(super) const DEFAULTED: [Signal; 13] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGABRT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTERM,
    Signal::SIGCHLD,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGWINCH,
    Signal::SIGSEGV,
    Signal::SIGBUS,
];

/// How a child process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It called exit(2) with this code.
    Exited(u8),
    /// A signal killed it.
    Signalled(SignalNumber),
}

impl Ending {
    /// Decode the status of wait(2); `None` for a child that was stopped or continued and lives.
    #[must_use]
    pub fn from_status(status: i32) -> Option<Self> {
        if libc::WIFEXITED(status) {
            let code = libc::WEXITSTATUS(status);
            Some(Self::Exited(u8::try_from(code).unwrap_or(u8::MAX)))
        } else if libc::WIFSIGNALED(status) {
            Some(Self::Signalled(SignalNumber(libc::WTERMSIG(status))))
        } else {
            None
        }
    }
}

/// A signal, which need not have a name. Shown as Python names it: `SIGKILL`, `signal 40`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalNumber(pub i32);

impl From<Signal> for SignalNumber {
    fn from(signal: Signal) -> Self {
        Self(signal as i32)
    }
}

impl PartialEq<Signal> for SignalNumber {
    fn eq(&self, signal: &Signal) -> bool {
        self.0 == *signal as i32
    }
}

impl fmt::Display for SignalNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Signal::try_from(self.0) {
            Ok(signal) => formatter.write_str(signal.as_str()),
            Err(_) if self.0 == libc::SIGRTMIN() => formatter.write_str("SIGRTMIN"),
            Err(_) if self.0 == libc::SIGRTMAX() => formatter.write_str("SIGRTMAX"),
            Err(_) => write!(formatter, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// The bit of a status that says that a core was dumped.
    const CORE: i32 = 0x80;

    #[test]
    fn every_exit_code_is_an_end() {
        for code in 0..=255_u8 {
            let status = i32::from(code) << 8;
            assert_eq!(Ending::from_status(status), Some(Ending::Exited(code)));
        }
    }

    #[test]
    fn every_signal_is_an_end_with_and_without_a_core() {
        for number in 1..=64 {
            let expected = Some(Ending::Signalled(SignalNumber(number)));
            assert_eq!(Ending::from_status(number), expected);
            assert_eq!(Ending::from_status(number | CORE), expected);
        }
    }

    #[test]
    fn a_stopped_or_continued_child_has_not_ended() {
        for signal in 1..=64 {
            assert_eq!(Ending::from_status(signal << 8 | 0x7f), None);
        }
        assert_eq!(Ending::from_status(0xffff), None);
    }

    #[test]
    fn the_kernels_own_statuses_are_understood() {
        for (script, expected) in [
            ("exit 0", Ending::Exited(0)),
            ("exit 255", Ending::Exited(255)),
            ("kill -9 $$", Ending::Signalled(SignalNumber(9))),
            ("kill -34 $$", Ending::Signalled(SignalNumber(34))),
            ("kill -40 $$", Ending::Signalled(SignalNumber(40))),
            ("kill -64 $$", Ending::Signalled(SignalNumber(64))),
        ] {
            let status = Command::new("sh").args(["-c", script]).status().unwrap();
            assert_eq!(Ending::from_status(status.into_raw()), Some(expected));
        }
    }

    #[test]
    fn signals_are_named_as_python_names_them() {
        for (number, name) in [
            (9, "SIGKILL"),
            (16, "SIGSTKFLT"),
            (29, "SIGIO"),
            (34, "SIGRTMIN"),
            (40, "signal 40"),
            (64, "SIGRTMAX"),
        ] {
            assert_eq!(SignalNumber(number).to_string(), name);
        }
    }
}
