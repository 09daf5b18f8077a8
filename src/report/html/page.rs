//! The page: the verdict on top, then the charts, then what decided it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::sections;
use super::style::style;
use crate::encoding;
use crate::evidence::Bundle;
use crate::redaction::redact;
use crate::report::chart;
use crate::verdict::{Outcome, Verdict};

/// What the page may load: its own style, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The report of one run as one HTML file.
pub fn page(verdict: &Verdict, bundle: &Bundle) -> String {
    let title = format!("{}: {}", verdict.scenario, verdict.outcome.words());
    let main = html! {
        (sections::health(verdict))
        (sections::criteria(verdict))
        (sections::title_claims(verdict))
        (charts(verdict, bundle))
        (sections::alternatives(verdict))
        (sections::killed(verdict))
        (sections::rows(verdict))
        (sections::missing(verdict))
        (sections::quality_warnings(verdict))
        (sections::unreadable(verdict))
        (sections::again(verdict, bundle))
    };
    document(&title, &head(verdict, bundle), &main)
}

/// A whole page around its head and its main part.
pub(in crate::report) fn document(title: &str, head: &Markup, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(style())) }
            }
            body {
                (head)
                main { (main) }
                footer { "labrat " (env!("CARGO_PKG_VERSION")) ", judged from the bundle alone: the same bundle gives the same page." }
            }
        }
    };
    encoding::html(page.into_string())
}

/// The colour of an outcome.
pub(super) fn badge(outcome: Outcome, as_expected: Option<bool>) -> &'static str {
    match (as_expected, outcome) {
        (Some(true), _) | (None, Outcome::Reproduced) => "good",
        (Some(false), _) | (None, Outcome::NotReproduced | Outcome::Unhealthy) => "bad",
        (None, Outcome::Inconclusive) => "unsure",
    }
}

fn head(verdict: &Verdict, bundle: &Bundle) -> Markup {
    let manifest = bundle.manifest.as_ref();
    let reason = verdict
        .headline
        .split_once(": ")
        .map_or(verdict.headline.as_str(), |(_, reason)| reason);
    html! {
        header {
            p class="kicker" {
                "Evidence " code { (verdict.bundle) }
                @if let Some(variant) = &verdict.variant { ", variant " (variant) }
                @if let Some(target) = manifest.and_then(|manifest| manifest.target.as_deref()) { ", target " (redact(target)) }
                @if let (Some(start), Some(end)) = (verdict.window.start, verdict.window.end) {
                    ", load from " (start) " to " (end)
                }
            }
            h1 { (verdict.scenario) " " span class={ "badge large " (badge(verdict.outcome, verdict.as_expected)) } { (verdict.outcome.words()) } }
            p { (reason) "." }
            @if let Some(sentence) = verdict.expectation() { p { strong { (sentence) "." } } }
            p { strong { "Hypothesis: " } (verdict.hypothesis) "." }
            p class="kicker" { "Level of evidence: one run, observed." }
        }
    }
}

fn charts(verdict: &Verdict, bundle: &Bundle) -> Markup {
    let charts = chart::of_report(verdict, bundle);
    if charts.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "What was measured" }
            @for chart in &charts { (chart.figure()) }
        }
    }
}
