//! One file for each shape of an export.

use std::io::BufRead;

use super::TableError;
use super::decode::{Lines, Text};
use super::intake::Intake;
use super::shape::Shape;

mod csv;
mod fixed_width;
mod json;
mod list;
mod log;
mod tab_separated;
mod w3c;
mod yaml;

pub(super) use fixed_width::is_rule;
pub(super) use log::starts_a_log;
pub(super) use tab_separated::has_rows;

/// Bytes of a line of text beyond which its end is dropped.
const LONGEST_LINE: usize = 1 << 18;

/// Bytes of one record of JSON, CSV or YAML beyond which it is not read.
const LONGEST_RECORD: usize = 16 << 20;

/// Read an export of that shape.
pub(super) fn read(
    text: Text<'_>,
    shape: Shape,
    intake: &mut Intake<'_>,
) -> Result<(), TableError> {
    let source = text.source;
    match shape {
        Shape::JsonLines => json::read_lines(source, intake),
        Shape::Json => json::read_documents(source, intake),
        Shape::Csv(delimiter) => csv::read(source, delimiter, intake),
        Shape::Table => by_line(source, intake, fixed_width::read),
        Shape::List => by_line(source, intake, list::read),
        Shape::Yaml => yaml::read(source, intake),
        Shape::TabSeparated => by_line(source, intake, tab_separated::read),
        Shape::Log => by_line(source, intake, log::read),
        Shape::W3c => by_line(source, intake, w3c::read),
    }
}

fn by_line<S: BufRead>(
    source: S,
    intake: &mut Intake<'_>,
    read: impl FnOnce(&mut Lines<S>, &mut Intake<'_>) -> std::io::Result<()>,
) -> Result<(), TableError> {
    let mut lines = Lines::new(source, LONGEST_LINE);
    read(&mut lines, intake).map_err(|error| TableError::Unreadable(error.to_string()))?;
    if lines.cut > 0 {
        intake.note(format!(
            "{} lines were longer than {} KiB and are read up to there",
            lines.cut,
            LONGEST_LINE >> 10
        ));
    }
    Ok(())
}
