//! Columns of a fixed width under a ruled header: `az --output table`, PowerShell's Format-Table.

use std::io::{self, BufRead};

use crate::tables::columns::{Column, column};
use crate::tables::decode::Lines;
use crate::tables::intake::{Field, Intake};
use crate::tables::rows::Cell;

/// Whether a line is the rule under a header: dashes in groups.
pub(in crate::tables) fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("--") && line.bytes().all(|byte| matches!(byte, b'-' | b' '))
}

pub(super) fn read<S: BufRead>(lines: &mut Lines<S>, intake: &mut Intake<'_>) -> io::Result<()> {
    let mut header = String::new();
    let mut columns: Vec<(usize, Column)> = Vec::new();
    let mut pending: Option<(usize, Vec<(Column, String)>)> = None;
    while let Some((number, line)) = lines.next()? {
        let line = line.trim_end();
        if is_rule(line) {
            columns = starts(line)
                .map(|(start, end)| (start, column(&header_name(&header, start, end))))
                .collect();
            let kinds: Vec<Column> = columns.iter().map(|(_, column)| *column).collect();
            intake.header(&kinds);
            continue;
        }
        if columns.is_empty() || line.is_empty() {
            header = line.to_owned();
            continue;
        }
        let cells = cells(line, &columns);
        let has_time = cells
            .iter()
            .any(|(column, text)| matches!(column, Column::Time(..)) && !text.is_empty());
        if has_time {
            give(pending.take(), intake);
            pending = Some((number, cells));
        } else if let Some((_, row)) = &mut pending {
            // A cell of several lines goes on.
            for ((_, whole), (_, more)) in row.iter_mut().zip(cells) {
                if !more.is_empty() {
                    whole.push('\n');
                    whole.push_str(&more);
                }
            }
        }
    }
    give(pending, intake);
    Ok(())
}

fn give(row: Option<(usize, Vec<(Column, String)>)>, intake: &mut Intake<'_>) {
    let Some((number, cells)) = row else { return };
    if cells
        .iter()
        .any(|(_, text)| text.ends_with('…') || text.ends_with("..."))
    {
        intake
            .note("some cells end in dots: Format-Table cut them, Export-Csv would not".to_owned());
    }
    let mut fields: Vec<Field<'_>> = cells
        .into_iter()
        .map(|(column, text)| match text.as_str() {
            "" => (column, Cell::Null),
            _ => (column, Cell::Text(text.into())),
        })
        .collect();
    intake.record(number, &mut fields);
}

/// First and last position of each group of dashes.
fn starts(rule: &str) -> impl Iterator<Item = (usize, usize)> {
    let bytes = rule.as_bytes();
    let is_dash = |at: usize| bytes.get(at) == Some(&b'-');
    (0..bytes.len())
        .filter(move |at| is_dash(*at) && (*at == 0 || !is_dash(at - 1)))
        .map(move |start| {
            let end = (start..=bytes.len())
                .find(|at| !is_dash(*at))
                .unwrap_or(bytes.len());
            (start, end)
        })
}

fn header_name(header: &str, start: usize, end: usize) -> String {
    let name: String = header.chars().skip(start).take(end - start).collect();
    name.trim().to_owned()
}

/// The cells of a line; a word that reaches over a column's edge belongs to where it begins.
fn cells(line: &str, columns: &[(usize, Column)]) -> Vec<(Column, String)> {
    let signs: Vec<char> = line.chars().collect();
    let mut cells = Vec::with_capacity(columns.len());
    for (at, (start, column)) in columns.iter().enumerate() {
        let end = columns.get(at + 1).map_or(signs.len(), |(next, _)| *next);
        let (start, end) = ((*start).min(signs.len()), end.min(signs.len()));
        let text: String = signs[start.min(end)..end].iter().collect();
        cells.push((*column, text.trim().to_owned()));
    }
    cells
}
