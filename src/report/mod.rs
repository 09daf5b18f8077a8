//! Reports: a verdict and its evidence as text, Markdown and one HTML page.
//!
//! Pure functions from a verdict and its bundle to a text. This room must not judge: it shows what
//! the verdict says, and charts what the bundle holds.

mod chart;
mod diagnosis;
mod html;
mod markdown;
mod terminal;

pub use diagnosis::{diagnosis_markdown, diagnosis_page, diagnosis_text};
pub use html::{page, repeated_page};
pub use markdown::{markdown, repeated_markdown};
pub use terminal::{Style, repeated_text, text};

use crate::encoding;
use crate::verdict::Verdict;

/// The verdict as JSON, with a trailing newline.
///
/// # Errors
/// If a number cannot be written as JSON, which no finite number does.
pub fn json(verdict: &Verdict) -> Result<String, serde_json::Error> {
    let mut text = encoding::json(serde_json::to_string_pretty(verdict)?);
    text.push('\n');
    Ok(text)
}
