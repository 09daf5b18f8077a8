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

use crate::encoding::{self, line, shell_word};
use crate::evidence::Bundle;
use crate::evidence::criteria::Picture;
use crate::redaction::redact;
use crate::verdict::Verdict;

/// One picture of a run as an SVG file; `None` where the evidence does not hold it, or nothing moves
/// in it.
pub fn picture(picture: Picture, verdict: &Verdict, bundle: &Bundle) -> Option<String> {
    let chart = chart::draw(picture, verdict, bundle)?;
    Some(encoding::html(chart.file().into_string()))
}

/// What the run's own picture shows, where it has one.
fn picture_words(verdict: &Verdict, bundle: &Bundle) -> Option<String> {
    let chart = chart::draw(verdict.picture, verdict, bundle)?;
    Some(chart.words().to_owned())
}

/// Signs with which a shell does more than start one program.
const OF_A_SHELL: &str = ";|&`$<>(){}\n\r";

/// The commands that play and judge the run again. Whoever wrote the bundle wrote its command, and
/// somebody may paste it: one that is more than a call of labrat is not shown.
fn commands(verdict: &Verdict, bundle: &Bundle) -> [String; 2] {
    let manifest = bundle.manifest.as_ref();
    let told = manifest.and_then(|manifest| manifest.command.as_deref());
    let of_labrat = |command: &&str| {
        command.starts_with("labrat ") && !command.contains(|sign| OF_A_SHELL.contains(sign))
    };
    let played = match told.filter(of_labrat) {
        Some(command) => line(&redact(command)).into_owned(),
        None => format!("labrat trigger {} --url URL --out DIR", verdict.scenario),
    };
    let judged = format!(
        "labrat verdict {} --scenario {} --report DIR",
        shell_word(&verdict.bundle),
        verdict.scenario
    );
    [played, judged]
}

/// The verdict as JSON, with a trailing newline.
///
/// # Errors
/// If a number cannot be written as JSON, which no finite number does.
pub fn json(verdict: &Verdict) -> Result<String, serde_json::Error> {
    let mut text = encoding::json(serde_json::to_string_pretty(verdict)?);
    text.push('\n');
    Ok(text)
}
