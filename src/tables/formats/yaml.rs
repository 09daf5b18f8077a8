//! A list of mappings in YAML, as `az --output yaml` writes it: read one item at a time, so that a
//! long list takes the memory of one.

use std::io::BufRead;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

use super::{LONGEST_RECORD, json};
use crate::tables::TableError;
use crate::tables::decode::Lines;
use crate::tables::intake::Intake;

/// Nested lists and mappings beyond which an item is not read.
const DEEPEST: usize = 32;

pub(super) fn read(source: impl BufRead, intake: &mut Intake<'_>) -> Result<(), TableError> {
    let mut lines = Lines::new(source, LONGEST_RECORD);
    let mut item = String::new();
    let mut first = 1;
    loop {
        let next = lines
            .next()
            .map_err(|error| TableError::Unreadable(error.to_string()))?;
        let begins = next.is_none_or(|(_, line)| line.starts_with("- ") || line == "-");
        let line = next.map(|(number, line)| (number, line.to_owned()));
        if begins && !item.trim().is_empty() {
            give(&item, first, intake)?;
            item.clear();
        }
        let Some((number, line)) = line else {
            return Ok(());
        };
        if begins {
            first = number;
        }
        if item.len() + line.len() <= LONGEST_RECORD {
            item.push_str(&line);
            item.push('\n');
        }
    }
}

fn give(item: &str, number: usize, intake: &mut Intake<'_>) -> Result<(), TableError> {
    match simple(item).map_or_else(|| tree(item), Ok) {
        Ok(tree) => json::read_tree(tree, number, intake),
        Err(reason) => {
            intake.fault(TableError::Syntax {
                line: number,
                reason,
            });
            Ok(())
        }
    }
}

/// An item of plain members, one a line, as az writes nearly all: the parser takes ten times as long.
/// `None` for whatever might mean more.
fn simple(item: &str) -> Option<Value> {
    let mut members = Map::new();
    for line in item.lines() {
        let member = line
            .strip_prefix("- ")
            .or_else(|| line.strip_prefix("  "))?;
        let (key, value) = match member.split_once(": ") {
            Some(parts) => parts,
            None => (member.strip_suffix(':')?, ""),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if key.is_empty() || !key.bytes().all(is_name) {
            return None;
        }
        members.insert(key.to_owned(), one_line(value)?);
    }
    Some(Value::Object(members))
}

/// A scalar that begins and ends on its line.
fn one_line(text: &str) -> Option<Value> {
    if let Some(inner) = text.strip_prefix('\'') {
        let inner = inner.strip_suffix('\'')?;
        let plain = inner.replace("''", "\u{0}");
        return (!plain.contains('\'')).then(|| Value::String(inner.replace("''", "'")));
    }
    if text.starts_with('"') {
        return serde_json::from_str(text).ok();
    }
    let begins_plain =
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/');
    let is_plain =
        begins_plain && !text.contains(": ") && !text.contains(" #") && !text.ends_with([':', ' ']);
    match text {
        "null" => Some(Value::Null),
        text => is_plain.then(|| Value::String(text.to_owned())),
    }
}

/// What is open while a tree is built.
enum Open {
    List(Vec<Value>),
    Mapping(Map<String, Value>, Option<String>),
}

/// A piece of YAML as a tree; every scalar but an empty one is a text.
fn tree(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut done = Value::Null;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| format!("not YAML: {}", error.info()))?;
        let finished = match event {
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Map::new(), None));
                None
            }
            Event::Scalar(text, style, ..) => Some(scalar(&text, style)),
            Event::Alias(_) => Some(Value::Null),
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|open| match open {
                Open::List(values) => Value::Array(values),
                Open::Mapping(members, _) => Value::Object(members),
            }),
            _ => None,
        };
        if open.len() > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let Some(value) = finished else { continue };
        match open.last_mut() {
            None => done = value,
            Some(Open::List(values)) => values.push(value),
            Some(Open::Mapping(members, key)) => match key.take() {
                Some(key) => {
                    members.insert(key, value);
                }
                None => *key = Some(value.as_str().unwrap_or_default().to_owned()),
            },
        }
    }
    Ok(done)
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
        _ => Value::String(text.to_owned()),
    }
}
