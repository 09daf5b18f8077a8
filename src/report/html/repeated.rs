//! The page of several runs: each run's outcome, and how far the numbers of each criterion spread.

use maud::{Markup, html};

use super::page::{badge, document};
use crate::evidence::criteria::Kind;
use crate::verdict::{Level, Repeated, SpreadOfCriterion};

/// The report of several runs as one HTML file.
pub fn repeated_page(repeated: &Repeated) -> String {
    let title = format!(
        "{}: {} runs, {}",
        repeated.scenario,
        repeated.runs.len(),
        repeated.outcome.words()
    );
    document(
        &title,
        &head(repeated),
        &html! {
            (runs(repeated))
            (spread(repeated))
        },
    )
}

fn head(repeated: &Repeated) -> Markup {
    let level = match repeated.level {
        Level::Repeated => "repeated",
        Level::Observed => "observed",
    };
    html! {
        header {
            h1 { (repeated.scenario) " " span class={ "badge large " (badge(repeated.outcome, repeated.as_expected)) } { (repeated.outcome.words()) } }
            p { (repeated.headline) "." }
            p class="kicker" { "Level of evidence: " (repeated.runs.len()) " runs, " (level) "." }
        }
    }
}

fn runs(repeated: &Repeated) -> Markup {
    html! {
        section {
            h2 { "Runs" }
            table {
                thead { tr { th { "Run" } th { "Outcome" } th { "Because" } } }
                tbody {
                    @for run in &repeated.runs {
                        tr {
                            td data-label="run" { code { (run.bundle) } }
                            td data-label="outcome" { span class={ "badge " (badge(run.outcome, run.as_expected)) } { (run.outcome.words()) } }
                            td data-label="because" { (run.headline) }
                        }
                    }
                }
            }
        }
    }
}

fn spread(repeated: &Repeated) -> Markup {
    html! {
        section {
            h2 { "Criteria over the runs" }
            table {
                caption { "A run without evidence on a criterion counts neither for nor against it." }
                thead {
                    tr {
                        th { "Criterion" } th { "For" } th { "Met" } th { "With evidence" }
                        th { "Least" } th { "Median" } th { "Most" }
                    }
                }
                tbody {
                    @for criterion in &repeated.spread { (row(criterion)) }
                }
            }
        }
    }
}

fn row(criterion: &SpreadOfCriterion) -> Markup {
    let kind = match criterion.kind {
        Kind::Trigger => "load",
        Kind::Proof => "proof",
        Kind::Support => "support",
        Kind::Disproof => "disproof",
    };
    html! {
        tr {
            td data-label="criterion" { (criterion.id) }
            td data-label="for" { (kind) }
            td data-label="met" { (criterion.met) }
            td data-label="with evidence" { (criterion.with_evidence) }
            @for (position, name) in ["least", "median", "most"].into_iter().enumerate() {
                td data-label=(name) {
                    @if let Some(values) = criterion.values { (format!("{:.3}", values[position])) }
                }
            }
        }
    }
}
