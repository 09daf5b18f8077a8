//! Which shape an export has, by its first lines and never by its name.

use super::columns::{Column, column};
use super::formats::{has_rows, is_rule, starts_a_log};
use super::shape::Shape;

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// The shape of an export that begins like this; `None` for what is none.
pub(super) fn shape_of(head: &str) -> Option<Shape> {
    let trimmed = head.trim_start();
    let mut lines = trimmed.lines();
    let first = lines.next()?;
    match trimmed.as_bytes().first()? {
        b'{' => {
            let more = lines.any(|line| !line.trim().is_empty());
            return Some(if more && is_whole_object(first) {
                Shape::JsonLines
            } else {
                Shape::Json
            });
        }
        b'[' => {
            let next = trimmed[1..].trim_start().chars().next();
            if matches!(next, None | Some('{' | '[' | ']' | '"')) {
                return Some(Shape::Json);
            }
        }
        b'#' if w3c(trimmed) => return Some(Shape::W3c),
        _ => {}
    }
    if lines.next().is_some_and(is_rule) && first.split_whitespace().any(is_time) {
        return Some(Shape::Table);
    }
    if first.starts_with("- ") && first.contains(':') {
        return Some(Shape::Yaml);
    }
    if let Some(delimiter) = delimiter_of(trimmed) {
        return Some(Shape::Csv(delimiter));
    }
    if is_list(trimmed) {
        return Some(Shape::List);
    }
    if has_rows(trimmed) {
        return Some(Shape::TabSeparated);
    }
    starts_a_log(trimmed).then_some(Shape::Log)
}

fn is_time(name: &str) -> bool {
    matches!(column(name), Column::Time(..))
}

/// Whether the line is an object from its beginning to its end.
fn is_whole_object(line: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(line).into_iter::<serde::de::IgnoredAny>();
    values.next().is_some_and(|first| first.is_ok())
}

fn w3c(text: &str) -> bool {
    text.lines()
        .take_while(|line| line.starts_with('#'))
        .any(|line| line.starts_with("#Fields:"))
}

/// The delimiter by which the header has a time and another column that is known.
fn delimiter_of(text: &str) -> Option<char> {
    let header = text.lines().find(|line| {
        let lower = line.to_ascii_lowercase();
        !(lower.is_empty()
            || lower.starts_with("#type")
            || lower.trim_start_matches('"').starts_with("sep="))
    })?;
    DELIMITERS.into_iter().find(|delimiter| {
        let names = || {
            header
                .split(*delimiter)
                .map(|name| name.trim().trim_matches('"'))
        };
        names().any(is_time) && names().any(|name| !is_time(name) && column(name) != Column::Other)
    })
}

/// `Name : value` in the first lines, with a time among them.
fn is_list(text: &str) -> bool {
    let mut names = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.split_once(" : ").map(|(name, _)| name.trim_end()));
    names.any(is_time)
}
