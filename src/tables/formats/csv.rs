//! CSV with a header, by any delimiter: the portal's, PowerShell's with `#TYPE`, a spreadsheet's
//! with `sep=`.

use std::cell::Cell as Counter;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use super::LONGEST_RECORD;
use crate::encoding::of_csv_cell;
use crate::tables::TableError;
use crate::tables::columns::{Column, column};
use crate::tables::intake::{Field, Intake};
use crate::tables::rows::Cell;

/// Refuses to give more bytes than a record may have: a quote that is never closed would take the
/// whole export for one cell.
struct Bounded<S> {
    source: S,
    given: Rc<Counter<usize>>,
}

impl<S: Read> Read for Bounded<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given.get() > LONGEST_RECORD {
            let text = format!(
                "a record longer than {} MiB: a quote that is not closed?",
                LONGEST_RECORD >> 20
            );
            return Err(io::Error::other(text));
        }
        let count = self.source.read(buffer)?;
        self.given.set(self.given.get() + count);
        Ok(count)
    }
}

pub(super) fn read(
    mut source: impl BufRead,
    delimiter: char,
    intake: &mut Intake<'_>,
) -> Result<(), TableError> {
    let unreadable = |error: &dyn std::fmt::Display| TableError::Unreadable(error.to_string());
    let skipped = skip_preamble(&mut source).map_err(|error| unreadable(&error))?;
    let given = Rc::new(Counter::new(0));
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .from_reader(Bounded {
            source,
            given: Rc::clone(&given),
        });
    let mut record = csv::StringRecord::new();
    if !reader
        .read_record(&mut record)
        .map_err(|error| unreadable(&error))?
    {
        return Err(TableError::Empty);
    }
    let columns: Vec<Column> = record.iter().map(column).collect();
    intake.header(&columns);
    let mut number = 0;
    loop {
        given.set(0);
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => number += 1,
            Err(error) => {
                intake.incomplete(format!(
                    "line {}: {error}",
                    reader.position().line() + skipped
                ));
                return Ok(());
            }
        }
        // A header in the middle: two exports in one file.
        if record.iter().map(column).eq(columns.iter().copied()) {
            continue;
        }
        let mut fields: Vec<Field<'_>> = columns
            .iter()
            .copied()
            .zip(record.iter())
            .map(|(column, text)| match text {
                "" => (column, Cell::Null),
                text => (column, Cell::Text(of_csv_cell(text).into())),
            })
            .collect();
        intake.record(number, &mut fields);
    }
}

/// Pass the lines before the header by, and count them.
fn skip_preamble(source: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = source.fill_buf()?;
        let ends = buffer.iter().position(|byte| *byte == b'\n');
        let line = &buffer[..ends.unwrap_or(buffer.len())];
        let lower = line.to_ascii_lowercase();
        let is_preamble = lower.trim_ascii().is_empty()
            || lower.starts_with(b"#type")
            || lower.starts_with(b"sep=")
            || lower.starts_with(b"\"sep=");
        match ends {
            Some(end) if is_preamble => source.consume(end + 1),
            _ => return Ok(skipped),
        }
        skipped += 1;
    }
}
