//! The time that a server writes into its own lines.

use jiff::civil::DateTime;

use super::LogTime;
use super::civil::at_offset;
use super::columns::offset_minutes;

/// The time that a line carries in its own text: `[2026-11-21 08:01:01 +0000] [7] [INFO] text`.
pub(super) fn own_time(line: &str) -> Option<LogTime> {
    let inner = line.strip_prefix('[')?.get(..25)?;
    let (civil, offset) = inner.rsplit_once(' ')?;
    let civil: DateTime = civil.parse().ok()?;
    at_offset(civil, offset_minutes(offset)?)
}
