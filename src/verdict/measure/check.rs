//! From a check to the function that measures it, and how checks combine.

use super::metrics::View;
use super::outbound::{self, Counter};
use super::{answers, latency, metrics, moments, readiness, slots, texts};
use crate::evidence::Bundle;
use crate::evidence::criteria::Check;
use crate::evidence::manifest::BoxKind;
use crate::verdict::outcome::Finding;
use crate::verdict::quote::Quote;

/// Quotes that one measurement keeps.
const QUOTES: usize = 4;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verdict) struct Measured {
    pub(in crate::verdict) finding: Finding,
    pub(in crate::verdict) observed: String,
    pub(in crate::verdict) threshold: String,
    pub(in crate::verdict) value: Option<f64>,
    pub(in crate::verdict) quotes: Vec<Quote>,
}

impl Measured {
    /// No evidence, and why.
    pub(super) fn nothing(why: impl Into<String>, threshold: impl Into<String>) -> Measured {
        Measured {
            finding: Finding::NoEvidence,
            observed: why.into(),
            threshold: threshold.into(),
            value: None,
            quotes: Vec::new(),
        }
    }

    /// Met or not.
    pub(super) fn of(
        met: bool,
        observed: impl Into<String>,
        threshold: impl Into<String>,
    ) -> Measured {
        Measured {
            finding: Finding::of(met),
            observed: observed.into(),
            threshold: threshold.into(),
            value: None,
            quotes: Vec::new(),
        }
    }

    pub(super) fn value(mut self, value: f64) -> Measured {
        self.value = value.is_finite().then_some(value);
        self
    }

    pub(super) fn quotes(mut self, quotes: impl IntoIterator<Item = Quote>) -> Measured {
        self.quotes.extend(quotes.into_iter().take(QUOTES));
        self
    }
}

/// Measure one check.
pub(in crate::verdict) fn measure(check: &Check, bundle: &Bundle) -> Measured {
    measure_in(
        check,
        View {
            bundle,
            counting: None,
        },
    )
}

fn measure_in(check: &Check, view: View<'_>) -> Measured {
    let bundle = view.bundle;
    match *check {
        Check::MetricRatioAtMost { .. }
        | Check::MetricRatioAbove { .. }
        | Check::MetricGrowsAtLeast { .. }
        | Check::MetricGrowsLessThan { .. }
        | Check::MetricFallsAtLeast { .. }
        | Check::MetricAtLeast { .. } => metrics::measure(check, view),
        Check::TailAtLeast { route, times } => latency::tail_at_least(bundle, route, times),
        Check::TailBelow { route, times } => latency::tail_below(bundle, route, times),
        Check::LongRequestsAtLeast {
            route,
            seconds,
            count,
        } => latency::long_requests(bundle, route, seconds, count),
        Check::AnsweredWithinShareAtLeast {
            route,
            seconds,
            share,
        } => latency::answered_within(bundle, route, seconds, share),
        Check::TwoGroups {
            route,
            low,
            high,
            between,
        } => latency::two_groups(bundle, route, low, high, between),
        Check::RequestsAtLeast { route, count } => answers::requests(bundle, route, count),
        Check::StatusShareAtLeast {
            route,
            statuses,
            share,
        } => answers::status_share(bundle, route, statuses, share),
        Check::StatusCountAtLeast {
            route,
            statuses,
            count,
        } => answers::status_count(bundle, route, statuses, count),
        Check::GiveUpShareAtLeast { route, share } => answers::give_ups(bundle, route, share, true),
        Check::GiveUpShareBelow { route, share } => answers::give_ups(bundle, route, share, false),
        Check::CallsPerRequestAtLeast { route, calls } => {
            outbound::per_request(bundle, route, Counter::Calls, calls)
        }
        Check::ConnectionsPerRequestAtLeast { route, connections } => {
            outbound::per_request(bundle, route, Counter::Connections, connections)
        }
        Check::AnswersAndGiveUps => answers::mixed(bundle),
        Check::AllWorkersBusyWithQueue => moments::busy_with_queue(bundle),
        Check::ConsoleContains { any, count } => {
            texts::contains(&bundle.console, "console", any, count)
        }
        Check::PlatformContains { any, count } => {
            texts::contains(&bundle.platform, "platform", any, count)
        }
        Check::RestartDuringTrigger => texts::restart(bundle),
        Check::CommandContains { moment, text } => moments::command(bundle, moment, text),
        Check::CommandBinds { moment, reachable } => moments::binds(bundle, moment, reachable),
        Check::RouteAnswers { route, moment, ok } => {
            moments::route_answers(bundle, route, moment, ok)
        }
        Check::ReadinessCheck { check, at, ok } => readiness::check(bundle, check, at, ok),
        Check::ReadinessFails { check, at, words } => readiness::fails(bundle, check, at, words),
        Check::ProcessYoungerThan { event } => readiness::younger(bundle, event),
        Check::StatsReadableAfter => moments::stats_after(bundle),
        Check::NewWorkerHoldsNoBlocks { at } => moments::empty_replacement(bundle, at),
        Check::EventSucceeded { kind } => moments::event(bundle, kind),
        Check::ConfigChanged { key, slot } => slots::config(bundle, key, slot, true),
        Check::ConfigKept { key, slot } => slots::config(bundle, key, slot, false),
        Check::SettingSticky { key, sticky } => slots::sticky(bundle, key, sticky),
        Check::SlotSaysMatches { slot, matches } => slots::says_matches(bundle, slot, matches),
        Check::InBox { cgroup, vm, check } => {
            let counting = box_of(bundle).map(|kind| match kind {
                BoxKind::Cgroup => cgroup,
                BoxKind::Vm => vm,
            });
            measure_in(check, View { bundle, counting })
        }
        Check::Not { check } => not(measure_in(check, view)),
        Check::AllOf { checks } => {
            all_of(checks.iter().map(|check| measure_in(check, view)).collect())
        }
        Check::AnyOf { checks } => {
            any_of(checks.iter().map(|check| measure_in(check, view)).collect())
        }
    }
}

/// The memory box that the target ran in, where the manifest says so.
fn box_of(bundle: &Bundle) -> Option<BoxKind> {
    let topology = &bundle.manifest.as_ref()?.topology;
    Some(topology.memory_box.as_ref()?.kind)
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
