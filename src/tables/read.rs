//! Reading a table in whatever shape it was exported, as a stream.
//!
//! A row that cannot be read is a fault with its place, not the end: the other rows still count.

use std::io::Read;

use super::columns::LogTable;
use super::decode;
use super::formats;
use super::intake::{Intake, ReadOptions, Reading, RowSink};
use super::recognise::shape_of;
use super::rows::{ConsoleRow, HttpRow, PlatformRow, TableRow};
use super::{TableError, TableErrorKind};

/// Characters of a text that is no table which an error quotes.
const QUOTED: usize = 60;

/// Read an export of any shape, and give its rows to `sink` in their order. What the rows are of is
/// found in the export itself; a hint counts only where it does not say.
///
/// # Errors
/// If the export is empty, holds no rows of the three tables or is broken as a whole. Single rows
/// that cannot be read are listed in the answer.
pub fn read_rows(
    source: impl Read,
    options: ReadOptions,
    sink: &mut dyn RowSink,
) -> Result<Reading, TableError> {
    let text = decode::open(source).map_err(|error| TableError::Unreadable(error.to_string()))?;
    if text.head.trim().is_empty() {
        return Err(TableError::Empty);
    }
    let shape =
        shape_of(&text.head).ok_or_else(|| TableError::NotATable(quote(text.head.trim())))?;
    let mut intake = Intake::new(shape, options, sink);
    if text.coloured {
        intake.note("the colours of a terminal were taken out".to_owned());
    }
    if text.skipped_lines > 0 {
        intake.note(format!(
            "{} lines of warnings before it were passed by",
            text.skipped_lines
        ));
    }
    formats::read(text, shape, &mut intake)?;
    let summary = intake.summary.take();
    let reading = intake.finish();
    if reading.row_count() > 0 || (!reading.tables.is_empty() && reading.fault_count == 0) {
        return Ok(reading);
    }
    nothing_read(reading, summary, options)
}

/// Why an export has no rows, unless it is a table without any.
fn nothing_read(
    reading: Reading,
    summary: Option<String>,
    options: ReadOptions,
) -> Result<Reading, TableError> {
    let missing = TableErrorKind::Missing;
    let first = reading.faults.first();
    let is_missing = matches!(first, Some(TableError::Cell { kind, .. }) if *kind == missing);
    match (summary, first) {
        (Some(names), _) if is_missing || first.is_none() => Err(TableError::Summary(names)),
        (_, Some(first)) => Err(first.clone()),
        _ if !reading.others.is_empty() => {
            let names: Vec<&str> = reading.others.keys().map(String::as_str).collect();
            Err(TableError::AnotherTable(names.join(", ")))
        }
        // An empty list: only its name says of what.
        _ if options.hint.is_some() && reading.incomplete.is_none() => Ok(reading),
        _ => Err(TableError::NoTable),
    }
}

/// The beginning of a text that is no table.
pub(super) fn quote(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut quoted: String = line.chars().take(QUOTED).collect();
    if line.chars().count() > QUOTED {
        quoted.push_str("...");
    }
    quoted
}

/// What was read of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRead<R> {
    /// The rows that could be read, in the order of the export.
    pub rows: Vec<R>,
    /// The first rows that could not be read.
    pub faults: Vec<TableError>,
    /// How many rows could not be read.
    pub fault_count: usize,
}

/// Takes the rows of one type.
struct Each<'t, R>(&'t mut dyn FnMut(R));

impl<R: TableRow> RowSink for Each<'_, R> {
    fn http(&mut self, row: HttpRow, _: u32) {
        R::of_http(row).into_iter().for_each(&mut *self.0);
    }

    fn console(&mut self, row: ConsoleRow, _: u32) {
        R::of_console(row).into_iter().for_each(&mut *self.0);
    }

    fn platform(&mut self, row: PlatformRow, _: u32) {
        R::of_platform(row).into_iter().for_each(&mut *self.0);
    }
}

/// Read the rows of one table from an export of any shape, one after another.
///
/// # Errors
/// As [`read_rows`].
pub fn read_each<R: TableRow>(
    export: impl Read,
    take: &mut dyn FnMut(R),
) -> Result<Reading, TableError> {
    let options = ReadOptions {
        hint: LogTable::named(R::TABLE),
        ..ReadOptions::default()
    };
    read_rows(export, options, &mut Each(take))
}

/// Read the rows of one table from an export of any shape, with all their columns.
///
/// # Errors
/// As [`read_rows`].
pub fn read<R: TableRow>(export: &[u8]) -> Result<TableRead<R>, TableError> {
    let mut rows = Vec::new();
    let reading = read_each(export, &mut |row| rows.push(row))?;
    Ok(TableRead {
        rows,
        faults: reading.faults,
        fault_count: reading.fault_count,
    })
}
