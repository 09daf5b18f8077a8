//! A table of the query API's answer: its columns once, and rows without names.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Json;
use crate::tables::columns::{Column, column};
use crate::tables::intake::Field;
use crate::tables::quote;
use crate::tables::rows::Cell;

/// A table of an answer: its columns' names once, then rows without names.
#[derive(Default)]
pub(super) struct AnswerTable {
    columns: Option<Vec<Column>>,
    /// Whether any column is a time.
    has_time: bool,
    /// Rows that came before the columns.
    early: Vec<Vec<Cell<'static>>>,
    rows: usize,
}

impl AnswerTable {
    pub(super) fn named(&mut self, columns: Vec<Value>, json: &mut Json<'_, '_>) {
        let name = |value: &Value| -> Option<String> {
            let named = ["name", "ColumnName", "columnName"];
            let text = value
                .as_str()
                .or_else(|| named.iter().find_map(|key| value.get(key)?.as_str()));
            text.map(str::to_owned)
        };
        let names: Vec<String> = columns
            .iter()
            .map(|value| name(value).unwrap_or_default())
            .collect();
        let columns: Vec<Column> = names.iter().map(|name| column(name)).collect();
        json.intake.header(&columns);
        self.has_time = columns
            .iter()
            .any(|column| matches!(column, Column::Time(..)));
        if !self.has_time {
            json.intake.summary = Some(quote(&names.join(", ")));
        }
        self.columns = Some(columns);
        for cells in std::mem::take(&mut self.early) {
            self.row(cells, json);
        }
    }

    fn row(&mut self, cells: Vec<Cell<'_>>, json: &mut Json<'_, '_>) {
        self.rows += 1;
        let Some(columns) = &self.columns else { return };
        if self.has_time {
            let mut fields: Vec<Field<'_>> = columns.iter().copied().zip(cells).collect();
            json.intake
                .record(json.line.unwrap_or(self.rows), &mut fields);
        }
    }

    /// Rows without columns are of nothing.
    pub(super) fn finish(&self, json: &mut Json<'_, '_>) {
        if self.columns.is_none() && !self.early.is_empty() {
            json.intake.summary = Some("rows without names of columns".to_owned());
        }
    }
}

/// The rows of a table, each a list of cells.
pub(super) struct Rows<'j, 'i, 's, 't> {
    pub(super) json: &'j mut Json<'i, 's>,
    pub(super) table: &'t mut AnswerTable,
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of rows")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(cells) = list.next_element_seed(RowSeed)? {
            match &self.table.columns {
                Some(_) => self.table.row(cells, self.json),
                None => self
                    .table
                    .early
                    .push(cells.into_iter().map(owned).collect()),
            }
        }
        Ok(())
    }
}

fn owned(cell: Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Null => Cell::Null,
        Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
        Cell::Whole(number) => Cell::Whole(number),
        Cell::Real(number) => Cell::Real(number),
    }
}

struct RowSeed;

impl<'de> DeserializeSeed<'de> for RowSeed {
    type Value = Vec<Cell<'de>>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowSeed {
    type Value = Vec<Cell<'de>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row as a list of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut cells = Vec::with_capacity(16);
        while let Some(cell) = list.next_element_seed(CellSeed)? {
            cells.push(cell);
        }
        Ok(cells)
    }
}

struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Cell<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Cell<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, a number or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Cell<'de>, E> {
        Ok(i64::try_from(number).map_or(Cell::Real(number as f64), Cell::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Real(number))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(value.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cell<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Null)
    }
}
