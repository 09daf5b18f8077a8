//! One `Name : value` a line and a blank line between rows: PowerShell's Format-List, which is how
//! it prints objects of more than four properties.

use std::io::{self, BufRead};

use crate::tables::columns::{Column, column};
use crate::tables::decode::Lines;
use crate::tables::intake::{Field, Intake};
use crate::tables::rows::Cell;

pub(super) fn read<S: BufRead>(lines: &mut Lines<S>, intake: &mut Intake<'_>) -> io::Result<()> {
    let mut row: Vec<(Column, String)> = Vec::new();
    let mut first = 1;
    while let Some((number, line)) = lines.next()? {
        let line = line.trim_end();
        let goes_on = line.starts_with(' ');
        match line
            .split_once(" : ")
            .or_else(|| line.strip_suffix(" :").map(|name| (name, "")))
        {
            _ if line.is_empty() => give(&mut row, first, intake),
            Some((name, value)) if !goes_on => {
                if row.is_empty() {
                    first = number;
                }
                row.push((column(name.trim_end()), value.to_owned()));
            }
            _ => {
                if let Some((_, whole)) = row.last_mut() {
                    whole.push_str(line.trim_start());
                }
            }
        }
    }
    give(&mut row, first, intake);
    Ok(())
}

fn give(row: &mut Vec<(Column, String)>, number: usize, intake: &mut Intake<'_>) {
    if row.is_empty() {
        return;
    }
    let mut fields: Vec<Field<'_>> = row
        .drain(..)
        .map(|(column, text)| match text.as_str() {
            "" => (column, Cell::Null),
            _ => (column, Cell::Text(text.into())),
        })
        .collect();
    intake.record(number, &mut fields);
}
