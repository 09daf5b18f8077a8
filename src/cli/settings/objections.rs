//! What speaks against a swap or a startup command, in words.

use crate::cli::output;
use crate::encoding::line;
use crate::host::{Objection, Severity};

/// What speaks against something, a paragraph each.
pub(super) fn objections(all: &[Objection]) -> String {
    let width = output::prose_width();
    let mut text = String::new();
    for one in all {
        let word = match one.severity {
            Severity::Blocked => "blocked",
            Severity::Warned => "warning",
        };
        let says = format!("{word}: {} ({})", line(&one.says), one.rule);
        let remedy = output::wrapped(&line(&one.remedy), width - 2);
        let remedy = remedy.iter().map(|line| format!("  {line}"));
        let lines = output::wrapped(&says, width).into_iter().chain(remedy);
        text.push('\n');
        text.extend(lines.map(|line| format!("{line}\n")));
    }
    text
}
