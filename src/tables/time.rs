//! The time of a log row: UTC, in steps of 100 nanoseconds, as Log Analytics keeps it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds in one step.
const STEP: i128 = 100;

/// A moment with up to seven fractional digits, written as Log Analytics writes it: RFC 3339,
/// UTC, `Z`, no trailing zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTime(Timestamp);

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-04-04T05:36:33.6146690Z")]
pub struct LogTimeError(pub String);

impl LogTime {
    /// The moment, cut to whole steps of 100 ns.
    pub fn new(moment: Timestamp) -> LogTime {
        let nanoseconds = moment.as_nanosecond();
        let whole = nanoseconds - nanoseconds.rem_euclid(STEP);
        LogTime(Timestamp::from_nanosecond(whole).unwrap_or(moment))
    }

    /// The moment.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Seconds from `earlier` to this moment; negative if `earlier` is later.
    pub fn seconds_since(self, earlier: LogTime) -> f64 {
        (self.0.as_nanosecond() - earlier.0.as_nanosecond()) as f64 / 1e9
    }

    /// This moment moved by so many seconds; unchanged where that leaves the calendar.
    pub fn plus_seconds(self, seconds: f64) -> LogTime {
        let moved = self
            .0
            .as_nanosecond()
            .saturating_add((seconds * 1e9) as i128);
        Timestamp::from_nanosecond(moved).map_or(self, LogTime::new)
    }
}

impl From<Timestamp> for LogTime {
    fn from(moment: Timestamp) -> LogTime {
        LogTime::new(moment)
    }
}

impl FromStr for LogTime {
    type Err = LogTimeError;

    /// A time without an offset is taken as UTC, as the query command line prints some.
    fn from_str(text: &str) -> Result<LogTime, LogTimeError> {
        let text = text.trim();
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(LogTime::new(moment));
        }
        if let Some(moment) = milliseconds(text) {
            return Ok(LogTime::new(moment));
        }
        text.parse::<jiff::civil::DateTime>()
            .ok()
            .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|zoned| LogTime::new(zoned.timestamp()))
            .ok_or_else(|| LogTimeError(text.to_owned()))
    }
}

/// `/Date(1775281002123)/`, as older PowerShell writes a time into JSON.
fn milliseconds(text: &str) -> Option<Timestamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    Timestamp::from_millisecond(inner.parse().ok()?).ok()
}

impl fmt::Display for LogTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl fmt::Debug for LogTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl Serialize for LogTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LogTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LogTime, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = LogTime;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a time in RFC 3339")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LogTime, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
