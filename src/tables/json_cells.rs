//! One JSON object as a row, without building the object first: the path that a table of a
//! million lines takes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use super::rows::{Cell, TableRow, time_cell};
use super::{LogTime, TableError, TableErrorKind};

/// Which columns are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// All of them.
    All,
    /// These, and `TimeGenerated` always.
    Only(&'static [&'static str]),
}

impl Projection {
    fn wants(self, column: &str) -> bool {
        match self {
            Projection::All => true,
            Projection::Only(columns) => columns.contains(&column),
        }
    }
}

/// Parses one object.
pub(super) struct FlatRow<R>(PhantomData<R>);

impl<R: TableRow> FlatRow<R> {
    pub(super) fn parse(text: &[u8], projection: Projection, line: usize) -> Result<R, TableError> {
        let mut fault = None;
        let visitor = RowVisitor {
            projection,
            line,
            fault: &mut fault,
            row: PhantomData,
        };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let row = deserializer.deserialize_map(visitor).and_then(|row| {
            deserializer.end()?;
            Ok(row)
        });
        match (row, fault) {
            (Ok(row), _) => Ok(row),
            (Err(_), Some(fault)) => Err(fault),
            (Err(error), None) => Err(TableError::Syntax {
                line,
                reason: error.to_string(),
            }),
        }
    }
}

struct RowVisitor<'f, R> {
    projection: Projection,
    line: usize,
    fault: &'f mut Option<TableError>,
    row: PhantomData<R>,
}

impl<R: TableRow> RowVisitor<'_, R> {
    fn fail<E: Error>(&mut self, column: &str, kind: TableErrorKind) -> E {
        *self.fault = Some(TableError::Cell {
            row: self.line,
            column: column.to_owned(),
            kind,
        });
        E::custom("a cell cannot be read")
    }
}

impl<'de, R: TableRow> Visitor<'de> for RowVisitor<'_, R> {
    type Value = R;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with the columns of a row")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<R, A::Error> {
        // The time may come late in the object; until then the row carries a stand-in.
        let mut time = None;
        let mut row = R::at(LogTime::new(jiff::Timestamp::UNIX_EPOCH));
        while let Some(Key(column)) = map.next_key()? {
            if column == "TimeGenerated" {
                let cell = map.next_value_seed(CellSeed)?;
                match time_cell(&cell) {
                    Ok(read) => time = Some(read),
                    Err(kind) => return Err(self.fail("TimeGenerated", kind)),
                }
            } else if self.projection.wants(&column) {
                let cell = map.next_value_seed(CellSeed)?;
                if let Err(kind) = row.set(&column, cell) {
                    return Err(self.fail(&column, kind));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match time {
            Some(time) => Ok(row.with_time(time)),
            None => Err(self.fail("TimeGenerated", TableErrorKind::Missing)),
        }
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a column's name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell<'de>, D::Error> {
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
        Ok(Cell::Text(Cow::Borrowed(if value {
            "true"
        } else {
            "false"
        })))
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }
}
