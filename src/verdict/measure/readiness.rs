//! What /ready said of each of its checks, and how old the process is that serves.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::criteria::SnapshotKind;
use crate::evidence::manifest::{EventKind, PhaseKind};
use crate::evidence::snapshot::{ReadinessCheck, SnapshotBody};
use crate::verdict::quote::quote_file;

const PRODUCTION: &str = "production";

pub(super) fn check(bundle: &Bundle, name: &str, at: PhaseKind, ok: bool) -> Measured {
    let threshold = match ok {
        true => format!("the check `{name}` passes"),
        false => format!("the check `{name}` fails"),
    };
    compare(bundle, name, at, threshold, |result| result.ok == ok)
}

/// Whether the check failed with one of these words.
pub(super) fn fails(
    bundle: &Bundle,
    name: &str,
    at: PhaseKind,
    words: &'static [&'static str],
) -> Measured {
    let threshold = format!("the check `{name}` fails with {}", words.join(" or "));
    compare(bundle, name, at, threshold, |result| {
        let word = result.error.as_deref();
        !result.ok && word.is_some_and(|word| words.contains(&word))
    })
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
pub(super) fn younger(bundle: &Bundle, kind: EventKind) -> Measured {
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
