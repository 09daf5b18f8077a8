//! A diagnosis for a terminal, for Markdown and as a page.

mod markdown;
mod page;
mod picture;
mod terminal;

pub use markdown::diagnosis_markdown;
pub use page::diagnosis_page;
pub use terminal::diagnosis_text;

use crate::diagnosis::{Certainty, Diagnosis, Queue, Ranked};

/// Causes of the ranking that are listed.
const LISTED: usize = 5;

/// Clues that are shown of each of the first two.
const CLUES: usize = 6;

/// The sentence above everything else.
fn headline(diagnosis: &Diagnosis) -> String {
    let Some(first) = diagnosis.first() else {
        return "nothing was weighed".to_owned();
    };
    let sure = match diagnosis.certainty {
        Certainty::Clear => "clear",
        Certainty::Likely => "likely, not clear",
        Certainty::Open => "open: no cause has half of the likelihood",
    };
    format!(
        "{}: {} ({}, {sure})",
        first.cause,
        first.words,
        percent(first.likelihood)
    )
}

/// What is said of a queue; how it is known comes encoded for where it stands.
fn queue_words(queue: &Queue, known_by: &str) -> String {
    format!(
        "{} to {} servers (by {known_by}), longest {} at {}, worked off at {}",
        queue.servers_least,
        queue.servers_most,
        queue.longest,
        queue.longest_at,
        queue.worked_off_at
    )
}

fn percent(likelihood: f64) -> String {
    match likelihood * 100.0 {
        little if little < 1.0 => "< 1 %".to_owned(),
        nearly if nearly > 99.0 => "> 99 %".to_owned(),
        other => format!("{other:.0} %"),
    }
}

/// The first of the ranking that are worth a line.
fn listed(diagnosis: &Diagnosis) -> impl Iterator<Item = &Ranked> {
    let worth = |ranked: &&Ranked| ranked.likelihood >= 0.005;
    let first = diagnosis.ranking.iter().take(2);
    let more = diagnosis.ranking.iter().skip(2).take(LISTED - 2);
    first.chain(more.filter(worth))
}
