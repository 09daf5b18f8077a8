//! Where the records of every shape become rows: which table a record is of, when it was, and what
//! of it could not be read.

use std::collections::BTreeMap;

use super::civil::{self, DateOrder};
use super::columns::{Column, LogTable, Zone};
use super::own_time::own_time;
use super::rows::{Cell, ConsoleRow, HttpRow, PlatformRow, TableRow};
use super::{LogTime, LogTimeError, Shape, TableError, TableErrorKind};

/// Faults that are kept with their place; the rest are only counted.
const FAULTS_KEPT: usize = 20;

/// Other tables that are named.
const OTHERS_KEPT: usize = 8;

/// Takes the rows of an export, in the order of the export.
pub trait RowSink {
    /// A row of AppServiceHTTPLogs, and its number in the export from 1.
    fn http(&mut self, row: HttpRow, number: u32);
    /// A row of AppServiceConsoleLogs.
    fn console(&mut self, row: ConsoleRow, number: u32);
    /// A row of AppServicePlatformLogs.
    fn platform(&mut self, row: PlatformRow, number: u32);
    /// Whether a column is worth keeping.
    fn wants(&self, _column: &str) -> bool {
        true
    }
    /// Whether no more rows of a table can be kept.
    fn is_full(&self, _table: LogTable) -> bool {
        false
    }
}

/// What a reader may be told beforehand.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// The table that a record is of which does not say.
    pub hint: Option<LogTable>,
    /// The order of dates, where a text allows two.
    pub order: DateOrder,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            hint: None,
            order: DateOrder::Guessed,
        }
    }
}

/// What became of an export.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The shape that it had.
    pub shape: Shape,
    /// Rows that were read of each table.
    pub rows: BTreeMap<LogTable, usize>,
    /// Tables that it has columns of, with rows or without.
    pub tables: Vec<LogTable>,
    /// Rows of other tables, by name.
    pub others: BTreeMap<String, usize>,
    /// The first rows that could not be read.
    pub faults: Vec<TableError>,
    /// How many rows could not be read.
    pub fault_count: usize,
    /// Why rows are missing that the export should have: it was cut, or the query answered in part.
    pub incomplete: Option<String>,
    /// What else a reader should know, in whole sentences.
    pub notes: Vec<String>,
    /// The order of dates that was taken, where a date allowed two.
    pub order_taken: Option<DateOrder>,
    /// The order that the export itself proves.
    pub order_proven: Option<DateOrder>,
    /// The times are of the clock of whoever exported it, and were taken as UTC.
    pub local_time: bool,
    /// Minutes by which that clock is ahead of UTC, where lines with a time of their own tell.
    pub local_offset: Option<i32>,
}

impl Reading {
    pub(super) fn new(shape: Shape) -> Reading {
        Reading {
            shape,
            rows: BTreeMap::new(),
            tables: Vec::new(),
            others: BTreeMap::new(),
            faults: Vec::new(),
            fault_count: 0,
            incomplete: None,
            notes: Vec::new(),
            order_taken: None,
            order_proven: None,
            local_time: false,
            local_offset: None,
        }
    }

    /// Rows of all three tables.
    pub fn row_count(&self) -> usize {
        self.rows.values().sum()
    }

    /// The order by which it has to be read again, for another was taken than the one it proves.
    pub fn read_again(&self) -> Option<DateOrder> {
        self.order_proven
            .filter(|proven| self.order_taken.is_some_and(|taken| taken != *proven))
    }
}

/// Takes records and passes rows on.
pub(super) struct Intake<'s> {
    pub(super) reading: Reading,
    options: ReadOptions,
    sink: &'s mut dyn RowSink,
    /// Something that has the form of a value was begun: an end now is a cut.
    pub(super) begun: bool,
    /// What a summary's columns are called.
    pub(super) summary: Option<String>,
    left_off: usize,
}

/// A cell of a record, with what its column holds.
pub(super) type Field<'a> = (Column, Cell<'a>);

impl<'s> Intake<'s> {
    pub(super) fn new(shape: Shape, options: ReadOptions, sink: &'s mut dyn RowSink) -> Intake<'s> {
        Intake {
            reading: Reading::new(shape),
            options,
            sink,
            begun: false,
            summary: None,
            left_off: 0,
        }
    }

    /// Note a header, which tells of a table even where no row follows.
    pub(super) fn header(&mut self, columns: &[Column]) {
        if !columns
            .iter()
            .any(|column| matches!(column, Column::Time(..)))
        {
            return;
        }
        if let Some(table) = table_of(columns.iter().copied()).or(self.options.hint) {
            self.note_table(table);
        }
    }

    fn note_table(&mut self, table: LogTable) {
        if !self.reading.tables.contains(&table) {
            self.reading.tables.push(table);
        }
    }

    pub(super) fn note(&mut self, text: String) {
        if !self.reading.notes.contains(&text) {
            self.reading.notes.push(text);
        }
    }

    pub(super) fn fault(&mut self, fault: TableError) {
        self.reading.fault_count += 1;
        if self.reading.faults.len() < FAULTS_KEPT {
            self.reading.faults.push(fault);
        }
    }

    /// The export ends before its end, or the query answered in part.
    pub(super) fn incomplete(&mut self, reason: String) {
        self.reading.incomplete.get_or_insert(reason);
    }

    /// A record, of whatever table.
    pub(super) fn record(&mut self, number: usize, fields: &mut Vec<Field<'_>>) {
        let named = fields
            .iter()
            .find_map(|(column, cell)| match (column, cell) {
                (Column::TableName(_), Cell::Text(text)) if text.starts_with("AppService") => {
                    Some(LogTable::named(text).ok_or_else(|| text.to_string()))
                }
                _ => None,
            });
        let table = match named {
            Some(Ok(table)) => Some(table),
            Some(Err(other)) => return self.other(other),
            None => table_of(fields.iter().map(|(column, _)| *column)).or(self.options.hint),
        };
        let time = self.time_of(fields);
        let Some(table) = table else {
            return self.other("unnamed".to_owned());
        };
        if time == Err(TableErrorKind::Missing) && self.summary.is_none() {
            self.summary = Some(names(fields));
        }
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let result = match (time, table) {
            (Err(kind), _) => Err(("TimeGenerated", kind)),
            (Ok(time), LogTable::Http) => made::<HttpRow>(time, fields, &*self.sink)
                .map(|row| self.pass(table, |sink| sink.http(row, number))),
            (Ok(time), LogTable::Console) => made::<ConsoleRow>(time, fields, &*self.sink)
                .map(|row| self.pass(table, |sink| sink.console(row, number))),
            (Ok(time), LogTable::Platform) => made::<PlatformRow>(time, fields, &*self.sink)
                .map(|row| self.pass(table, |sink| sink.platform(row, number))),
        };
        if let Err((column, kind)) = result {
            self.fault(TableError::Cell {
                row: number as usize,
                column: column.to_owned(),
                kind,
            });
        }
    }

    fn other(&mut self, name: String) {
        let others = &mut self.reading.others;
        if others.len() < OTHERS_KEPT || others.contains_key(&name) {
            *others.entry(name).or_default() += 1;
        }
    }

    fn pass(&mut self, table: LogTable, give: impl FnOnce(&mut dyn RowSink)) {
        self.note_table(table);
        if self.sink.is_full(table) {
            self.left_off += 1;
            return;
        }
        *self.reading.rows.entry(table).or_default() += 1;
        give(self.sink);
    }

    /// A line of a log that is no table.
    pub(super) fn console_line(&mut self, number: usize, time: LogTime, text: String) {
        let mut row = ConsoleRow::at(time);
        row.result_description = Some(text);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.pass(LogTable::Console, |sink| sink.console(row, number));
    }

    /// A message of the platform in a log that is no table.
    pub(super) fn platform_line(
        &mut self,
        number: usize,
        time: LogTime,
        level: &str,
        text: String,
    ) {
        let mut row = PlatformRow::at(time);
        row.level = Some(level.to_owned());
        row.message = Some(text);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.pass(LogTable::Platform, |sink| sink.platform(row, number));
    }

    fn time_of(&mut self, fields: &[Field<'_>]) -> Result<LogTime, TableErrorKind> {
        let best = fields
            .iter()
            .filter_map(|(column, cell)| match column {
                Column::Time(rank, zone) if *cell != Cell::Null => Some((*rank, *zone, cell)),
                _ => None,
            })
            .min_by_key(|(rank, ..)| *rank);
        let Some((_, zone, cell)) = best else {
            return Err(TableErrorKind::Missing);
        };
        let text = match cell {
            Cell::Text(text) if !text.trim().is_empty() => text,
            Cell::Null | Cell::Text(_) => return Err(TableErrorKind::Missing),
            Cell::Whole(number) => return Err(LogTimeError(number.to_string()).into()),
            Cell::Real(number) => return Err(LogTimeError(number.to_string()).into()),
        };
        let minutes = match zone {
            Zone::Offset(minutes) => minutes,
            Zone::Utc | Zone::Local => 0,
        };
        if minutes == 0
            && let Ok(time) = text.parse::<LogTime>()
        {
            self.learn(zone, time, None, fields);
            return Ok(time);
        }
        let fail = || TableErrorKind::from(LogTimeError(text.to_string()));
        let read = civil::parse(text, self.options.order).ok_or_else(fail)?;
        let time = civil::at_offset(read.moment, minutes).ok_or_else(fail)?;
        if let Some(order) = read.order.filter(|_| read.ambiguous) {
            self.reading.order_taken = Some(order);
        }
        if let Some(proven) = read.proven {
            self.reading.order_proven = Some(proven);
        }
        self.learn(zone, time, read.order.filter(|_| read.ambiguous), fields);
        Ok(time)
    }

    /// A console line that carries a time of its own tells the clock of its row, and the order of
    /// its date.
    fn learn(&mut self, zone: Zone, time: LogTime, order: Option<DateOrder>, fields: &[Field<'_>]) {
        let local = zone == Zone::Local;
        self.reading.local_time |= local;
        let knows = !local || self.reading.local_offset.is_some();
        if knows && (order.is_none() || self.reading.order_proven.is_some()) {
            return;
        }
        let stamp = fields
            .iter()
            .find_map(|(column, cell)| match (column, cell) {
                (Column::Known("ResultDescription"), Cell::Text(text)) => own_time(text),
                _ => None,
            });
        let Some(stamp) = stamp else { return };
        let apart = time.seconds_since(stamp);
        if local && apart.abs() < 15.0 * 3600.0 {
            let quarters = (apart / 900.0).round();
            self.reading.local_offset = Some(quarters as i32 * 15);
        }
        if let Some(order) = order {
            let near = apart.abs() < 36.0 * 3600.0;
            self.reading.order_proven = Some(match (near, order) {
                (true, order) => order,
                (false, DateOrder::MonthFirst) => DateOrder::DayFirst,
                (false, _) => DateOrder::MonthFirst,
            });
        }
    }

    /// The account of the whole export.
    pub(super) fn finish(mut self) -> Reading {
        if self.left_off > 0 {
            let text = format!(
                "{} more rows were not kept: it has more than fit",
                self.left_off
            );
            self.incomplete(text);
        }
        self.reading
    }
}

/// The columns of a record that is no row, in words.
fn names(fields: &[Field<'_>]) -> String {
    let names: Vec<&str> = fields
        .iter()
        .filter_map(|(column, _)| match column {
            Column::Known(name) | Column::TableName(name) => Some(*name),
            _ => None,
        })
        .collect();
    names.join(", ")
}

fn table_of(columns: impl Iterator<Item = Column>) -> Option<LogTable> {
    columns
        .filter_map(|column| match column {
            Column::Known(name) => LogTable::of_column(name),
            _ => None,
        })
        .min()
}

fn made<R: TableRow>(
    time: LogTime,
    fields: &mut Vec<Field<'_>>,
    sink: &dyn RowSink,
) -> Result<R, (&'static str, TableErrorKind)> {
    let mut row = R::at(time);
    for (column, cell) in fields.drain(..) {
        match column {
            Column::Known(name) | Column::TableName(name) if sink.wants(name) => {
                row.set(name, cell).map_err(|kind| (name, kind))?;
            }
            _ => {}
        }
    }
    Ok(row)
}
