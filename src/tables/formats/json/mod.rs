//! JSON in every nesting: one object a line, a list of objects, several values one after another,
//! `{"tables":[...]}` of the query API with any number of tables, PowerShell's `{"Results":[...]}`,
//! an event hub's `{"records":[...]}`.
//!
//! The visitor below looks for rows wherever they stand, and builds no tree: a list of a million
//! objects takes the memory of one.

mod answer;
mod elements;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use answer::{AnswerTable, Rows};

use super::LONGEST_RECORD;
use crate::tables::columns::{Column, column};
use crate::tables::decode::Lines;
use crate::tables::intake::{Field, Intake};
use crate::tables::rows::Cell;
use crate::tables::{TableError, quote};

/// One object a line, or several; a line that is broken costs itself alone.
pub(super) fn read_lines(source: impl BufRead, intake: &mut Intake<'_>) -> Result<(), TableError> {
    let mut lines = Lines::new(source, LONGEST_RECORD);
    let mut json = Json::new(intake);
    let unreadable = |error: std::io::Error| TableError::Unreadable(error.to_string());
    while let Some((number, line)) = lines.next().map_err(unreadable)? {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let length = line.len();
        let mut deserializer = serde_json::Deserializer::from_slice(line.as_bytes());
        json.line = Some(number);
        let reason = match json.values(&mut deserializer) {
            Ok(()) => continue,
            Err(_) if length >= LONGEST_RECORD => too_long(),
            Err(error) => words(&error),
        };
        json.intake.fault(TableError::Syntax {
            line: number,
            reason,
        });
    }
    json.finish()
}

/// Values one after another, of any length.
pub(super) fn read_documents(
    mut source: impl BufRead,
    intake: &mut Intake<'_>,
) -> Result<(), TableError> {
    let mut json = Json::new(intake);
    while begins_a_list(&mut source)? {
        if let Some(reason) = json.list(&mut source)? {
            return json.broken(0, reason);
        }
    }
    let mut deserializer = serde_json::Deserializer::from_reader(source);
    match json.values(&mut deserializer) {
        Err(error) => json.broken(error.line(), words(&error)),
        Ok(()) => json.finish(),
    }
}

/// Whether the next value is a list; blanks before it are passed by.
fn begins_a_list(source: &mut impl BufRead) -> Result<bool, TableError> {
    loop {
        let buffer = source
            .fill_buf()
            .map_err(|error| TableError::Unreadable(error.to_string()))?;
        let blanks = buffer
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let (length, next) = (buffer.len(), buffer.get(blanks).copied());
        source.consume(blanks);
        match next {
            Some(byte) => return Ok(byte == b'['),
            None if length == 0 => return Ok(false),
            None => {}
        }
    }
}

/// A tree that another format was read into.
pub(super) fn read_tree(
    value: Value,
    number: usize,
    intake: &mut Intake<'_>,
) -> Result<(), TableError> {
    let mut json = Json::new(intake);
    json.line = Some(number);
    // A tree has no syntax that could be wrong.
    let _ = Node { json: &mut json }.deserialize(value);
    json.finish()
}

/// What is said of an export that has no end.
const CUT: &str = "it ends in the middle of a value: the export was cut";

fn too_long() -> String {
    format!(
        "longer than the {} MiB that a record may have",
        LONGEST_RECORD >> 20
    )
}

/// What is wrong, in words about the export.
fn words(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => CUT.to_owned(),
        serde_json::error::Category::Io => error.to_string(),
        _ => format!("not JSON at column {}", error.column()),
    }
}

struct Json<'i, 's> {
    intake: &'i mut Intake<'s>,
    /// The line that is read, where rows have lines.
    line: Option<usize>,
    /// Objects so far that may be rows.
    objects: usize,
    /// What the answer says went wrong.
    error: Option<String>,
    /// It has a place for tables: without any it is no empty export.
    has_tables: bool,
    /// A list was read already.
    listed: bool,
}

impl<'i, 's> Json<'i, 's> {
    fn new(intake: &'i mut Intake<'s>) -> Json<'i, 's> {
        Json {
            intake,
            line: None,
            objects: 0,
            error: None,
            has_tables: false,
            listed: false,
        }
    }

    /// Every value that follows, to the end.
    fn values<'de, R: serde_json::de::Read<'de>>(
        &mut self,
        deserializer: &mut serde_json::Deserializer<R>,
    ) -> Result<(), serde_json::Error> {
        let mut values = 0;
        loop {
            self.intake.begun = false;
            match (Node { json: self }).deserialize(&mut *deserializer) {
                Ok(()) => values += 1,
                Err(error)
                    if error.is_eof() && !self.intake.begun && (values > 0 || self.listed) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The elements of the list that begins here; why it has none any more, if it was not closed.
    fn list(&mut self, source: &mut impl BufRead) -> Result<Option<String>, TableError> {
        self.listed = true;
        let mut broken = None;
        let end = elements::each(source, LONGEST_RECORD, |element| {
            let mut deserializer = serde_json::Deserializer::from_slice(element);
            let node = Node { json: self };
            match node.deserialize(&mut deserializer) {
                Ok(()) => Ok(()),
                Err(error) => {
                    broken = Some(words(&error));
                    Err(io::Error::other("not JSON"))
                }
            }
        });
        match (end, broken) {
            (_, Some(reason)) => Ok(Some(reason)),
            (Ok(elements::End::Closed), None) => Ok(None),
            (Ok(elements::End::Cut), None) => Ok(Some(CUT.to_owned())),
            (Ok(elements::End::TooLong), None) => Ok(Some(too_long())),
            (Err(error), None) => Err(TableError::Unreadable(error.to_string())),
        }
    }

    /// The account of an export that is broken from here on.
    fn broken(self, line: usize, reason: String) -> Result<(), TableError> {
        let reading = &self.intake.reading;
        if reading.row_count() == 0 && reading.tables.is_empty() {
            return Err(TableError::Syntax {
                line: line.max(1),
                reason,
            });
        }
        self.intake.incomplete(match line {
            0 => format!("after {} objects: {reason}", self.objects),
            line => format!("line {line}: {reason}"),
        });
        self.finish()
    }

    fn record(&mut self, fields: &mut Vec<Field<'_>>) {
        self.objects += 1;
        self.intake
            .record(self.line.unwrap_or(self.objects), fields);
    }

    fn finish(self) -> Result<(), TableError> {
        let Some(error) = self.error else {
            let intake = &self.intake;
            let is_empty = intake.reading.tables.is_empty() && intake.summary.is_none();
            return match self.has_tables && is_empty {
                true => Err(TableError::NoTable),
                false => Ok(()),
            };
        };
        if self.intake.reading.tables.is_empty() {
            return Err(TableError::NotATable(error));
        }
        self.intake
            .incomplete(format!("the query answered in part: {error}"));
        Ok(())
    }
}

/// Any value, in which rows are looked for.
struct Node<'j, 'i, 's> {
    json: &'j mut Json<'i, 's>,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("rows")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.json.intake.begun = true;
        while list
            .next_element_seed(Node {
                json: &mut *self.json,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.json.intake.begun = true;
        let mut fields: Vec<Field<'de>> = Vec::with_capacity(16);
        let mut table = AnswerTable::default();
        let (mut nested, mut has_code) = (false, false);
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "columns" | "Columns" => table.named(map.next_value()?, self.json),
                "rows" | "Rows" => {
                    nested = true;
                    map.next_value_seed(Rows {
                        json: &mut *self.json,
                        table: &mut table,
                    })?;
                }
                "error" | "Error" | "errors" => {
                    let error: Value = map.next_value()?;
                    if !error.is_null() {
                        self.json.error = Some(error_words(&error));
                    }
                }
                key => {
                    has_code |= key == "code";
                    self.json.has_tables |= matches!(key, "tables" | "Tables");
                    map.next_value_seed(Member {
                        json: &mut *self.json,
                        column: column(key),
                        fields: &mut fields,
                        nested: &mut nested,
                    })?;
                }
            }
        }
        table.finish(self.json);
        let has = |wanted: fn(&Column) -> bool| fields.iter().any(|(column, _)| wanted(column));
        let has_time = has(|column| matches!(column, Column::Time(..)));
        let is_known = has(|column| matches!(column, Column::Known(_) | Column::TableName(_)));
        if has_time || (is_known && !nested && !has_code) {
            self.json.record(&mut fields);
        } else if has_code && self.json.error.is_none() {
            let message = fields.iter().find_map(|(_, cell)| match cell {
                Cell::Text(text) => Some(quote(text)),
                _ => None,
            });
            self.json.error = message;
        }
        Ok(())
    }
}

fn error_words(error: &Value) -> String {
    let text = |key: &str| error.get(key).and_then(Value::as_str);
    match (
        text("code").or(text("Code")),
        text("message").or(text("Message")),
    ) {
        (Some(code), Some(message)) => quote(&format!("{code}: {message}")),
        (Some(only), None) | (None, Some(only)) => quote(only),
        (None, None) => quote(&error.to_string()),
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Key<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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

/// The value of one member of an object that may be a row.
struct Member<'j, 'i, 's, 'f, 'de> {
    json: &'j mut Json<'i, 's>,
    column: Column,
    fields: &'f mut Vec<Field<'de>>,
    nested: &'f mut bool,
}

impl<'de> Member<'_, '_, '_, '_, 'de> {
    fn push(self, cell: Cell<'de>) {
        if self.column != Column::Other && self.column != Column::Properties {
            self.fields.push((self.column, cell));
        }
    }

    /// The columns of a storage record, as the text of an object.
    fn properties(self, text: &str) {
        let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text) else {
            return;
        };
        for (name, value) in members {
            let cell = match value {
                Value::String(text) => Cell::Text(text.into()),
                Value::Number(number) => number.as_i64().map_or_else(
                    || Cell::Real(number.as_f64().unwrap_or(f64::NAN)),
                    Cell::Whole,
                ),
                Value::Bool(value) => Cell::Text(value.to_string().into()),
                _ => continue,
            };
            self.fields.push((column(&name), cell));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_, '_, '_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_, '_, '_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a cell or rows")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        match self.column {
            Column::Properties => self.properties(text),
            _ => self.push(Cell::Text(Cow::Borrowed(text))),
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match self.column {
            Column::Properties => self.properties(text),
            Column::Other => {}
            _ => self.push(Cell::Text(Cow::Owned(text.to_owned()))),
        }
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.push(Cell::Whole(number));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.push(i64::try_from(number).map_or(Cell::Real(number as f64), Cell::Whole));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.push(Cell::Real(number));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.push(Cell::Text(value.to_string().into()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Cell::Null);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        *self.nested = true;
        Node { json: self.json }.visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.column != Column::Properties {
            *self.nested = true;
            return Node { json: self.json }.visit_map(map);
        }
        while let Some(Key(key)) = map.next_key()? {
            map.next_value_seed(Member {
                json: &mut *self.json,
                column: column(&key),
                fields: &mut *self.fields,
                nested: &mut *self.nested,
            })?;
        }
        Ok(())
    }
}
