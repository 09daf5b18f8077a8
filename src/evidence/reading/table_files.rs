//! Exports of log tables: of several, the readable and fullest one counts.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use crate::evidence::bundle::{FileState, HttpEvent, Table, TextEvent};
use crate::tables::{self, ConsoleRow, HttpRow, LineReader, PlatformRow, Projection, TableRow};

/// Columns of AppServiceHTTPLogs that a verdict reads.
const HTTP_COLUMNS: Projection =
    Projection::Only(&["CsMethod", "CsHost", "CsUriStem", "ScStatus", "TimeTaken"]);

/// A row of a table, as a bundle keeps it.
pub(super) trait Event: Sized {
    /// The row type of the room `tables`.
    type Row: TableRow;

    /// Columns to keep.
    const PROJECTION: Projection;

    fn keep(row: Self::Row, number: u32, texts: &mut Texts) -> Self;

    fn sort_key(&self) -> (tables::LogTime, u32);
}

/// Texts that many rows share.
#[derive(Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }

    fn shared_option(&mut self, text: Option<String>) -> Option<Arc<str>> {
        text.map(|text| self.shared(&text))
    }
}

impl Event for HttpEvent {
    type Row = HttpRow;
    const PROJECTION: Projection = HTTP_COLUMNS;

    fn keep(row: HttpRow, number: u32, texts: &mut Texts) -> HttpEvent {
        HttpEvent {
            time: row.time_generated,
            row: number,
            status: row.sc_status.and_then(|status| u16::try_from(status).ok()),
            taken_ms: row.time_taken.and_then(|taken| u32::try_from(taken).ok()),
            method: texts.shared_option(row.cs_method),
            route: texts.shared(row.cs_uri_stem.as_deref().unwrap_or("")),
            host: texts.shared_option(row.cs_host),
        }
    }

    fn sort_key(&self) -> (tables::LogTime, u32) {
        (self.time, self.row)
    }
}

/// The two tables of texts differ in the name of the column that holds the text.
fn text_event(
    time: tables::LogTime,
    number: u32,
    level: Option<String>,
    text: Option<String>,
    texts: &mut Texts,
) -> TextEvent {
    TextEvent {
        time,
        row: number,
        level: texts.shared_option(level),
        text: text.unwrap_or_default().into_boxed_str(),
    }
}

/// Console lines.
pub(super) struct ConsoleEvent(TextEvent);

/// Platform messages.
pub(super) struct PlatformEvent(TextEvent);

impl Event for ConsoleEvent {
    type Row = ConsoleRow;
    const PROJECTION: Projection = Projection::Only(&["Level", "ResultDescription"]);

    fn keep(row: ConsoleRow, number: u32, texts: &mut Texts) -> ConsoleEvent {
        let ConsoleRow {
            time_generated,
            level,
            result_description,
            ..
        } = row;
        ConsoleEvent(text_event(
            time_generated,
            number,
            level,
            result_description,
            texts,
        ))
    }

    fn sort_key(&self) -> (tables::LogTime, u32) {
        (self.0.time, self.0.row)
    }
}

impl Event for PlatformEvent {
    type Row = PlatformRow;
    const PROJECTION: Projection = Projection::Only(&["Level", "Message"]);

    fn keep(row: PlatformRow, number: u32, texts: &mut Texts) -> PlatformEvent {
        let PlatformRow {
            time_generated,
            level,
            message,
            ..
        } = row;
        PlatformEvent(text_event(time_generated, number, level, message, texts))
    }

    fn sort_key(&self) -> (tables::LogTime, u32) {
        (self.0.time, self.0.row)
    }
}

impl From<ConsoleEvent> for TextEvent {
    fn from(event: ConsoleEvent) -> TextEvent {
        event.0
    }
}

impl From<PlatformEvent> for TextEvent {
    fn from(event: PlatformEvent) -> TextEvent {
        event.0
    }
}

/// Read every export of one table; the one with most rows counts, the first of equals.
pub(super) fn read_exports<E, T>(
    root: &Path,
    paths: &[String],
) -> (Table<T>, Vec<(String, FileState)>)
where
    E: Event,
    T: From<E>,
{
    let mut best: Option<(String, Vec<E>)> = None;
    let mut states = Vec::new();
    for path in paths {
        match read_export::<E>(&root.join(path)) {
            Ok((events, state)) => {
                states.push((path.clone(), state));
                let fuller = best
                    .as_ref()
                    .is_none_or(|(_, kept)| events.len() > kept.len());
                if fuller {
                    best = Some((path.clone(), events));
                }
            }
            Err(state) => states.push((path.clone(), state)),
        }
    }
    let Some((file, mut events)) = best else {
        return (Table::default(), states);
    };
    for (path, state) in &mut states {
        if *path != file && matches!(state, FileState::Read | FileState::PartlyRead { .. }) {
            *state = FileState::Superseded { by: file.clone() };
        }
    }
    if !events.is_sorted_by_key(Event::sort_key) {
        events.sort_by_key(Event::sort_key);
    }
    let table = Table {
        file: Some(file),
        rows: events.into_iter().map(T::from).collect(),
    };
    (table, states)
}

fn read_export<E: Event>(path: &Path) -> Result<(Vec<E>, FileState), FileState> {
    let unreadable = |reason: String| FileState::Unreadable { reason };
    if path
        .extension()
        .is_some_and(|extension| extension == "jsonl")
    {
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        return read_lines(BufReader::with_capacity(1 << 18, file));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let read = tables::read::<E::Row>(&bytes).map_err(|error| match error {
        tables::TableError::Empty => FileState::Empty,
        error => unreadable(error.to_string()),
    })?;
    let mut texts = Texts::default();
    if read.rows.is_empty()
        && let Some(fault) = read.faults.first()
    {
        return Err(unreadable(fault.to_string()));
    }
    let state = state_of(read.fault_count, read.faults.first());
    let events = (1..)
        .zip(read.rows)
        .map(|(number, row)| E::keep(row, number, &mut texts));
    Ok((events.collect(), state))
}

/// Without a single row a file of lines cannot be told from an export that failed.
fn read_lines<E: Event>(source: impl std::io::BufRead) -> Result<(Vec<E>, FileState), FileState> {
    let mut texts = Texts::default();
    let mut events = Vec::new();
    let mut first_fault = None;
    let mut faults = 0;
    let mut lines = LineReader::<E::Row, _>::new(source, E::PROJECTION);
    while let Some(row) = lines.next() {
        match row {
            Ok(row) => {
                let number = u32::try_from(lines.line_number()).unwrap_or(u32::MAX);
                events.push(E::keep(row, number, &mut texts));
            }
            Err(fault) => {
                faults += 1;
                first_fault.get_or_insert(fault);
            }
        }
    }
    match (events.is_empty(), first_fault) {
        (true, None) => Err(FileState::Empty),
        (true, Some(fault)) => Err(FileState::Unreadable {
            reason: fault.to_string(),
        }),
        (false, fault) => Ok((events, state_of(faults, fault.as_ref()))),
    }
}

fn state_of(faults: usize, first: Option<&tables::TableError>) -> FileState {
    match first {
        None => FileState::Read,
        Some(first) => FileState::PartlyRead {
            reason: format!("{faults} rows cannot be read; the first: {first}"),
        },
    }
}
