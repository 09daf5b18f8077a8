//! What the slots say of their configuration.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::criteria::{SettingState, SnapshotKind};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::{Snapshot, SnapshotBody};
use crate::verdict::quote::quote_file;
use crate::verdict::text::cut;

fn of_slot<'b>(
    bundle: &'b Bundle,
    kind: SnapshotKind,
    at: PhaseKind,
    slot: &str,
) -> Option<&'b Snapshot> {
    let named = bundle
        .snapshots_of(kind, at)
        .filter(|snapshot| snapshot.slot.as_deref() == Some(slot))
        .last();
    let production = slot == "production";
    named.or_else(|| {
        bundle
            .snapshots_of(kind, at)
            .filter(|snapshot| production && snapshot.slot.is_none())
            .last()
    })
}

fn value<'b>(snapshot: &'b Snapshot, key: &str) -> Option<&'b str> {
    match &snapshot.body {
        SnapshotBody::Config(values) => values.get(key).map(String::as_str),
        _ => None,
    }
}

/// True for a placeholder that does not tell one value from another.
fn is_hidden(value: &str) -> bool {
    matches!(value, "<redacted>" | "REDACTED" | "[REDACTED]" | "***")
}

/// The platform's word for a reference in whose place the secret was put.
const RESOLVED: &str = "Resolved";

/// A setting: sticky or not, resolved or not, changed or not, as expected or not.
pub(super) fn measure(bundle: &Bundle, wanted: &SettingState) -> Measured {
    let (name, slot) = (wanted.name.as_str(), wanted.slot.as_str());
    if let Some(is_resolved) = wanted.resolved {
        return resolved(bundle, name, slot, is_resolved);
    }
    match (wanted.sticky, wanted.changed, wanted.matches_expected) {
        (Some(is_sticky), ..) => sticky(bundle, name, is_sticky),
        (None, Some(changed), _) => config(bundle, name, slot, changed),
        (None, None, matches) => says_matches(bundle, slot, matches.unwrap_or(true)),
    }
}

/// True: the value differs. False: it is the same.
fn config(bundle: &Bundle, key: &str, slot: &str, changed: bool) -> Measured {
    let threshold = if changed {
        format!("{key} of {slot} differs")
    } else {
        format!("{key} of {slot} is the same")
    };
    let before = of_slot(bundle, SnapshotKind::Config, PhaseKind::Baseline, slot);
    let after = of_slot(bundle, SnapshotKind::Config, PhaseKind::Post, slot);
    let (Some(before), Some(after)) = (before, after) else {
        return Measured::nothing(
            format!("/config of {slot} was not captured before and after"),
            threshold,
        );
    };
    let (Some(old), Some(new)) = (value(before, key), value(after, key)) else {
        return Measured::nothing(format!("/config of {slot} does not tell {key}"), threshold);
    };
    if is_hidden(old) || is_hidden(new) {
        let why = format!("{key} is redacted so that its values cannot be compared");
        return Measured::nothing(why, threshold);
    }
    // The values are quoted one by one: a secret in one of them must not blot out the other.
    let observed = match old == new {
        true => format!("{key} is the same before and after"),
        false => format!("{key} differs before and after"),
    };
    Measured::of((old != new) == changed, observed, threshold).quotes([
        quote_file(&before.file, format!("{key}={}", cut(old))),
        quote_file(&after.file, format!("{key}={}", cut(new))),
    ])
}

fn sticky(bundle: &Bundle, key: &str, sticky: bool) -> Measured {
    let threshold = if sticky {
        format!("{key} is a slot setting")
    } else {
        format!("{key} is not a slot setting")
    };
    let Some(manifest) = &bundle.manifest else {
        return Measured::nothing("no manifest, so no settings are recorded", threshold);
    };
    let declared: Vec<bool> = manifest
        .topology
        .settings
        .iter()
        .filter(|setting| setting.name == key)
        .filter_map(|setting| setting.sticky)
        .collect();
    let Some(&first) = declared.first() else {
        return Measured::nothing(
            format!("whether {key} is a slot setting is not recorded"),
            threshold,
        );
    };
    if declared.iter().any(|one| *one != first) {
        return Measured::nothing(
            format!("slots disagree on whether {key} is a slot setting"),
            threshold,
        );
    }
    let observed = if first {
        "declared as a slot setting"
    } else {
        "not a slot setting"
    };
    Measured::of(first == sticky, observed, threshold).quotes([quote_file(
        "manifest.json",
        format!("{key}: sticky {first}"),
    )])
}

fn resolved(bundle: &Bundle, key: &str, slot: &str, resolved: bool) -> Measured {
    let threshold = match resolved {
        true => format!("the reference in {key} of {slot} was resolved"),
        false => format!("the reference in {key} of {slot} was not resolved"),
    };
    let settings = bundle
        .manifest
        .iter()
        .flat_map(|one| &one.topology.settings);
    let mut said = settings
        .filter(|setting| setting.name == key && setting.slot.as_deref() == Some(slot))
        .filter_map(|setting| setting.reference.as_deref());
    let Some(said) = said.next() else {
        let why = format!("what became of a reference in {key} of {slot} is not recorded");
        return Measured::nothing(why, threshold);
    };
    let text = format!("{key}: {}", cut(said));
    Measured::of((said == RESOLVED) == resolved, text.clone(), threshold)
        .quotes([quote_file("manifest.json", text)])
}

fn says_matches(bundle: &Bundle, slot: &str, matches: bool) -> Measured {
    let threshold = format!("{slot} says matches: {matches}");
    let Some(snapshot) = of_slot(bundle, SnapshotKind::Slots, PhaseKind::Post, slot) else {
        return Measured::nothing(
            format!("/diag/slots of {slot} was not captured afterwards"),
            threshold,
        );
    };
    let SnapshotBody::Slots(report) = &snapshot.body else {
        return Measured::nothing("not the answer of /diag/slots", threshold);
    };
    let Some(said) = report.matches else {
        return Measured::nothing(
            "/diag/slots does not compare expected with actual",
            threshold,
        );
    };
    let text = format!("expected_vs_actual matches: {said}");
    Measured::of(said == matches, text.clone(), threshold)
        .quotes([quote_file(&snapshot.file, text)])
}
