//! What a column of an export holds, whatever the exporter calls it.
//!
//! The portal writes `TimeGenerated [UTC]` into a header, storage accounts and event hubs write
//! `time` and `resultDescription`, the old table AzureDiagnostics writes `ScStatus_d`.

use super::rows::{ConsoleRow, HttpRow, PlatformRow, TableRow};

/// One of the three tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogTable {
    /// AppServiceHTTPLogs
    Http,
    /// AppServiceConsoleLogs
    Console,
    /// AppServicePlatformLogs
    Platform,
}

impl LogTable {
    /// Every table.
    pub const ALL: [LogTable; 3] = [LogTable::Http, LogTable::Console, LogTable::Platform];

    /// Its name in Log Analytics.
    pub fn name(self) -> &'static str {
        match self {
            LogTable::Http => HttpRow::TABLE,
            LogTable::Console => ConsoleRow::TABLE,
            LogTable::Platform => PlatformRow::TABLE,
        }
    }

    /// The table of that name.
    pub fn named(name: &str) -> Option<LogTable> {
        LogTable::ALL
            .into_iter()
            .find(|table| name.eq_ignore_ascii_case(table.name()))
    }

    /// The table that alone has such a column.
    pub(super) fn of_column(column: &str) -> Option<LogTable> {
        match column {
            "CsUriStem" | "ScStatus" | "CsMethod" | "TimeTaken" | "CsHost" | "ScSubStatus" => {
                Some(LogTable::Http)
            }
            "ResultDescription" => Some(LogTable::Console),
            "Message" => Some(LogTable::Platform),
            _ => None,
        }
    }
}

/// In which clock the times of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// UTC, where the text does not say otherwise.
    Utc,
    /// Minutes ahead of UTC, as the header says.
    Offset(i32),
    /// The clock of whoever exported it: the header says only that.
    Local,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// The time of the row; of several, the one of the lowest rank counts.
    Time(u8, Zone),
    /// A column of the table reference.
    Known(&'static str),
    /// The name of the table, in every row: `Type` or `Category`.
    TableName(&'static str),
    /// A storage record's own columns, as an object or as its text.
    Properties,
    /// Something else.
    Other,
}

/// Columns of the table reference that are read, by their lower-case names.
fn known(lower: &str) -> Option<&'static str> {
    let tables = [HttpRow::COLUMNS, ConsoleRow::COLUMNS, PlatformRow::COLUMNS];
    tables
        .into_iter()
        .flatten()
        .map(|(name, _)| *name)
        .filter(|name| *name != "TimeGenerated" && *name != "Type")
        .find(|name| name.eq_ignore_ascii_case(lower))
}

/// What the column of that name holds.
pub(super) fn column(name: &str) -> Column {
    // The usual spellings first: every cell of a table of objects comes this way.
    match name {
        "TimeGenerated" => return Column::Time(0, Zone::Utc),
        "CsMethod" => return Column::Known("CsMethod"),
        "CsUriStem" => return Column::Known("CsUriStem"),
        "CsHost" => return Column::Known("CsHost"),
        "ScStatus" => return Column::Known("ScStatus"),
        "TimeTaken" => return Column::Known("TimeTaken"),
        "ResultDescription" => return Column::Known("ResultDescription"),
        "Level" => return Column::Known("Level"),
        "Message" => return Column::Known("Message"),
        "properties" => return Column::Properties,
        _ => {}
    }
    let (plain, zone) = without_zone(name);
    if plain.len() > 64 {
        return Column::Other;
    }
    let lower = plain.to_ascii_lowercase();
    let stem = ["_s", "_d", "_t", "_g", "_b"]
        .iter()
        .find_map(|ending| lower.strip_suffix(ending))
        .unwrap_or(&lower);
    match stem {
        "timegenerated" => Column::Time(0, zone),
        "time" => Column::Time(1, zone),
        "eventtime" => Column::Time(2, zone),
        "timestamp" | "eventtimestamp" | "time generated" => Column::Time(3, zone),
        "type" => Column::TableName("Type"),
        "category" => Column::TableName("Category"),
        "properties" => Column::Properties,
        "resourceid" => Column::Known("_ResourceId"),
        "result_description" => Column::Known("ResultDescription"),
        stem => known(stem).map_or(Column::Other, Column::Known),
    }
}

/// A header's name without the clock that the portal adds to it: `TimeGenerated [UTC]`.
fn without_zone(name: &str) -> (&str, Zone) {
    let name = name.trim();
    let Some((plain, rest)) = name.split_once('[') else {
        return (name, Zone::Utc);
    };
    let Some(zone) = rest.strip_suffix(']').map(str::trim) else {
        return (name, Zone::Utc);
    };
    (plain.trim(), zone_of(zone))
}

fn zone_of(words: &str) -> Zone {
    let upper = words.to_ascii_uppercase();
    let rest = upper
        .strip_prefix("UTC")
        .or_else(|| upper.strip_prefix("GMT"))
        .or_else(|| upper.strip_prefix('Z'));
    match rest.map(str::trim) {
        Some("") => Zone::Utc,
        Some(offset) => offset_minutes(offset).map_or(Zone::Local, Zone::Offset),
        None => Zone::Local,
    }
}

/// `+01:00`, `-0530`, `+1` as minutes.
pub(super) fn offset_minutes(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (
            -1,
            text.strip_prefix('-')
                .or_else(|| text.strip_prefix('\u{2212}'))?,
        ),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let hours: i32 = hours.parse().ok()?;
    let minutes: i32 = minutes.parse().ok()?;
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_column_is_known_by_every_exporters_name() {
        for name in ["ScStatus", "scstatus", "ScStatus_d", "scStatus"] {
            assert_eq!(column(name), Column::Known("ScStatus"), "{name}");
        }
        for name in [
            "ResultDescription",
            "resultDescription",
            "ResultDescription_s",
        ] {
            assert_eq!(column(name), Column::Known("ResultDescription"), "{name}");
        }
        for name in ["category", "Category"] {
            assert_eq!(column(name), Column::TableName("Category"), "{name}");
        }
        assert_eq!(column("Bemerkung"), Column::Other);
    }

    #[test]
    fn a_header_says_whose_clock_its_times_are() {
        for (name, zone) in [
            ("TimeGenerated", Zone::Utc),
            ("TimeGenerated [UTC]", Zone::Utc),
            ("TimeGenerated [UTC+01:00]", Zone::Offset(60)),
            ("TimeGenerated [Local Time]", Zone::Local),
            ("TimeGenerated [Ortszeit]", Zone::Local),
        ] {
            assert_eq!(column(name), Column::Time(0, zone), "{name}");
        }
    }
}
