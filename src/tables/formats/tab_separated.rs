//! `az --output tsv`: values between tabs, and no names. What a column holds is found by its
//! values, and by the order in which az and the queries of these tables put their columns.

use std::io::{self, BufRead};

use crate::tables::LogTime;
use crate::tables::columns::{Column, Zone};
use crate::tables::decode::Lines;
use crate::tables::intake::{Field, Intake};
use crate::tables::rows::Cell;

/// Rows by which the columns are found.
const LOOKED_AT: usize = 200;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"];
const LEVELS: [&str; 6] = [
    "Informational",
    "Information",
    "Error",
    "Warning",
    "Critical",
    "Verbose",
];
/// Words of the platform's messages, which tell them from an application's lines.
const PLATFORM: [&str; 6] = [
    "ontainer",
    "Site ",
    "Site:",
    "Pull",
    "image",
    "startup probe",
];

/// Whether lines are rows: each with the same number of tabs, one value a time.
pub(in crate::tables) fn has_rows(head: &str) -> bool {
    let mut lines = head.lines().filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let tabs = first.matches('\t').count();
    tabs > 0 && first.split('\t').any(is_time)
}

fn is_time(text: &str) -> bool {
    text.len() >= 19 && text.as_bytes()[4] == b'-' && text.parse::<LogTime>().is_ok()
}

pub(super) fn read<S: BufRead>(lines: &mut Lines<S>, intake: &mut Intake<'_>) -> io::Result<()> {
    let mut early: Vec<(usize, Vec<String>)> = Vec::new();
    let mut columns: Option<Vec<Column>> = None;
    while let Some((number, line)) = lines.next()? {
        if line.is_empty() {
            continue;
        }
        let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        match &columns {
            Some(columns) => give(columns, number, cells, intake),
            None => early.push((number, cells)),
        }
        if early.len() == LOOKED_AT && columns.is_none() {
            columns = Some(begin(&mut early, intake));
        }
    }
    if columns.is_none() {
        begin(&mut early, intake);
    }
    Ok(())
}

fn begin(early: &mut Vec<(usize, Vec<String>)>, intake: &mut Intake<'_>) -> Vec<Column> {
    let columns = columns_of(early);
    intake.header(&columns);
    intake.note("values without names: what each column holds was found by its values".to_owned());
    for (number, cells) in early.drain(..) {
        give(&columns, number, cells, intake);
    }
    columns
}

fn give(columns: &[Column], number: usize, cells: Vec<String>, intake: &mut Intake<'_>) {
    let mut fields: Vec<Field<'_>> = columns
        .iter()
        .copied()
        .zip(cells)
        .map(|(column, text)| match text.as_str() {
            "" | "None" => (column, Cell::Null),
            _ => (column, Cell::Text(text.into())),
        })
        .collect();
    intake.record(number, &mut fields);
}

fn columns_of(rows: &[(usize, Vec<String>)]) -> Vec<Column> {
    let cells = Cells {
        rows,
        width: rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0),
    };
    let mut columns = vec![Column::Other; cells.width];
    let time = cells.first(&is_time);
    if let Some(time) = time {
        columns[time] = Column::Time(0, Zone::Utc);
    }
    let is_route = |text: &str| text.starts_with('/') && !text.starts_with("/subscriptions/");
    match cells.first(&is_route) {
        Some(route) => cells.name_a_request(&mut columns, time, route),
        None => cells.name_a_line(&mut columns),
    }
    columns
}

/// The values by which the columns are found.
struct Cells<'a> {
    rows: &'a [(usize, Vec<String>)],
    width: usize,
}

impl Cells<'_> {
    /// What stands in a column, without what is empty.
    fn values(&self, at: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |(_, cells)| cells.get(at))
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    fn all(&self, at: usize, is: &dyn Fn(&str) -> bool) -> bool {
        self.values(at).next().is_some() && self.values(at).all(is)
    }

    fn first(&self, is: &dyn Fn(&str) -> bool) -> Option<usize> {
        (0..self.width).find(|at| self.all(*at, is))
    }

    /// The columns of a row of AppServiceHTTPLogs.
    fn name_a_request(&self, columns: &mut [Column], time: Option<usize>, route: usize) {
        let (width, all) = (self.width, |at, is: &dyn Fn(&str) -> bool| self.all(at, is));
        let whole = |text: &str| text.parse::<f64>().is_ok();
        let status = |text: &str| {
            text.parse()
                .is_ok_and(|code: u16| (100..600).contains(&code))
        };
        let is_method = |text: &str| METHODS.contains(&text);
        columns[route] = Column::Known("CsUriStem");
        if let Some(method) = self.first(&is_method) {
            columns[method] = Column::Known("CsMethod");
        }
        let code = (0..width).find(|at| columns[*at] == Column::Other && all(*at, &status));
        if let Some(code) = code {
            columns[code] = Column::Known("ScStatus");
        }
        // In the alphabet of az the time taken follows the time; else it is the last number.
        let after = time
            .map(|time| time + 1)
            .filter(|at| *at < width && all(*at, &whole));
        let taken = after
            .filter(|at| Some(*at) != code)
            .or_else(|| (0..width).rfind(|at| columns[*at] == Column::Other && all(*at, &whole)));
        if let Some(taken) = taken {
            columns[taken] = Column::Known("TimeTaken");
        }
        let is_host = |text: &str| {
            text.contains('.')
                && !text.contains(['/', ' '])
                && !whole(&text.replace(['.', ':'], ""))
        };
        if let Some(host) =
            (0..width).find(|at| columns[*at] == Column::Other && all(*at, &is_host))
        {
            columns[host] = Column::Known("CsHost");
        }
    }

    /// The columns of a row of the console's or the platform's table.
    fn name_a_line(&self, columns: &mut [Column]) {
        if let Some(level) = self.first(&|text| LEVELS.contains(&text)) {
            columns[level] = Column::Known("Level");
        }
        let length = |at: &usize| self.values(*at).map(str::len).sum::<usize>();
        let is_text = |at: &usize| {
            columns[*at] == Column::Other
                && !self.all(*at, &|text| {
                    text == "PrimaryResult" || text.starts_with("/subscriptions/")
                })
        };
        if let Some(text) = (0..self.width).filter(is_text).max_by_key(length) {
            let of_platform = self
                .values(text)
                .filter(|line| PLATFORM.iter().any(|word| line.contains(word)))
                .count();
            let is_platform = of_platform * 2 > self.values(text).count();
            columns[text] = Column::Known(if is_platform {
                "Message"
            } else {
                "ResultDescription"
            });
        }
    }
}
