//! From a check to the function that measures it, and how checks combine.

use super::view::{Measured, QUOTES, View};
use super::{answers, latency, metrics, moments, outbound, readiness, slots, texts};
use crate::evidence::criteria::Measure;
use crate::verdict::outcome::Finding;
use crate::verdict::quote::Quote;

/// Measure one check.
pub(in crate::verdict) fn measure(check: &Measure, view: View<'_>) -> Measured {
    let bundle = view.bundle;
    match check {
        Measure::Requests(requests) => answers::requests(view, requests),
        Measure::Tail(tail) => latency::tail(bundle, view.route(&tail.role), tail),
        Measure::Groups(groups) => latency::two_groups(bundle, view.route(&groups.role), groups),
        Measure::Figure(change) => metrics::measure(bundle, change),
        Measure::PerRequest(each) => outbound::measure(bundle, view.route(&each.role), each),
        Measure::PoolFull(_) => moments::busy_with_queue(bundle),
        Measure::Console(lines) => texts::lines(view, &bundle.console, "console", lines),
        Measure::Platform(lines) => texts::lines(view, &bundle.platform, "platform", lines),
        Measure::Restart(_) => texts::restart(bundle),
        Measure::Command(command) => moments::command(view, command),
        Measure::Ready(ready) => readiness::measure(bundle, ready),
        Measure::Snapshot(presence) => moments::snapshot(bundle, presence),
        Measure::Process(process) => readiness::process(bundle, process),
        Measure::Event(done) => moments::event(bundle, done.kind),
        Measure::Setting(setting) => slots::measure(bundle, setting),
        Measure::Not(part) => not(measure(part, view)),
        Measure::All(parts) => all_of(parts.iter().map(|part| measure(part, view)).collect()),
        Measure::Any(parts) => any_of(parts.iter().map(|part| measure(part, view)).collect()),
        Measure::First(parts) => first_of(parts.iter().map(|part| measure(part, view)).collect()),
    }
}

/// The first source that has evidence; all of them where none has.
fn first_of(parts: Vec<Measured>) -> Measured {
    let with_evidence = |part: &Measured| part.finding != Finding::NoEvidence;
    match parts.iter().position(with_evidence) {
        Some(at) => parts
            .into_iter()
            .nth(at)
            .unwrap_or_else(|| join(Vec::new(), Finding::NoEvidence, "")),
        None => join(parts, Finding::NoEvidence, " or else "),
    }
}

fn not(mut measured: Measured) -> Measured {
    measured.finding = match measured.finding {
        Finding::Met => Finding::NotMet,
        Finding::NotMet => Finding::Met,
        Finding::NoEvidence => Finding::NoEvidence,
    };
    measured.threshold = format!("not: {}", measured.threshold);
    measured
}

/// One that is not met decides; else one without evidence.
fn all_of(parts: Vec<Measured>) -> Measured {
    let finding = if parts.iter().any(|part| part.finding == Finding::NotMet) {
        Finding::NotMet
    } else if parts.iter().any(|part| part.finding == Finding::NoEvidence) {
        Finding::NoEvidence
    } else {
        Finding::Met
    };
    join(parts, finding, " and ")
}

/// One that is met decides; else one without evidence.
fn any_of(parts: Vec<Measured>) -> Measured {
    let finding = if parts.iter().any(|part| part.finding == Finding::Met) {
        Finding::Met
    } else if parts.iter().any(|part| part.finding == Finding::NoEvidence) {
        Finding::NoEvidence
    } else {
        Finding::NotMet
    };
    // What is met speaks for itself; the other ways to it need no mention.
    let parts = match finding {
        Finding::Met => parts
            .into_iter()
            .filter(|part| part.finding == Finding::Met)
            .collect(),
        _ => parts,
    };
    join(parts, finding, " or ")
}

fn join(parts: Vec<Measured>, finding: Finding, word: &str) -> Measured {
    let join = |text: fn(&Measured) -> &str, between: &str| {
        parts.iter().map(text).collect::<Vec<_>>().join(between)
    };
    let observed = join(|part| &part.observed, "; ");
    let threshold = join(|part| &part.threshold, word);
    let value = parts.first().and_then(|part| part.value);
    let mut quotes: Vec<Quote> = Vec::new();
    for quote in parts.into_iter().flat_map(|part| part.quotes) {
        if !quotes.contains(&quote) {
            quotes.push(quote);
        }
    }
    quotes.truncate(QUOTES);
    Measured {
        finding,
        observed,
        threshold,
        value,
        quotes,
    }
}
