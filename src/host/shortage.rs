//! What the emulator itself lacks, and what the site is therefore not blamed for.

use std::io;
use std::time::Duration;

use crate::machine::descriptors;

/// Between two tries of what could not be had: nobody says when another process lets go of it.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// What this process or this machine has no more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// Descriptors of this process: EMFILE.
    Descriptors,
    /// Open files of this machine: ENFILE.
    OpenFiles,
    /// Memory of the kernel: ENOBUFS, ENOMEM.
    Memory,
    /// Ports for connections to a container: EADDRNOTAVAIL.
    Ports,
}

impl Shortage {
    /// The shortage that an error of a system call tells of.
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.raw_os_error()? {
            libc::EMFILE => Some(Self::Descriptors),
            libc::ENFILE => Some(Self::OpenFiles),
            libc::ENOBUFS | libc::ENOMEM => Some(Self::Memory),
            libc::EADDRNOTAVAIL => Some(Self::Ports),
            _ => None,
        }
    }

    /// What is short, with count and limit, and what helps.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Descriptors => {
                let known = descriptors::own();
                let count = match (known.open, known.limit) {
                    (Some(open), Some(limit)) => format!(" ({open} open, limit {limit})"),
                    (None, Some(limit)) => format!(" (limit {limit})"),
                    _ => String::new(),
                };
                format!("file descriptors{count}; hint: raise its limit with `ulimit -n`")
            }
            Self::OpenFiles => {
                "open files on this machine; hint: raise `sysctl fs.file-max`".to_owned()
            }
            Self::Memory => "memory in the kernel".to_owned(),
            Self::Ports => "ports for connections to the container; hint: widen \
                 `sysctl net.ipv4.ip_local_port_range`"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_process_or_machine_lacks_is_a_shortage() {
        for (number, expected) in [
            (libc::EMFILE, Some(Shortage::Descriptors)),
            (libc::ENFILE, Some(Shortage::OpenFiles)),
            (libc::ENOBUFS, Some(Shortage::Memory)),
            (libc::ENOMEM, Some(Shortage::Memory)),
            (libc::EADDRNOTAVAIL, Some(Shortage::Ports)),
            (libc::ECONNREFUSED, None),
            (libc::ECONNRESET, None),
            (libc::EHOSTUNREACH, None),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(Shortage::of(&error), expected, "{error}");
        }
        assert_eq!(Shortage::of(&io::ErrorKind::TimedOut.into()), None);
    }
}
