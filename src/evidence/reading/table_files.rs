//! Exports of log tables: however many there are of one table, their rows are merged, and a row
//! that several of them hold counts once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::evidence::bundle::{HttpEvent, Table, TextEvent};
use crate::tables::{
    ConsoleRow, DateOrder, HttpRow, LogTable, LogTime, PlatformRow, Reading, RowSink, Shape,
    TOO_MANY_OPEN_FILES,
};

/// Rows of one table that are kept of one file.
const ROWS_KEPT: usize = 4_000_000;

/// Bytes of text that are kept of one file.
const TEXT_KEPT: usize = 256 << 20;

/// Seconds by which a log's line and the same line's row in a table lie apart at most.
const LOG_AND_TABLE_APART: f64 = 5.0;

/// Texts that many rows share.
#[derive(Default)]
struct Texts(HashSet<Arc<str>>);

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

/// What one file held.
pub(super) struct Export {
    /// Its path.
    pub path: String,
    /// What the room `tables` says of it.
    pub reading: Reading,
    rows: Rows,
    /// Rows that another file has as well.
    pub doubles: usize,
}

/// The rows of one file, while they are read and afterwards.
#[derive(Default)]
pub(super) struct Rows {
    http: Vec<HttpEvent>,
    console: Vec<TextEvent>,
    platform: Vec<TextEvent>,
    texts: Texts,
    text_bytes: usize,
}

impl Rows {
    fn text_event(
        &mut self,
        time: LogTime,
        row: u32,
        level: Option<String>,
        text: Option<String>,
    ) -> TextEvent {
        let text = text.unwrap_or_default().into_boxed_str();
        self.text_bytes += text.len();
        TextEvent {
            time,
            row,
            file: 0,
            level: self.texts.shared_option(level),
            text,
        }
    }
}

impl RowSink for Rows {
    fn http(&mut self, row: HttpRow, number: u32) {
        let route = row.cs_uri_stem.as_deref().unwrap_or("");
        let event = HttpEvent {
            time: row.time_generated,
            row: number,
            file: 0,
            status: row.sc_status.and_then(|status| u16::try_from(status).ok()),
            taken_ms: row.time_taken.and_then(|taken| u32::try_from(taken).ok()),
            route: self.texts.shared(route),
            method: self.texts.shared_option(row.cs_method),
            host: self.texts.shared_option(row.cs_host),
            lacked_descriptor: row.sc_status == Some(503)
                && row.sc_win32_status.as_deref() == Some(TOO_MANY_OPEN_FILES),
        };
        self.http.push(event);
    }

    fn console(&mut self, row: ConsoleRow, number: u32) {
        let event = self.text_event(
            row.time_generated,
            number,
            row.level,
            row.result_description,
        );
        self.console.push(event);
    }

    fn platform(&mut self, row: PlatformRow, number: u32) {
        let event = self.text_event(row.time_generated, number, row.level, row.message);
        self.platform.push(event);
    }

    fn wants(&self, column: &str) -> bool {
        matches!(
            column,
            "CsMethod"
                | "CsHost"
                | "CsUriStem"
                | "ScStatus"
                | "ScWin32Status"
                | "TimeTaken"
                | "Level"
                | "ResultDescription"
                | "Message"
        )
    }

    fn is_full(&self, table: LogTable) -> bool {
        let rows = match table {
            LogTable::Http => self.http.len(),
            LogTable::Console => self.console.len(),
            LogTable::Platform => self.platform.len(),
        };
        rows >= ROWS_KEPT || self.text_bytes >= TEXT_KEPT
    }
}

/// A row of a table, as a bundle keeps it.
trait Event {
    fn time(&self) -> LogTime;
    fn set_time(&mut self, time: LogTime);
    fn set_file(&mut self, file: u16);
    fn place(&self) -> (u16, u32);
    /// What makes two rows of one moment the same row, whichever columns an export has.
    fn content(&self) -> (&str, Option<u16>, Option<u32>);
}

impl Event for HttpEvent {
    fn time(&self) -> LogTime {
        self.time
    }

    fn set_time(&mut self, time: LogTime) {
        self.time = time;
    }

    fn set_file(&mut self, file: u16) {
        self.file = file;
    }

    fn place(&self) -> (u16, u32) {
        (self.file, self.row)
    }

    fn content(&self) -> (&str, Option<u16>, Option<u32>) {
        (&self.route, self.status, self.taken_ms)
    }
}

impl Event for TextEvent {
    fn time(&self) -> LogTime {
        self.time
    }

    fn set_time(&mut self, time: LogTime) {
        self.time = time;
    }

    fn set_file(&mut self, file: u16) {
        self.file = file;
    }

    fn place(&self) -> (u16, u32) {
        (self.file, self.row)
    }

    fn content(&self) -> (&str, Option<u16>, Option<u32>) {
        (self.text.trim_end(), None, None)
    }
}

impl Export {
    /// What one file held, after it was read.
    pub(super) fn new(path: &str, reading: Reading, rows: Rows) -> Export {
        Export {
            path: path.to_owned(),
            reading,
            rows,
            doubles: 0,
        }
    }
}

/// The order of dates that the exports prove together; `None` where they do not agree.
pub(super) fn proven_order(exports: &[Export]) -> Option<DateOrder> {
    let mut proven = exports
        .iter()
        .filter_map(|export| export.reading.order_proven);
    let first = proven.next()?;
    proven.all(|order| order == first).then_some(first)
}

/// Minutes by which the exporters' clock is ahead of UTC, where an export tells.
pub(super) fn local_offset(exports: &[Export]) -> Option<i32> {
    exports
        .iter()
        .find_map(|export| export.reading.local_offset)
}

/// The three tables of all exports.
pub(super) struct Tables {
    pub http: Table<HttpEvent>,
    pub console: Table<TextEvent>,
    pub platform: Table<TextEvent>,
}

/// Merge the rows of all exports.
pub(super) fn merge(exports: &mut [Export]) -> Tables {
    let offset = local_offset(exports);
    Tables {
        http: table(exports, offset, LogTable::Http, |rows| {
            std::mem::take(&mut rows.http)
        }),
        console: table(exports, offset, LogTable::Console, |rows| {
            std::mem::take(&mut rows.console)
        }),
        platform: table(exports, offset, LogTable::Platform, |rows| {
            std::mem::take(&mut rows.platform)
        }),
    }
}

fn table<E: Event>(
    exports: &mut [Export],
    offset: Option<i32>,
    kind: LogTable,
    take: impl Fn(&mut Rows) -> Vec<E>,
) -> Table<E> {
    let mut files = Vec::new();
    let mut of_file = Vec::new();
    let mut rows: Vec<E> = Vec::new();
    let mut grain = 1;
    for (at, export) in exports.iter_mut().enumerate() {
        if !export.reading.tables.contains(&kind) {
            continue;
        }
        let mut part = take(&mut export.rows);
        let file = u16::try_from(files.len()).unwrap_or(u16::MAX);
        let shift = offset.filter(|_| export.reading.local_time).unwrap_or(0);
        for event in &mut part {
            event.set_file(file);
            if shift != 0 {
                event.set_time(event.time().plus_seconds(f64::from(-shift) * 60.0));
            }
        }
        grain = grain.max(grain_of(&part));
        files.push(export.path.clone());
        of_file.push(at);
        if rows.is_empty() {
            rows = part;
        } else {
            rows.append(&mut part);
        }
    }
    let key = |event: &E| (event.time(), event.place());
    if !rows.is_sorted_by_key(key) {
        rows.sort_by_key(key);
    }
    if files.len() > 1 {
        let mut doubled = doubles(&rows, grain);
        let is_log = |file: u16| {
            let export = of_file
                .get(usize::from(file))
                .and_then(|at| exports.get(*at));
            export.is_some_and(|export| export.reading.shape == Shape::Log)
        };
        lines_of_tables(&rows, &mut doubled, is_log);
        let mut at = 0;
        rows.retain(|event| {
            let is_double = doubled[at];
            at += 1;
            if is_double && let Some(export) = of_file.get(usize::from(event.place().0)) {
                exports[*export].doubles += 1;
            }
            !is_double
        });
    }
    Table {
        files,
        rows,
        gaps: Vec::new(),
    }
}

/// Nanoseconds to which all times of a file are whole: the portal drops what is below a
/// millisecond.
fn grain_of<E: Event>(rows: &[E]) -> i128 {
    let whole = |grain: i128| {
        rows.iter()
            .all(|event| event.time().timestamp().as_nanosecond() % grain == 0)
    };
    [1_000_000_000, 1_000_000]
        .into_iter()
        .find(|grain| !rows.is_empty() && whole(*grain))
        .unwrap_or(1)
}

/// Which rows another file holds as well. Of rows that are alike in one file, each counts.
fn doubles<E: Event>(rows: &[E], grain: i128) -> Vec<bool> {
    let floor = |event: &E| event.time().timestamp().as_nanosecond().div_euclid(grain);
    let mut doubled = vec![false; rows.len()];
    let mut begin = 0;
    for group in rows.chunk_by(|a, b| floor(a) == floor(b)) {
        let first = group.first().map(|event| event.place().0);
        if group.iter().any(|event| Some(event.place().0) != first) {
            // How often each content was kept, and how often the file at hand has shown it.
            let mut order: Vec<usize> = (0..group.len()).collect();
            order.sort_by_key(|at| group[*at].place());
            let mut kept: HashMap<_, usize> = HashMap::new();
            let mut shown: HashMap<_, (u16, usize)> = HashMap::new();
            for at in order {
                let event = &group[at];
                let file = event.place().0;
                let of_file = shown.entry(event.content()).or_insert((file, 0));
                if of_file.0 != file {
                    *of_file = (file, 0);
                }
                of_file.1 += 1;
                let kept = kept.entry(event.content()).or_default();
                if of_file.1 <= *kept {
                    doubled[begin + at] = true;
                } else {
                    *kept += 1;
                }
            }
        }
        begin += group.len();
    }
    doubled
}

/// Lines of a log of which a table has the row as well, written a moment later.
fn lines_of_tables<E: Event>(rows: &[E], doubled: &mut [bool], is_log: impl Fn(u16) -> bool) {
    let logs: Vec<bool> = rows.iter().map(|event| is_log(event.place().0)).collect();
    if logs.iter().all(|log| *log) || !logs.iter().any(|log| *log) {
        return;
    }
    let mut of_table: HashMap<_, std::collections::VecDeque<LogTime>> = HashMap::new();
    for (event, log) in rows.iter().zip(&logs) {
        if !log {
            of_table
                .entry(event.content())
                .or_default()
                .push_back(event.time());
        }
    }
    for (at, event) in rows.iter().enumerate() {
        if !logs[at] || doubled[at] {
            continue;
        }
        let Some(times) = of_table.get_mut(&event.content()) else {
            continue;
        };
        let far = |time: &LogTime| time.seconds_since(event.time()) < -LOG_AND_TABLE_APART;
        while times.front().is_some_and(far) {
            times.pop_front();
        }
        let near = |time: &LogTime| time.seconds_since(event.time()).abs() <= LOG_AND_TABLE_APART;
        if times.front().is_some_and(near) {
            times.pop_front();
            doubled[at] = true;
        }
    }
}
