//! The W3C extended format of a web server's own log files, in `LogFiles/http/RawLogs`.

use std::io::{self, BufRead};

use crate::tables::columns::{Column, Zone};
use crate::tables::decode::Lines;
use crate::tables::intake::{Field, Intake};
use crate::tables::rows::Cell;

/// Its columns' names, and the table's.
const COLUMNS: [(&str, &str); 12] = [
    ("cs-method", "CsMethod"),
    ("cs-uri-stem", "CsUriStem"),
    ("cs-uri-query", "CsUriQuery"),
    ("s-port", "SPort"),
    ("cs-username", "CsUsername"),
    ("c-ip", "CIp"),
    ("cs(User-Agent)", "UserAgent"),
    ("cs(Referer)", "Referer"),
    ("cs-host", "CsHost"),
    ("cs(Host)", "CsHost"),
    ("sc-status", "ScStatus"),
    ("time-taken", "TimeTaken"),
];

pub(super) fn read<S: BufRead>(lines: &mut Lines<S>, intake: &mut Intake<'_>) -> io::Result<()> {
    let mut names: Vec<String> = Vec::new();
    while let Some((number, line)) = lines.next()? {
        if let Some(fields) = line.strip_prefix("#Fields:") {
            names = fields.split_whitespace().map(str::to_owned).collect();
            let mut columns: Vec<Column> = names.iter().map(|name| column(name)).collect();
            columns.push(Column::Time(0, Zone::Utc));
            intake.header(&columns);
            continue;
        }
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = line.split_whitespace().collect();
        let value = |wanted: &str| {
            let at = names.iter().position(|name| name == wanted)?;
            cells.get(at).copied()
        };
        let mut row: Vec<Field<'_>> = names
            .iter()
            .zip(&cells)
            .filter(|(_, text)| **text != "-")
            .map(|(name, text)| (column(name), Cell::Text((*text).into())))
            .collect();
        if let (Some(date), Some(time)) = (value("date"), value("time")) {
            let moment = format!("{date}T{time}Z");
            row.push((Column::Time(0, Zone::Utc), Cell::Text(moment.into())));
        }
        intake.record(number, &mut row);
    }
    Ok(())
}

fn column(name: &str) -> Column {
    COLUMNS
        .iter()
        .find(|(w3c, _)| *w3c == name)
        .map_or(Column::Other, |(_, known)| Column::Known(known))
}
