//! A diagnosis as one HTML file.

use maud::{Markup, html};

use super::{CLUES, headline, listed, percent, queue_words};
use crate::diagnosis::{Certainty, Cited, Diagnosis, Ranked, Said, Timeline};
use crate::report::html::document;

/// The diagnosis as a page.
pub fn diagnosis_page(diagnosis: &Diagnosis) -> String {
    let title = format!("Diagnosis: {}", headline(diagnosis));
    let head = head(diagnosis);
    let main = html! {
        (ranking(diagnosis))
        @for ranked in diagnosis.ranking.iter().take(2) { (cause(ranked)) }
        (question(diagnosis))
        (timeline(&diagnosis.timeline))
        (routes(diagnosis))
        (missing(diagnosis))
        (quality_warnings(diagnosis))
        (files(diagnosis))
    };
    document(&title, &head, &main)
}

fn head(diagnosis: &Diagnosis) -> Markup {
    let class = match diagnosis.certainty {
        Certainty::Clear => "good",
        Certainty::Likely | Certainty::Open => "unsure",
    };
    html! {
        header {
            p class="kicker" { "Diagnosis of an export" }
            @if let Some(first) = diagnosis.first() {
                h1 { (first.words) " " span class={ "badge large " (class) } { (first.cause) ", " (percent(first.likelihood)) } }
                p { strong { "How: " } (first.explains) "." }
                p { strong { "What ends it: " } (first.remedy) "." }
            }
        }
    }
}

fn ranking(diagnosis: &Diagnosis) -> Markup {
    html! {
        section {
            h2 { "Ranking" }
            table {
                thead { tr { th { "Likelihood" } th { "Cause" } th { "In words" } } }
                tbody {
                    @for ranked in listed(diagnosis) {
                        tr {
                            td data-label="Likelihood" { (percent(ranked.likelihood)) }
                            td data-label="Cause" { code { (ranked.cause) } }
                            td data-label="In words" { (ranked.words) }
                        }
                    }
                }
            }
        }
    }
}

fn row(row: &Cited) -> Markup {
    html! {
        span class="quote" {
            (row.file) @if let Some(number) = row.row { ", row " (number) } ": " (row.text)
        }
    }
}

fn said(what: &str, class: &str, said: &Said) -> Markup {
    html! {
        li {
            span class={ "badge " (class) } { (what) " " (format!("{:+.1}", said.weight)) } " " (said.says)
            @for cited in said.rows.iter().take(3) { (row(cited)) }
        }
    }
}

fn cause(ranked: &Ranked) -> Markup {
    html! {
        section {
            h2 { (ranked.cause) " (" (percent(ranked.likelihood)) ")" }
            ul {
                @for clue in ranked.speaks_for.iter().take(CLUES) { (said("for", "good", clue)) }
                @for clue in ranked.against.iter().take(CLUES) { (said("against", "bad", clue)) }
                @for open in &ranked.open { li { span class="badge unsure" { "no evidence" } " " (open) } }
            }
        }
    }
}

fn question(diagnosis: &Diagnosis) -> Markup {
    let question = &diagnosis.question;
    html! {
        @if !question.between.is_empty() {
            section {
                h2 { "What would separate " (question.between.join(" from ")) }
                p { (question.ask.question) }
                pre { (question.ask.kql) }
                pre { (question.ask.command) }
            }
        }
    }
}

/// Height of one band of the picture, and the room between two.
const BAND: f64 = 70.0;
const GAP: f64 = 26.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 840.0;

fn timeline(timeline: &Timeline) -> Markup {
    if timeline.in_flight.is_empty() {
        return html! {};
    }
    let in_flight: Vec<f64> = timeline.in_flight.iter().copied().map(f64::from).collect();
    let failures: Vec<f64> = timeline.failures.iter().copied().map(f64::from).collect();
    let bands = [
        ("in flight", "bar answered", &in_flight),
        ("longest wait, s", "bar gave-up", &timeline.longest_wait),
        ("failures", "bar error", &failures),
    ];
    let steps = timeline.in_flight.len() as f64;
    let width = (RIGHT - LEFT) / steps;
    let height = 3.0 * (BAND + GAP) + 40.0;
    let x = |step: usize| LEFT + step as f64 * width;
    html! {
        section {
            h2 { "Timeline" }
            figure class="chart" {
                figcaption { "Requests, waits, failures and events on one axis of " (format!("{:.1}", steps * timeline.step_seconds)) " s from " (timeline.from) }
                div class="canvas" tabindex="0" {
                    svg viewBox={ "0 0 864 " (format!("{height:.0}")) } role="img" aria-label="Timeline of requests in flight, waits, failures and events" {
                        @for (number, (name, class, values)) in bands.iter().enumerate() {
                            (band(number, name, class, values, width))
                        }
                        @for event in &timeline.events {
                            line class="axis" x1=(px(x(event.step))) x2=(px(x(event.step))) y1="10" y2=(px(height - 30.0)) stroke-dasharray="2 4" {}
                            text x=(px(x(event.step) - 4.0)) y=(px(height - 14.0)) { (event.sign) title { (event.row.text) } }
                        }
                    }
                }
                p class="caption-text" { (super::picture::LEGEND) }
            }
            ul { @for event in &timeline.events { li { (event.sign) " " (row(&event.row)) } } }
        }
    }
}

fn band(number: usize, name: &str, class: &str, values: &[f64], width: f64) -> Markup {
    let floor = (number as f64 + 1.0) * (BAND + GAP);
    let most = values.iter().copied().fold(0.0, f64::max);
    html! {
        line class="grid" x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(floor)) y2=(px(floor)) {}
        text class="tick" x="4" y=(px(floor - BAND / 2.0)) { (name) }
        text class="tick" x="4" y=(px(floor - BAND / 2.0 + 14.0)) { "at most " (most) }
        @if most > 0.0 {
            @for (step, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                rect class=(class) x=(px(LEFT + step as f64 * width)) width=(px(width)) y=(px(floor - BAND * value / most)) height=(px(BAND * value / most)) {}
            }
        }
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

fn routes(diagnosis: &Diagnosis) -> Markup {
    html! {
        @if !diagnosis.routes.is_empty() {
            section {
                h2 { "Routes, and what each was taken for" }
                table {
                    thead { tr { th { "Route" } th { "Taken for" } th { "Requests" } th { "5xx" } th { "Given up" } th { "Longest wait" } } }
                    tbody {
                        @for route in &diagnosis.routes {
                            tr {
                                td data-label="Route" { code { (route.route) } }
                                td data-label="Taken for" { (format!("{:?}", route.role).to_lowercase()) ": " (route.because) }
                                td data-label="Requests" { (route.requests) }
                                td data-label="5xx" { (route.server_errors) }
                                td data-label="Given up" { (route.gave_up) }
                                td data-label="Longest wait" { (route.wait_longest_seconds) " s" }
                            }
                        }
                    }
                }
                @if let Some(queue) = &diagnosis.queue {
                    p { "Queue: " (queue_words(queue, &queue.known_by)) "." }
                }
            }
        }
    }
}

fn missing(diagnosis: &Diagnosis) -> Markup {
    html! {
        @if !diagnosis.missing.is_empty() {
            section {
                h2 { "What is missing" }
                @for missing in &diagnosis.missing { p { (missing.what) } pre { (missing.command) } }
            }
        }
    }
}

fn quality_warnings(diagnosis: &Diagnosis) -> Markup {
    html! {
        @if !diagnosis.quality_warnings.is_empty() {
            section {
                h2 { "Data-quality warnings" }
                ul class="warnings" { @for warning in &diagnosis.quality_warnings { li { (warning) } } }
            }
        }
    }
}

fn files(diagnosis: &Diagnosis) -> Markup {
    html! {
        section {
            h2 { "Files" }
            ul { @for file in &diagnosis.files {
                li { code { (file.path) } ": " (file.taken_for) @if let Some(help) = &file.help { ". Hint: " (help) } }
            } }
        }
    }
}
