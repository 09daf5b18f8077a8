//! Secrets that the evidence of others may hold do not pass into a verdict, and neither do signs that
//! are not seen: a text of a verdict is one visible line.
//!
//! Bundles of this project are redacted when they are written; exported runs need not be. Criteria
//! compare the values as they are, and only then their words are blotted out.

use std::borrow::Cow;

use super::outcome::Verdict;
use super::quote::Quote;
use crate::encoding::line;
use crate::redaction::redact;

fn blot(text: &mut String) {
    if let Cow::Owned(shown) = redact(text) {
        *text = shown;
    }
    if let Cow::Owned(shown) = line(text) {
        *text = shown;
    }
}

fn blot_quotes(quotes: &mut [Quote]) {
    for quote in quotes {
        blot(&mut quote.file);
        blot(&mut quote.text);
    }
}

/// The same verdict, with every text that comes from the evidence blotted out where it looks like
/// a credential.
pub(super) fn without_secrets(mut verdict: Verdict) -> Verdict {
    blot(&mut verdict.headline);
    blot(&mut verdict.bundle);
    for result in &mut verdict.criteria {
        blot(&mut result.observed);
        blot_quotes(&mut result.quotes);
    }
    for alternative in &mut verdict.alternatives {
        blot(&mut alternative.because);
        blot_quotes(&mut alternative.quotes);
    }
    for result in &mut verdict.health {
        blot(&mut result.observed);
        blot_quotes(&mut result.quotes);
    }
    for worker in &mut verdict.killed_workers {
        blot_quotes(&mut worker.quotes);
    }
    for claim in &mut verdict.title_claims {
        blot(&mut claim.observed);
    }
    for missing in &mut verdict.missing {
        missing.instead.iter_mut().for_each(blot);
    }
    for warning in &mut verdict.quality_warnings {
        blot(&mut warning.text);
    }
    for file in &mut verdict.unreadable {
        blot(&mut file.path);
        blot(&mut file.reason);
    }
    verdict
}
