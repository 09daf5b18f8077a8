//! What /ready said of each of its checks, and how old the process is that serves.

use super::{Measured, moments};
use crate::evidence::Bundle;
use crate::evidence::criteria::{Process, Ready, SnapshotKind};
use crate::evidence::manifest::{EventKind, PhaseKind};
use crate::evidence::snapshot::{ReadinessCheck, SnapshotBody};
use crate::verdict::quote::quote_file;

const PRODUCTION: &str = "production";

/// What /ready said of a check.
pub(super) fn measure(bundle: &Bundle, wanted: &Ready) -> Measured {
    let (name, words) = (&wanted.check, &wanted.words);
    let threshold = match (wanted.ok, words.is_empty()) {
        (true, _) => format!("the check `{name}` passes"),
        (false, true) => format!("the check `{name}` fails"),
        (false, false) => format!("the check `{name}` fails with {}", words.join(" or ")),
    };
    compare(bundle, name, wanted.at, threshold, |result| {
        let word = result.error.as_deref();
        let said = words.is_empty() || word.is_some_and(|word| words.iter().any(|one| one == word));
        result.ok == wanted.ok && (wanted.ok || said)
    })
}

/// The age of the process that serves, or what took its place.
pub(super) fn process(bundle: &Bundle, wanted: &Process) -> Measured {
    if let Some(at) = wanted.replaced_with_few_blocks {
        return moments::fresh_replacement(bundle, at);
    }
    if let Some(seconds) = wanted.younger_than_seconds {
        return young_at_baseline(bundle, seconds);
    }
    match wanted.younger_than {
        Some(kind) => younger(bundle, kind),
        None => Measured::nothing("nothing is asked of the process", ""),
    }
}

fn young_at_baseline(bundle: &Bundle, limit: f64) -> Measured {
    let threshold = format!("the process of the baseline is younger than {limit:.0} s");
    let oldest = bundle
        .snapshots_of(SnapshotKind::Stats, PhaseKind::Baseline)
        .find_map(|snapshot| match &snapshot.body {
            SnapshotBody::Stats(stats) => Some((snapshot, stats.uptime_seconds?)),
            _ => None,
        });
    let Some((snapshot, age)) = oldest else {
        let why = "how old the process was at baseline is not recorded";
        return Measured::nothing(why, threshold);
    };
    let observed = format!("the process of the baseline was {age:.0} s old");
    Measured::of(age < limit, observed, threshold).quotes([quote_file(
        &snapshot.file,
        format!("uptime_seconds {age:.0}"),
    )])
}

/// What production's last /ready of that stage said of the check.
fn compare(
    bundle: &Bundle,
    name: &str,
    at: PhaseKind,
    threshold: String,
    is_met: impl FnOnce(&ReadinessCheck) -> bool,
) -> Measured {
    let of_production = |slot: &Option<String>| slot.as_deref().is_none_or(|s| s == PRODUCTION);
    let snapshot = bundle
        .snapshots_of(SnapshotKind::Ready, at)
        .filter(|snapshot| of_production(&snapshot.slot))
        .last();
    let Some((snapshot, SnapshotBody::Ready(checks))) =
        snapshot.map(|snapshot| (snapshot, &snapshot.body))
    else {
        let why = format!("/ready was not captured at {}", at.word());
        return Measured::nothing(why, threshold);
    };
    let Some(result) = checks.get(name) else {
        return Measured::nothing(format!("/ready has no check `{name}`"), threshold);
    };
    let observed = match (&result.error, result.ok) {
        (_, true) => format!("`{name}` passes"),
        (Some(error), false) => format!("`{name}` fails: {error}"),
        (None, false) => format!("`{name}` fails"),
    };
    Measured::of(is_met(result), observed.clone(), threshold)
        .quotes([quote_file(&snapshot.file, observed)])
}

/// Whether the process of the last snapshot began after the last event of that kind.
fn younger(bundle: &Bundle, kind: EventKind) -> Measured {
    let threshold = "production's process is younger than the event";
    let event = bundle.manifest.as_ref().and_then(|manifest| {
        manifest
            .events
            .iter()
            .rfind(|event| event.kind == kind && event.succeeded != Some(false))
    });
    let Some(event) = event else {
        return Measured::nothing("the manifest records no such event", threshold);
    };
    let started = bundle
        .snapshots_of(SnapshotKind::Stats, PhaseKind::Post)
        .find_map(|snapshot| match &snapshot.body {
            SnapshotBody::Stats(stats) => Some((snapshot, stats.process_start_time?)),
            _ => None,
        });
    let Some((snapshot, started)) = started else {
        return Measured::nothing("no /diag/stats tells when its process started", threshold);
    };
    let observed = format!("process started {started}, event at {}", event.at);
    Measured::of(started > event.at, observed, threshold).quotes([quote_file(
        &snapshot.file,
        format!("process_start_time {started}"),
    )])
}
