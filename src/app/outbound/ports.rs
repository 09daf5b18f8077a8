//! The local ports that calls to one destination may use.
//!
//! App Service gives an instance 128 of them. Here the kernel keeps the limit: each socket is given
//! a range of so many ports (`IP_LOCAL_PORT_RANGE`, Linux 6.3), the same for every worker of a
//! pool, and connecting fails as it does anywhere when the range is used up. An older kernel does
//! not know the option; then the client counts, each worker for itself, and says so.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::errno::Errno;
use socket2::Socket;

use crate::machine::sys::set_local_port_range;

/// Where the kernel's own range begins unless it is changed; ranges outside it are not heeded.
const FIRST: u32 = 32_768;
/// Ports of the kernel's own range.
const ALL: u32 = 60_999 - FIRST;

/// A range of local ports.
#[derive(Debug)]
pub(super) struct PortRange {
    low: u16,
    high: u16,
    /// The kernel does not know the option: the client counts.
    counted: AtomicBool,
    open: AtomicUsize,
}

/// Why a socket may not connect.
#[derive(Debug)]
pub(super) enum PortError {
    /// The client counts, and there is none left.
    Exhausted,
    /// The option failed.
    System(io::Error),
}

impl PortRange {
    /// So many ports, beginning where `pool` says, which is the same for all workers of a pool.
    pub(super) fn new(count: u16, pool: u32) -> Self {
        let room = (ALL - u32::from(count).min(ALL)).max(1);
        let low = FIRST + pool.wrapping_mul(2_654_435_761) % room;
        let port = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        Self {
            low: port(low),
            high: port(low + u32::from(count).max(1) - 1),
            counted: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        }
    }

    /// Who keeps the limit, for whoever asks.
    pub(super) fn kept_by(&self) -> &'static str {
        match self.counted.load(Ordering::Relaxed) {
            true => "client",
            false => "kernel",
        }
    }

    /// Tell the kernel which ports this socket may have, before it connects.
    pub(super) fn apply(&self, socket: &Socket) -> Result<(), PortError> {
        if !self.counted.load(Ordering::Relaxed) {
            match set_local_port_range(socket, self.low, self.high) {
                Ok(()) => return Ok(()),
                Err(Errno::ENOPROTOOPT) => self.counted.store(true, Ordering::Relaxed),
                Err(error) => return Err(PortError::System(error.into())),
            }
        }
        let most = usize::from(self.high - self.low) + 1;
        match self.open.load(Ordering::Relaxed) >= most {
            true => Err(PortError::Exhausted),
            false => Ok(()),
        }
    }

    /// How many connections the client holds now, for a limit that it keeps itself.
    pub(super) fn now_open(&self, connections: usize) {
        self.open.store(connections, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_as_large_as_asked_for_and_within_the_kernels_own() {
        for pool in [1, 77, 4_000_000_000] {
            let range = PortRange::new(128, pool);
            assert_eq!(range.high - range.low, 127);
            assert!(u32::from(range.low) >= FIRST && range.high <= 60_999);
        }
    }
}
