//! The monotonic clock, as a number that several processes can share, and the time of day of log lines.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use nix::time::{ClockId, clock_gettime};

/// Where a machine keeps the rules of its time zone (tzset(3)).
const LOCAL_ZONE: &str = "/etc/localtime";

/// Nanoseconds of `CLOCK_MONOTONIC`; the same number in every process of this machine, never 0.
pub fn now_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    nanoseconds(now).max(1)
}

/// A time as a whole number of nanoseconds.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Time since `then`, zero when `then` is in the future.
pub fn since(then: u64) -> Duration {
    Duration::from_nanos(now_nanoseconds().saturating_sub(then))
}

/// Time that this thread has occupied a processor.
pub fn own_processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// The time of day here, as Python's `time.localtime` gives it.
pub fn local_time() -> Zoned {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    Timestamp::now().to_zoned(ZONE.get_or_init(local_zone).clone())
}

/// The zone that `TZ` names, else the machine's own. For its own jiff would look up the name among all
/// zones that the machine has, which is most of what the heap of a fresh pool holds; the file is enough.
fn local_zone() -> TimeZone {
    if std::env::var_os("TZ").is_some() {
        return TimeZone::system();
    }
    let rules = std::fs::read(LOCAL_ZONE).ok();
    rules
        .and_then(|rules| TimeZone::tzif(LOCAL_ZONE, &rules).ok())
        .unwrap_or(TimeZone::UTC)
}
