//! Writing a table in each of the shapes that [`read`](super::read) takes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use serde_json::{Map, Value, json};

use super::rows::{Cell, TableRow};
use crate::encoding::csv_cell;

/// One row as one line of JSON, with the columns that have a value, in the table's order.
///
/// # Errors
/// If the output cannot be written.
pub fn write_json_line<R: TableRow>(out: &mut impl Write, row: &R) -> io::Result<()> {
    out.write_all(b"{")?;
    let mut first = true;
    for (column, value) in row.cells() {
        if value == Cell::Null {
            continue;
        }
        out.write_all(if first { b"\"" } else { b",\"" })?;
        first = false;
        out.write_all(column.as_bytes())?;
        out.write_all(b"\":")?;
        // Straight into the output: every request of an emulator takes this path.
        match value {
            Cell::Null => {}
            Cell::Text(text) => serde_json::to_writer(&mut *out, text.as_ref())?,
            Cell::Whole(number) => serde_json::to_writer(&mut *out, &number)?,
            Cell::Real(number) => serde_json::to_writer(&mut *out, &number)?,
        }
    }
    out.write_all(b"}\n")
}

/// Whether the last line of a file has no end, as after a kill in the middle of a row. An empty file
/// has no such line.
///
/// # Errors
/// If the file cannot be read.
pub fn ends_within_a_line(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0_u8; 1];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Every row as CSV, with a header of all columns.
///
/// # Errors
/// If the output cannot be written.
pub fn write_csv<R: TableRow>(out: impl Write, rows: &[R]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(R::COLUMNS.iter().map(|(name, _)| name))?;
    for row in rows {
        writer.write_record(row.cells().map(|(_, cell)| match cell {
            Cell::Null => String::new(),
            Cell::Text(text) => csv_cell(&text).into_owned(),
            Cell::Whole(number) => number.to_string(),
            Cell::Real(number) => number.to_string(),
        }))?;
    }
    writer.flush()
}

/// Every row in the shape of the Log Analytics API.
pub fn to_api_answer<R: TableRow>(rows: &[R]) -> Value {
    let columns: Vec<Value> = R::COLUMNS
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind.name() }))
        .collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let cells = row.cells().map(|(_, cell)| match cell {
                Cell::Null => Value::Null,
                Cell::Text(text) => Value::from(text.as_ref()),
                Cell::Whole(number) => Value::from(number),
                Cell::Real(number) => Value::from(number),
            });
            Value::Array(cells.collect())
        })
        .collect();
    json!({ "tables": [{ "name": "PrimaryResult", "columns": columns, "rows": rows }] })
}

/// A row in the shape of `az monitor log-analytics query`: an object in which every value is a string.
pub fn to_flat_object<R: TableRow>(row: &R) -> Value {
    let mut object = Map::new();
    for (name, cell) in row.cells() {
        let text = match cell {
            Cell::Null => String::new(),
            Cell::Text(text) => text.into_owned(),
            Cell::Whole(number) => number.to_string(),
            Cell::Real(number) => number.to_string(),
        };
        object.insert(name.to_owned(), Value::String(text));
    }
    object.insert("TableName".to_owned(), Value::from("PrimaryResult"));
    Value::Object(object)
}
