//! The parts of the page that are words.

use maud::{Markup, html};

use crate::evidence::Bundle;
use crate::evidence::criteria::{AlternativeRole, Kind};
use crate::verdict::{
    AlternativeResult, AlternativeStatus, CriterionResult, Finding, KillCause, Quote, Verdict,
};

fn quotes(quotes: &[Quote]) -> Markup {
    html! {
        @for quote in quotes {
            span class="quote" {
                (quote.file)
                @if let Some(row) = quote.row { ", row " (row) }
                ": " (quote.text)
            }
        }
    }
}

/// An arrow that no line break can cut in two.
fn arrows(text: &str) -> String {
    text.replace("->", "\u{2192}")
}

fn finding(result: &CriterionResult) -> Markup {
    // A disproof that is not met is as it should be.
    let class = match (result.kind, result.finding) {
        (Kind::Disproof, Finding::Met) => "bad",
        (Kind::Disproof, Finding::NotMet) => "plain",
        (Kind::Support, Finding::NotMet) => "plain",
        (_, Finding::Met) => "good",
        (_, Finding::NotMet) => "bad",
        (_, Finding::NoEvidence) => "unsure",
    };
    html! { span class={ "badge " (class) } { (result.finding.words()) } }
}

/// Health, where it is expected.
pub(super) fn health(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.health.is_empty() {
            section {
                h2 { "Health" }
                table {
                    thead { tr { th { "What has to hold" } th { "Finding" } th { "Observed" } } }
                    tbody {
                        @for result in &verdict.health {
                            @let class = match result.finding {
                                Finding::Met => "good",
                                Finding::NotMet => "bad",
                                Finding::NoEvidence => "unsure",
                            };
                            tr {
                                td { (result.what) }
                                td { span class={ "badge " (class) } { (result.finding.words()) } }
                                td data-label="observed" { (result.observed) (quotes(&result.quotes)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The table of criteria.
pub(super) fn criteria(verdict: &Verdict) -> Markup {
    const GROUPS: [(Kind, &str); 4] = [
        (Kind::Trigger, "The load was put on"),
        (Kind::Proof, "Proof: all of these must be met"),
        (Kind::Support, "Support: decides nothing"),
        (Kind::Disproof, "Disproof: any of these refutes"),
    ];
    html! {
        section {
            h2 { "Criteria" }
            table {
                thead { tr { th { "Criterion" } th { "Finding" } th { "Observed" } th { "Met by" } } }
                tbody {
                    @for (kind, title) in GROUPS {
                        @let results: Vec<_> = verdict.criteria.iter().filter(|result| result.kind == kind).collect();
                        @if !results.is_empty() {
                            tr class="group" { th colspan="4" scope="rowgroup" { (title) } }
                            @for result in results {
                                tr {
                                    td { (result.statement) br; span class="id" { (result.id) } }
                                    td { (finding(result)) }
                                    td data-label="observed" {
                                        (arrows(&result.observed))
                                        // What was looked for and not found has no row to show.
                                        @if kind != Kind::Disproof || result.finding == Finding::Met {
                                            (quotes(&result.quotes))
                                        }
                                    }
                                    td data-label="met by" { (result.threshold) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the title claims.
pub(super) fn title_claims(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.title_claims.is_empty() {
            section {
                h2 { "What the title claims" }
                ul {
                    @for claim in &verdict.title_claims {
                        @let (class, word) = match claim.finding {
                            Finding::Met => ("good", "shown"),
                            Finding::NotMet => ("unsure", "not shown"),
                            Finding::NoEvidence => ("unsure", "no evidence"),
                        };
                        li { span class={ "badge " (class) } { (word) } " " strong { (claim.word) } ": " (claim.observed) }
                    }
                }
            }
        }
    }
}

fn status(alternative: &AlternativeResult) -> Markup {
    let class = match (alternative.status, alternative.role) {
        (AlternativeStatus::RuledIn, AlternativeRole::Competes) => "bad",
        (AlternativeStatus::RuledIn, _) => "good",
        (AlternativeStatus::RuledOut, _) => "plain",
        (AlternativeStatus::Open, _) => "unsure",
    };
    html! { span class={ "badge " (class) } { (alternative.status.words()) } }
}

/// Other explanations.
pub(super) fn alternatives(verdict: &Verdict) -> Markup {
    html! {
        section {
            h2 { "Other explanations" }
            table {
                thead { tr { th { "Explanation" } th { "Status" } th { "Because" } } }
                tbody {
                    @for alternative in &verdict.alternatives {
                        tr {
                            td {
                                (alternative.words)
                                @match alternative.role {
                                    AlternativeRole::Competes => {},
                                    AlternativeRole::Accompanies => { " " span class="id" { "belongs to the hypothesis" } },
                                    AlternativeRole::Hypothesis => { " " span class="id" { "is the hypothesis" } },
                                }
                            }
                            td { (status(alternative)) }
                            td { (alternative.because) (quotes(&alternative.quotes)) }
                        }
                    }
                }
            }
        }
    }
}

/// Workers that were ended by SIGKILL.
pub(super) fn killed(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.killed_workers.is_empty() {
            section {
                h2 { "Workers ended by SIGKILL" }
                ul {
                    @for worker in &verdict.killed_workers {
                        @let cause = match worker.cause {
                            KillCause::Heartbeat => "killed by the arbiter for its heartbeat",
                            KillCause::Arbiter => "killed by the arbiter",
                            KillCause::OutOfMemory => "killed by the kernel for memory",
                            KillCause::Open => "by whom is open",
                        };
                        li { (worker.words()) ": " (cause) ", " (worker.because) (quotes(&worker.quotes)) }
                    }
                }
            }
        }
    }
}

/// Rows that decided, each once, by file.
pub(super) fn rows(verdict: &Verdict) -> Markup {
    let mut found: Vec<&Quote> = Vec::new();
    let criteria = verdict.criteria.iter().flat_map(|result| &result.quotes);
    let alternatives = verdict
        .alternatives
        .iter()
        .flat_map(|alternative| &alternative.quotes);
    for quote in criteria
        .chain(alternatives)
        .filter(|quote| quote.row.is_some())
    {
        if !found.contains(&quote) {
            found.push(quote);
        }
    }
    found.sort_by_key(|quote| (quote.file.as_str(), quote.row));
    html! {
        @if !found.is_empty() {
            section {
                h2 { "The rows that decided" }
                pre {
                    @for quote in found {
                        (quote.file) ":" (quote.row.unwrap_or_default()) "  " (quote.text) "\n"
                    }
                }
            }
        }
    }
}

/// Evidence that is not there.
pub(super) fn missing(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.missing.is_empty() {
            section {
                h2 { "Missing evidence" }
                @for missing in &verdict.missing {
                    p { strong { (missing.what) } ", for " (missing.for_criteria.join(", ")) ":" }
                    @for instead in &missing.instead { p class="kicker" { "instead " (instead) } }
                    pre { (missing.command) }
                }
            }
        }
    }
}

/// Data-quality warnings.
pub(super) fn quality_warnings(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.quality_warnings.is_empty() {
            section {
                h2 { "Data-quality warnings" }
                ul class="warnings" { @for warning in &verdict.quality_warnings { li { (warning.text) } } }
            }
        }
    }
}

/// Files that could not be read.
pub(super) fn unreadable(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.unreadable.is_empty() {
            section {
                h2 { "Files that could not be read" }
                ul { @for file in &verdict.unreadable { li { code { (file.path) } ": " (file.reason) } } }
            }
        }
    }
}

/// How to run it again.
pub(super) fn again(verdict: &Verdict, bundle: &Bundle) -> Markup {
    let [played, judged] = crate::report::commands(verdict, bundle);
    html! {
        section {
            h2 { "Run it again" }
            pre { (played) "\n" (judged) }
        }
    }
}
