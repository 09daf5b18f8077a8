//! Rows, quoted: encoded and redacted, since they go to a terminal, a page and JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::view::{Line, Source, View};
use crate::encoding;
use crate::redaction::redact;

/// Signs of a row that are quoted.
const QUOTED: usize = 200;

/// A row of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cited {
    /// The file.
    pub file: String,
    /// The row in it, from 1, where it has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// What it says, with its time in front.
    pub text: String,
}

impl Cited {
    /// A row, shown as this program shows what others wrote.
    pub(super) fn new(file: &str, row: Option<u32>, text: &str) -> Cited {
        Cited {
            file: shown(file),
            row,
            text: shown(text),
        }
    }

    pub(super) fn line(view: &View<'_>, line: &Line<'_>) -> Cited {
        let time = line
            .time
            .map_or_else(String::new, |time| format!("{time} "));
        let row = match line.source {
            Source::Text(_) | Source::Console | Source::Platform => Some(line.row),
        };
        let text = format!("{time}{}", line.text.trim());
        Cited::new(view.file_of(line), row, &text)
    }

    pub(super) fn numbered(view: &View<'_>, number: u32) -> Option<Cited> {
        let line = view.lines.get(number as usize)?;
        Some(Cited::line(view, line))
    }

    pub(super) fn request(view: &View<'_>, at: usize) -> Option<Cited> {
        let request = view.requests.get(at)?;
        let event = view.bundle.http.rows.get(request.at)?;
        let file = view.bundle.http.file(event.file).unwrap_or_default();
        let method = event.method.as_deref().unwrap_or("");
        let taken = event
            .taken_ms
            .map_or_else(String::new, |taken| format!(" TimeTaken {taken} ms"));
        let text = format!(
            "{} {method} {} {}{taken}",
            event.time, event.route, request.status
        );
        Some(Cited::new(file, Some(event.row), &text))
    }
}

/// Foreign text on one line, cut, without what looks like a credential.
pub(super) fn shown(text: &str) -> String {
    let first: String = text.chars().take(QUOTED * 4).collect();
    let text = redact(&first);
    let text = encoding::line(&text);
    if text.chars().count() <= QUOTED {
        return text.into_owned();
    }
    let mut kept: String = text.chars().take(QUOTED).collect();
    kept.push_str("...");
    kept
}
