//! The monotonic clock, as a number that several processes can share.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`; the same number in every process of this machine, never 0.
pub fn now_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// Time since `then`, zero when `then` is in the future.
pub fn since(then: u64) -> Duration {
    Duration::from_nanos(now_nanoseconds().saturating_sub(then))
}

/// Time that this thread has occupied a processor.
pub fn own_processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
