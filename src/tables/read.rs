//! Reading a table in whatever shape it was exported.
//!
//! A row that cannot be read is a fault with its place, not the end: the other rows still count.

use std::io::BufRead;

use super::json_cells::{FlatRow, Projection};
use super::rows::{Cell, TableRow, time_cell};
use super::{TableError, TableErrorKind};

/// Faults that are kept with their place; the rest are only counted.
const FAULTS_KEPT: usize = 20;

/// Characters of a text that is no table which an error quotes.
const QUOTED: usize = 60;

/// What was read of one export.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRead<R> {
    /// The rows that could be read, in the order of the export.
    pub rows: Vec<R>,
    /// The first rows that could not be read.
    pub faults: Vec<TableError>,
    /// How many rows could not be read.
    pub fault_count: usize,
}

impl<R> Default for TableRead<R> {
    fn default() -> Self {
        TableRead {
            rows: Vec::new(),
            faults: Vec::new(),
            fault_count: 0,
        }
    }
}

impl<R> TableRead<R> {
    fn take(&mut self, row: Result<R, TableError>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(fault) => {
                self.fault_count += 1;
                if self.faults.len() < FAULTS_KEPT {
                    self.faults.push(fault);
                }
            }
        }
    }
}

/// Read a table from an export of any shape.
///
/// # Errors
/// If the export is empty, holds no table or is broken as a whole. Single rows that cannot be
/// read are listed in the answer.
pub fn read<R: TableRow>(export: &[u8]) -> Result<TableRead<R>, TableError> {
    let export = export.strip_prefix(b"\xef\xbb\xbf").unwrap_or(export);
    let trimmed = export.trim_ascii();
    match trimmed.first() {
        None => Err(TableError::Empty),
        Some(b'[') => read_flat(trimmed),
        Some(b'{') if is_answer(trimmed) => read_answer(trimmed),
        Some(b'{') => {
            let mut read = TableRead::default();
            let lines = LineReader::new(trimmed, Projection::All);
            for row in lines {
                read.take(row);
            }
            if read.rows.is_empty() {
                return Err(read
                    .faults
                    .into_iter()
                    .next()
                    .unwrap_or(TableError::NoTable));
            }
            Ok(read)
        }
        Some(_) => read_csv(trimmed),
    }
}

/// True if the text is one object that has `tables`, not one object a line.
fn is_answer(text: &[u8]) -> bool {
    let head = &text[..text.len().min(4096)];
    let first_key = head
        .iter()
        .position(|&byte| byte == b'"')
        .map(|at| &head[at..]);
    first_key.is_some_and(|rest| rest.starts_with(b"\"tables\"") || rest.starts_with(b"\"error\""))
}

fn syntax(error: &serde_json::Error) -> TableError {
    TableError::Syntax {
        line: error.line(),
        reason: error.to_string(),
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    tables: Option<Vec<AnswerTable>>,
    error: Option<serde_json::Value>,
}

#[derive(serde::Deserialize)]
struct AnswerTable {
    columns: Vec<AnswerColumn>,
    rows: Vec<Vec<serde_json::Value>>,
}

#[derive(serde::Deserialize)]
struct AnswerColumn {
    name: String,
}

/// The API's shape: `{"tables":[{"name","columns","rows"}]}`. Only the first table counts, as in
/// the query's own primary result.
fn read_answer<R: TableRow>(text: &[u8]) -> Result<TableRead<R>, TableError> {
    let answer: Answer = serde_json::from_slice(text).map_err(|error| syntax(&error))?;
    if let Some(error) = answer.error {
        return Err(TableError::NotATable(quote(error.to_string().as_bytes())));
    }
    let table = answer
        .tables
        .and_then(|tables| tables.into_iter().next())
        .ok_or(TableError::NoTable)?;
    let mut read = TableRead::default();
    for (index, values) in table.rows.iter().enumerate() {
        let cells = table
            .columns
            .iter()
            .zip(values)
            .map(|(column, value)| (column.name.as_str(), cell_of(value)));
        read.take(row_of(index + 1, cells));
    }
    Ok(read)
}

fn cell_of(value: &serde_json::Value) -> Cell<'_> {
    match value {
        serde_json::Value::String(text) => Cell::Text(text.as_str().into()),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Cell::Whole(whole),
            None => Cell::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::Null => Cell::Null,
        other => Cell::Text(other.to_string().into()),
    }
}

/// The command line's shape: a list of objects.
fn read_flat<R: TableRow>(text: &[u8]) -> Result<TableRead<R>, TableError> {
    let list: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_slice(text).map_err(|error| syntax(&error))?;
    let mut read = TableRead::default();
    for (index, object) in list.iter().enumerate() {
        let cells = object
            .iter()
            .map(|(name, value)| (name.as_str(), cell_of(value)));
        read.take(row_of(index + 1, cells));
    }
    Ok(read)
}

/// CSV with a header; without a `TimeGenerated` in it the text is no table.
fn read_csv<R: TableRow>(text: &[u8]) -> Result<TableRead<R>, TableError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header = reader
        .headers()
        .map_err(|_| TableError::NotATable(quote(text)))?
        .clone();
    if !header.iter().any(|name| name.trim() == "TimeGenerated") {
        return Err(TableError::NotATable(quote(text)));
    }
    let mut read = TableRead::default();
    for (index, record) in reader.records().enumerate() {
        let row = match record {
            Ok(record) => {
                let cells = header.iter().zip(record.iter()).map(|(name, value)| {
                    let cell = match value {
                        "" => Cell::Null,
                        value => Cell::Text(value.into()),
                    };
                    (name.trim(), cell)
                });
                row_of(index + 1, cells)
            }
            Err(error) => Err(TableError::Syntax {
                line: index + 2,
                reason: error.to_string(),
            }),
        };
        read.take(row);
    }
    Ok(read)
}

/// Make a row of its cells, which may come in any order.
fn row_of<'a, R: TableRow>(
    row: usize,
    cells: impl Iterator<Item = (&'a str, Cell<'a>)> + Clone,
) -> Result<R, TableError> {
    let fail = |column: &str, kind| TableError::Cell {
        row,
        column: column.to_owned(),
        kind,
    };
    let time = cells
        .clone()
        .find(|(name, _)| *name == "TimeGenerated")
        .map_or(Err(TableErrorKind::Missing), |(_, cell)| time_cell(&cell))
        .map_err(|kind| fail("TimeGenerated", kind))?;
    let mut made = R::at(time);
    for (name, cell) in cells {
        made.set(name, cell).map_err(|kind| fail(name, kind))?;
    }
    Ok(made)
}

fn quote(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().next().unwrap_or_default();
    let mut quoted: String = line.chars().take(QUOTED).collect();
    if line.chars().count() > QUOTED {
        quoted.push_str("...");
    }
    quoted
}

/// Rows of JSON Lines, one at a time: a table of any size in constant memory.
#[derive(Debug)]
pub struct LineReader<R, S> {
    source: S,
    projection: Projection,
    line: Vec<u8>,
    number: usize,
    row: std::marker::PhantomData<R>,
}

impl<R: TableRow, S: BufRead> LineReader<R, S> {
    /// Read rows from `source`, keeping the columns of `projection` only.
    pub fn new(source: S, projection: Projection) -> Self {
        LineReader {
            source,
            projection,
            line: Vec::with_capacity(1024),
            number: 0,
            row: std::marker::PhantomData,
        }
    }

    /// Line of the row that was read last, from 1.
    pub fn line_number(&self) -> usize {
        self.number
    }
}

impl<R: TableRow, S: BufRead> Iterator for LineReader<R, S> {
    type Item = Result<R, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            self.number += 1;
            match self.source.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    let fault = TableError::Syntax {
                        line: self.number,
                        reason: error.to_string(),
                    };
                    return Some(Err(fault));
                }
            }
            let text = self.line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let row = FlatRow::<R>::parse(text, self.projection, self.number);
            return Some(row);
        }
    }
}
