//! Exports of tables and logs: each file once, and once more where another file shows that its
//! dates were read in the wrong order.

use std::collections::BTreeMap;

use super::source::{FILE_LIMIT, Inputs, Item};
use super::table_files::{Export, Rows, local_offset, merge, proven_order};
use crate::evidence::bundle::{Bundle, FileNote, FileState, Gap};
use crate::tables::queries::{self, Query};
use crate::tables::{DateOrder, LogTable, ReadOptions, Reading, TableError, read_rows};

/// What was read so far.
#[derive(Default)]
pub(super) struct Exports {
    read: Vec<Export>,
    hints: BTreeMap<String, Option<LogTable>>,
    failed: Vec<(String, Option<LogTable>, TableError)>,
}

impl Exports {
    /// Read one file.
    pub(super) fn read(&mut self, inputs: &Inputs, item: &Item, hint: Option<LogTable>) {
        match export(inputs, item, hint, DateOrder::Guessed) {
            Ok(export) => {
                self.hints.insert(item.path.clone(), hint);
                self.read.push(export);
            }
            Err(error) => self.failed.push((item.path.clone(), hint, error)),
        }
    }

    /// Put the merged tables into the bundle, and a note on every file beside them; give the files
    /// that are texts of something else.
    pub(super) fn finish(
        mut self,
        inputs: &Inputs,
        bundle: &mut Bundle,
        notes: &mut BTreeMap<String, FileNote>,
    ) -> Vec<String> {
        self.read_again(inputs);
        let tables = merge(&mut self.read);
        bundle.http = tables.http;
        bundle.console = tables.console;
        bundle.platform = tables.platform;
        let offset = local_offset(&self.read);
        for export in &self.read {
            let note = note_of(export, offset);
            if let FileState::PartlyRead { reason } = &note.state {
                let tables = match export.reading.tables.as_slice() {
                    [] => &LogTable::ALL,
                    tables => tables,
                };
                lacking(bundle, tables, &export.path, reason);
            }
            notes.insert(note.path.clone(), note);
        }
        let have = [
            (LogTable::Http, bundle.http.is_readable()),
            (LogTable::Console, bundle.console.is_readable()),
            (LogTable::Platform, bundle.platform.is_readable()),
        ];
        for (path, hint, error) in &self.failed {
            let mut note = failed(path, *hint, error);
            // The command is worth its line only where nothing else holds the table.
            let lacks = have
                .iter()
                .any(|(table, readable)| Some(*table) == *hint && !readable);
            note.help = lacks.then(|| command(*hint));
            let tables = match hint {
                Some(table) => std::slice::from_ref(table),
                None if is_broken(error) => &LogTable::ALL,
                None => &[],
            };
            if let FileState::Unreadable { reason } = &note.state {
                lacking(bundle, tables, path, reason);
            }
            notes.insert(path.clone(), note);
        }
        let is_text = |error: &TableError| matches!(error, TableError::NotATable(_));
        let rest = self
            .failed
            .into_iter()
            .filter(|(_, hint, error)| hint.is_none() && is_text(error));
        rest.map(|(path, ..)| path).collect()
    }

    /// Dates that allow two readings follow the files whose dates allow one.
    fn read_again(&mut self, inputs: &Inputs) {
        let Some(order) = proven_order(&self.read) else {
            return;
        };
        for old in &mut self.read {
            let reading = &old.reading;
            let wrong = reading.order_proven.is_none()
                && reading.order_taken.is_some_and(|taken| taken != order);
            let hint = self.hints.get(&old.path).copied().flatten();
            if wrong
                && let Some(item) = inputs.item(&old.path)
                && let Ok(again) = export(inputs, item, hint, order)
            {
                *old = again;
            }
        }
    }
}

fn export(
    inputs: &Inputs,
    item: &Item,
    hint: Option<LogTable>,
    order: DateOrder,
) -> Result<Export, TableError> {
    let unreadable = |error: std::io::Error| TableError::Unreadable(error.to_string());
    let mut rows = Rows::default();
    let options = ReadOptions { hint, order };
    let mut reading = inputs
        .with(item, |source| read_rows(source, options, &mut rows))
        .map_err(unreadable)??;
    if let Some(order) = reading.read_again() {
        rows = Rows::default();
        let options = ReadOptions { hint, order };
        reading = inputs
            .with(item, |source| read_rows(source, options, &mut rows))
            .map_err(unreadable)??;
    }
    if reading.tables.is_empty() {
        reading.tables.extend(hint);
    }
    if item.size > FILE_LIMIT {
        let reason = format!("only its first {} GiB were read", FILE_LIMIT >> 30);
        reading.incomplete.get_or_insert(reason);
    }
    Ok(Export::new(&item.path, reading, rows))
}

fn lacking(bundle: &mut Bundle, tables: &[LogTable], file: &str, reason: &str) {
    for table in tables {
        let gaps = match table {
            LogTable::Http => &mut bundle.http.gaps,
            LogTable::Console => &mut bundle.console.gaps,
            LogTable::Platform => &mut bundle.platform.gaps,
        };
        gaps.push(Gap {
            file: file.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

/// True for an export that is one and cannot be read, and not for a text that is something else.
fn is_broken(error: &TableError) -> bool {
    matches!(
        error,
        TableError::Syntax { .. } | TableError::Unreadable(_) | TableError::Cell { .. }
    )
}

fn note_of(export: &Export, offset: Option<i32>) -> FileNote {
    let reading = &export.reading;
    let mut notes = reading.notes.clone();
    if !reading.others.is_empty() {
        let others: Vec<String> = reading
            .others
            .iter()
            .map(|(name, rows)| format!("{rows} of {name}"))
            .collect();
        notes.push(format!(
            "rows of other tables were passed by: {}",
            others.join(", ")
        ));
    }
    if let (Some(taken), None) = (reading.order_taken, reading.order_proven) {
        let order = match taken {
            DateOrder::MonthFirst => "month/day",
            DateOrder::DayFirst | DateOrder::Guessed => "day/month",
        };
        notes.push(format!(
            "its dates allow two readings and were read as {order}"
        ));
    }
    if reading.local_time {
        notes.push(match offset {
            Some(minutes) => format!(
                "its times are of a clock {:+03}:{:02} from UTC, as console lines show",
                minutes / 60,
                minutes.abs() % 60
            ),
            None => "its times are of the exporter's own clock, which nothing tells: read as UTC"
                .to_owned(),
        });
    }
    let state = match (reading.faults.first(), &reading.incomplete) {
        (None, None) => FileState::Read,
        (None, Some(reason)) => FileState::PartlyRead {
            reason: reason.clone(),
        },
        (Some(first), _) => FileState::PartlyRead {
            reason: format!(
                "{} rows cannot be read; the first: {first}",
                reading.fault_count
            ),
        },
    };
    FileNote {
        path: export.path.clone(),
        state,
        taken_for: Some(words(reading, export.doubles)),
        notes,
        help: None,
        digest: None,
    }
}

/// `12 rows of AppServiceHTTPLogs, 3 of them in another file too (CSV)`
fn words(reading: &Reading, doubles: usize) -> String {
    let tables: Vec<String> = reading
        .tables
        .iter()
        .map(|table| {
            let rows = reading.rows.get(table).copied().unwrap_or(0);
            let noun = if rows == 1 { "row" } else { "rows" };
            format!("{rows} {noun} of {}", table.name())
        })
        .collect();
    let twice = match doubles {
        0 => String::new(),
        doubles => format!(", {doubles} in another file too"),
    };
    format!("{}{twice} ({})", tables.join(", "), reading.shape.words())
}

fn failed(path: &str, hint: Option<LogTable>, error: &TableError) -> FileNote {
    let (state, taken_for) = match error {
        TableError::Empty => (FileState::Empty, None),
        // Nobody said that it was a table, and it is none.
        TableError::NotATable(_)
        | TableError::NoTable
        | TableError::AnotherTable(_)
        | TableError::Summary(_)
            if hint.is_none() =>
        {
            (FileState::NotUsed, Some(error.to_string()))
        }
        error => (
            FileState::Unreadable {
                reason: error.to_string(),
            },
            None,
        ),
    };
    FileNote::new(path, state, taken_for)
}

/// The command that would export the table.
fn command(table: Option<LogTable>) -> String {
    let query: &Query = match table {
        Some(LogTable::Console) => &queries::CONSOLE,
        Some(LogTable::Platform) => &queries::PLATFORM,
        Some(LogTable::Http) | None => &queries::HTTP,
    };
    let one_line: Vec<&str> = query
        .kql
        .lines()
        .filter(|line| !line.starts_with("//"))
        .collect();
    let text = one_line
        .join(" ")
        .replace("{start}", "START")
        .replace("{end}", "END");
    format!(
        "az monitor log-analytics query --workspace WORKSPACE --analytics-query '{text}' --output json > {}.json",
        query.name
    )
}
