//! Health: whether a target served every role, and nobody died.
//!
//! A fix or a control that shows no symptom is only good if it also serves. The figures here say so,
//! from observations alone.

use super::measure::View;
use super::outcome::{CriterionResult, Finding, HealthResult};
use super::quote::{Quotable, Quote, quote_text};
use super::text::{count, percent, seconds};
use super::window::{Window, rows_within, run_window};
use crate::evidence::Bundle;
use crate::evidence::criteria::{Good, Kind, RoleHealth};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::sample::Sample;

/// However quick a run is played, an answer may take this long: processors do not follow the pace.
const LEAST_SECONDS: f64 = 2.0;

/// What the console says of a worker that died.
const WORKER_DIED: [&str; 3] = [
    "was sent SIGKILL!",
    "WORKER TIMEOUT",
    "Exception in worker process",
];
/// What the platform says of a container that ended by itself.
const CONTAINER_DIED: &str = "Container has finished running with exit code";

/// Every health criterion: the load, each role, and that nobody died.
pub(super) fn health(
    roles: &[RoleHealth],
    view: View<'_>,
    window: &Window,
    criteria: &[CriterionResult],
) -> Vec<HealthResult> {
    let mut found = vec![load(view.bundle, criteria)];
    found.extend(roles.iter().map(|role| served(role, view, window)));
    found.push(nobody_died(view.bundle));
    found
}

fn load(bundle: &Bundle, criteria: &[CriterionResult]) -> HealthResult {
    let triggers = || {
        criteria
            .iter()
            .filter(|result| result.kind == Kind::Trigger)
    };
    let phases = bundle.manifest.iter().flat_map(|manifest| &manifest.phases);
    let (mut planned, mut done) = (0, 0);
    for phase in phases {
        planned += phase.requests_planned;
        done += phase.requests_done;
    }
    let short = done < planned || triggers().any(|result| result.finding == Finding::NotMet);
    // A variant may leave out a part of the load; the plan then says what was to be sent.
    let unknown = planned == 0 && triggers().any(|result| result.finding == Finding::NoEvidence);
    let finding = match (short, unknown) {
        (true, _) => Finding::NotMet,
        (false, true) => Finding::NoEvidence,
        (false, false) => Finding::Met,
    };
    HealthResult {
        what: "the load was put on as planned".to_owned(),
        finding,
        observed: format!("{done} of {planned} requests have an outcome"),
        quotes: Vec::new(),
    }
}

fn what_has_to_hold(role: &RoleHealth, route: &str, limit: f64) -> String {
    match role.good {
        Good::Served => format!(
            "at least {} of {route} answered 2xx within {}",
            percent(role.share),
            seconds(limit)
        ),
        Good::AnyAnswer => format!(
            "at least {} of {route} answered within {}, whatever the answer",
            percent(role.share),
            seconds(limit)
        ),
        Good::NotFailed => format!("{route} is never answered 5xx"),
        Good::LastServed => format!("the last {route} is answered 2xx"),
    }
}

/// The requests of a role, whoever recorded them: good or not, with the quote of one.
fn served(role: &RoleHealth, view: View<'_>, window: &Window) -> HealthResult {
    let (bundle, route) = (view.bundle, view.route(&role.role));
    let limit = (role.within_seconds * view.pace()).max(LEAST_SECONDS.min(role.within_seconds));
    let what = what_has_to_hold(role, route, limit);
    let mut samples: Vec<_> = bundle
        .samples_where(|kind| match role.good {
            Good::LastServed => kind != PhaseKind::Baseline,
            _ => !matches!(kind, PhaseKind::Baseline | PhaseKind::Recovery),
        })
        .filter(|(_, sample)| sample.path() == route)
        .collect();
    if role.good == Good::LastServed {
        samples.sort_by_key(|(_, sample)| sample.start);
        samples = samples.pop().into_iter().collect();
    }
    let mut judged: Vec<(bool, Quotable<'_>)> = samples
        .iter()
        .map(|(set, sample)| {
            (
                is_good(role.good, sample, limit),
                Quotable::Sample(set, sample),
            )
        })
        .collect();
    if judged.is_empty() && role.good != Good::LastServed {
        judged = rows_within(bundle, window)
            .filter(|event| &*event.route == route)
            .map(|event| {
                let code = event.status.unwrap_or(0);
                let taken = f64::from(event.taken_ms.unwrap_or(0)) / 1000.0;
                let code = if code == 499 { 0 } else { code };
                (
                    is_good_answer(role.good, code, taken, limit),
                    Quotable::Row(&bundle.http, event),
                )
            })
            .collect();
    }
    if judged.is_empty() {
        return HealthResult {
            what,
            finding: Finding::NoEvidence,
            observed: format!("no request for {} is recorded", route),
            quotes: Vec::new(),
        };
    }
    let good = judged.iter().filter(|(good, _)| *good).count();
    let share = good as f64 / judged.len() as f64;
    HealthResult {
        what,
        finding: Finding::of(share >= role.share),
        observed: format!(
            "{good} of {}: {}",
            count(judged.len(), "request"),
            percent(share)
        ),
        quotes: judged
            .into_iter()
            .filter(|(good, _)| !good)
            .map(|(_, source)| source.quote())
            .take(2)
            .collect(),
    }
}

fn is_good(good: Good, sample: &Sample, limit: f64) -> bool {
    let Some(taken) = sample.total_seconds else {
        return false;
    };
    is_good_answer(good, sample.status.code(), taken, limit)
}

fn is_good_answer(good: Good, code: u16, taken: f64, limit: f64) -> bool {
    match good {
        Good::Served => code / 100 == 2 && taken <= limit,
        Good::AnyAnswer => code != 0 && taken <= limit,
        Good::NotFailed => code / 100 != 5,
        Good::LastServed => code / 100 == 2,
    }
}

/// Neither a worker nor a container ended by itself while the run lasted.
fn nobody_died(bundle: &Bundle) -> HealthResult {
    let run = run_window(bundle);
    let within = |time| run.holds(time);
    let console = bundle.console.rows.iter().filter(|row| within(row.time));
    let died = console
        .filter(|row| WORKER_DIED.iter().any(|text| row.text.contains(text)))
        .map(|row| quote_text(&bundle.console, row));
    let platform = bundle.platform.rows.iter().filter(|row| within(row.time));
    let ended = platform
        .filter(|row| row.text.contains(CONTAINER_DIED))
        .map(|row| quote_text(&bundle.platform, row));
    let quotes: Vec<Quote> = died.chain(ended).collect();
    let tables = [
        ("console", bundle.console.rows.len()),
        ("platform", bundle.platform.rows.len()),
    ];
    let lost = tables.iter().find(|(_, rows)| *rows == 0);
    let (finding, observed) = match (quotes.len(), lost) {
        (0, Some((name, _))) => (
            Finding::NoEvidence,
            format!("no row of the {name} table, where an end would stand"),
        ),
        (0, None) => (
            Finding::Met,
            format!(
                "none among {} and {}",
                count(tables[0].1, "console line"),
                count(tables[1].1, "platform row")
            ),
        ),
        (ends, _) => (Finding::NotMet, count(ends, "row")),
    };
    HealthResult {
        what: "no worker and no container died".to_owned(),
        finding,
        observed,
        quotes: quotes.into_iter().take(2).collect(),
    }
}
