//! Pieces of evidence, quoted: what decided a criterion.

use serde::Serialize;

use super::text::{cut, number, seconds};
use crate::evidence::bundle::{HttpEvent, SampleSet, Table, TextEvent};
use crate::evidence::sample::Sample;

/// A piece of evidence, quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The file.
    pub file: String,
    /// The row in that file, from 1, where it has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// What it says.
    pub text: String,
}

/// What can be quoted. Of a million requests two are: a quote is made of those alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quotable<'b> {
    Sample(&'b SampleSet, &'b Sample),
    Row(&'b Table<HttpEvent>, &'b HttpEvent),
    /// A file, and the status that it tells.
    Status(&'b str, &'b str),
}

impl Quotable<'_> {
    pub(super) fn quote(self) -> Quote {
        match self {
            Self::Sample(set, sample) => quote_sample(set, sample),
            Self::Row(table, event) => quote_http(table, event),
            Self::Status(file, status) => quote_file(file, format!("status {status}")),
        }
    }
}

/// A whole file, or a value in it.
pub(super) fn quote_file(file: &str, text: impl Into<String>) -> Quote {
    Quote {
        file: file.to_owned(),
        row: None,
        text: text.into(),
    }
}

/// One sample.
pub(super) fn quote_sample(set: &SampleSet, sample: &Sample) -> Quote {
    let duration = sample
        .total_seconds
        .map_or_else(String::new, |total| format!(" after {}", seconds(total)));
    let error = sample
        .error
        .map_or_else(String::new, |error| format!(" ({error})"));
    let at = sample
        .start
        .map_or_else(String::new, |start| format!("{start} "));
    Quote {
        file: set.file.clone(),
        row: Some(sample.index),
        text: format!("{at}{} {}{error}{duration}", sample.route, sample.status),
    }
}

/// One row of AppServiceHTTPLogs.
pub(super) fn quote_http(table: &Table<HttpEvent>, event: &HttpEvent) -> Quote {
    let status = event
        .status
        .map_or_else(|| "no status".to_owned(), |status| status.to_string());
    let taken = event.taken_ms.map_or_else(String::new, |taken| {
        format!(" TimeTaken {} ms", number(f64::from(taken)))
    });
    Quote {
        file: table.file(event.file).unwrap_or_default().to_owned(),
        row: Some(event.row),
        text: format!("{} {} {status}{taken}", event.time, event.route),
    }
}

/// One console line or platform message.
pub(super) fn quote_text(table: &Table<TextEvent>, event: &TextEvent) -> Quote {
    Quote {
        file: table.file(event.file).unwrap_or_default().to_owned(),
        row: Some(event.row),
        text: format!("{} {}", event.time, cut(&event.text)),
    }
}
