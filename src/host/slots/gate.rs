//! The gate before a swap: what it would do to each setting, and what speaks against it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::configuration::SlotConfiguration;
use super::difference::{Difference, Effect, differences};

/// The path that a swap asks before it switches; `/` where it is not set.
const PING_PATH: &str = "WEBSITE_SWAP_WARMUP_PING_PATH";
/// The statuses that count as warm; any where they are not set.
const PING_STATUSES: &str = "WEBSITE_SWAP_WARMUP_PING_STATUSES";

/// The word that declares another identity to be meant, among the settings that are.
const IDENTITY: &str = "identity";

/// How grave an objection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The swap must not be made like this.
    Blocked,
    /// It may, and somebody should know.
    Warned,
}

/// What speaks against a swap or a startup command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// How grave it is.
    pub severity: Severity,
    /// The rule, for instance `setting-differs`, `shallow-warm-up`, or of a command `out-of-reach`.
    pub rule: String,
    /// What was seen.
    pub says: String,
    /// What to do.
    pub remedy: String,
}

/// Two slots compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Each setting, the gravest first.
    pub settings: Vec<Difference>,
    /// What speaks against the swap, the gravest first.
    pub objections: Vec<Objection>,
}

impl Comparison {
    /// Whether the swap must not be made like this.
    pub fn is_blocked(&self) -> bool {
        let mut objections = self.objections.iter();
        objections.any(|one| one.severity == Severity::Blocked)
    }
}

/// What is meant to differ, from names joined with commas.
pub fn intended(names: &str) -> BTreeSet<String> {
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// Who a slot is for the services that it calls, as `az webapp identity show` prints it. An identity
/// stays with its slot: the code that was warmed up with one runs with the other after the swap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The principal of the slot's own identity.
    pub principal: Option<String>,
    /// Resource ids of the identities that were assigned to it.
    pub assigned: BTreeSet<String>,
}

/// Compare two slots before `source` is swapped into `target`. `intended` names what is meant to
/// differ: settings that move with the code, and `identity`. Identities are compared where both are
/// known.
///
/// The paths and statuses of the warm-up are those that the source runs with while it is warmed up:
/// its own, with the target's slot settings
/// (<https://learn.microsoft.com/azure/app-service/deploy-staging-slots>).
pub fn compare(
    source: &SlotConfiguration,
    target: &SlotConfiguration,
    intended: &BTreeSet<String>,
    identities: Option<[&Identity; 2]>,
) -> Comparison {
    let settings = differences(source, target, intended);
    let drift = settings
        .iter()
        .filter(|row| row.effect == Effect::DiffersWithoutIntent);
    let mut objections: Vec<Objection> = drift
        .map(|row| Objection {
            severity: Severity::Blocked,
            rule: "setting-differs".to_owned(),
            says: format!("{} differs, and would move with the swap", row.name),
            remedy: format!(
                "make it a slot setting, make both slots equal, or name it with --intended {}",
                row.name
            ),
        })
        .collect();
    if let Some([source, target]) = identities
        && source != target
        && !intended.contains(IDENTITY)
    {
        objections.push(other_identity(source, target));
    }
    objections.extend(warm_up(&source.moved_into(target)));
    objections.sort_by_key(|one| one.severity);
    Comparison {
        settings,
        objections,
    }
}

fn other_identity(source: &Identity, target: &Identity) -> Objection {
    let says = match source.assigned == target.assigned {
        true => {
            "each slot has an identity of its own, and it does not move with the code".to_owned()
        }
        false => {
            let only = |one: &Identity, other: &Identity| match one
                .assigned
                .difference(&other.assigned)
                .count()
            {
                0 => "none".to_owned(),
                number => number.to_string(),
            };
            format!(
                "the slots have not the same assigned identities: {} only in the source, {} only in \
                 the target",
                only(source, target),
                only(target, source)
            )
        }
    };
    Objection {
        severity: Severity::Blocked,
        rule: "identity-differs".to_owned(),
        says,
        remedy: "grant the target's identity what the source's may do, then --intended identity"
            .to_owned(),
    }
}

/// What is wrong with the warm-up of a swap under these settings.
fn warm_up(during: &SlotConfiguration) -> Vec<Objection> {
    let set = |name: &str| during.app_setting(name).filter(|value| !value.is_empty());
    let mut objections = Vec::new();
    let mut warn = |rule: &str, says: String, remedy: &str| {
        objections.push(Objection {
            severity: Severity::Warned,
            rule: rule.to_owned(),
            says,
            remedy: remedy.to_owned(),
        });
    };
    let path = set(PING_PATH).unwrap_or("/");
    if path == "/" || Some(path) == during.health_path.as_deref() {
        warn(
            "shallow-warm-up",
            format!("the swap asks {path}, which may answer before the application is warm"),
            "set WEBSITE_SWAP_WARMUP_PING_PATH to a path that answers when the application is warm",
        );
    }
    if set(PING_STATUSES).is_none() {
        warn(
            "any-status-is-warm",
            "every answer counts as warm, a 404 and a 503 too".to_owned(),
            "set WEBSITE_SWAP_WARMUP_PING_STATUSES to 200",
        );
    }
    objections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Setting;

    fn rules(comparison: &Comparison) -> Vec<(Severity, &str)> {
        let objections = comparison.objections.iter();
        objections
            .map(|one| (one.severity, one.rule.as_str()))
            .collect()
    }

    fn slot(settings: &[(&str, &str)]) -> SlotConfiguration {
        let settings = settings
            .iter()
            .map(|(name, value)| Setting::app(*name, *value));
        SlotConfiguration::new("c").with(settings)
    }

    const WARM: [(&str, &str); 2] = [(PING_PATH, "/warmup"), (PING_STATUSES, "200")];

    #[test]
    fn a_setting_that_would_move_blocks_until_it_is_intended_or_sticky() {
        let source = slot(&[WARM[0], WARM[1], ("DB", "staging")]);
        let target = slot(&[WARM[0], WARM[1], ("DB", "production")]);
        let drift = compare(&source, &target, &BTreeSet::new(), None);
        assert!(drift.is_blocked());
        assert_eq!(rules(&drift), [(Severity::Blocked, "setting-differs")]);
        let intended = BTreeSet::from(["DB".to_owned()]);
        assert_eq!(rules(&compare(&source, &target, &intended, None)), []);
        let sticky = target
            .clone()
            .with([Setting::app("DB", "production").sticky()]);
        assert_eq!(
            rules(&compare(&source, &sticky, &BTreeSet::new(), None)),
            []
        );
    }

    #[test]
    fn a_warm_up_of_the_root_or_the_health_path_or_of_any_status_is_warned_of() {
        let none = BTreeSet::new();
        let bare = slot(&[]);
        let found = compare(&bare, &bare, &none, None);
        assert!(!found.is_blocked());
        let warned = |rule| (Severity::Warned, rule);
        assert_eq!(
            rules(&found),
            [warned("shallow-warm-up"), warned("any-status-is-warm")]
        );
        let mut health = slot(&[(PING_PATH, "/health"), (PING_STATUSES, "200")]);
        health.health_path = Some("/health".to_owned());
        assert_eq!(
            rules(&compare(&health, &health, &none, None)),
            [warned("shallow-warm-up")]
        );
        // The target's slot settings count while the source is warmed up.
        let sticky = WARM.map(|(name, value)| Setting::app(name, value).sticky());
        let target = bare.clone().with(sticky);
        assert_eq!(rules(&compare(&bare, &target, &none, None)), []);
    }

    #[test]
    fn another_identity_blocks_until_it_is_intended() {
        let warm = slot(&WARM);
        let own = |principal: &str| Identity {
            principal: Some(principal.to_owned()),
            ..Identity::default()
        };
        let (one, other) = (own("1"), own("2"));
        let none = BTreeSet::new();
        let found = compare(&warm, &warm, &none, Some([&one, &other]));
        assert_eq!(rules(&found), [(Severity::Blocked, "identity-differs")]);
        assert_eq!(rules(&compare(&warm, &warm, &none, Some([&one, &one]))), []);
        let intended = BTreeSet::from([IDENTITY.to_owned()]);
        assert_eq!(
            rules(&compare(&warm, &warm, &intended, Some([&one, &other]))),
            []
        );
        let assigned = Identity {
            assigned: BTreeSet::from(["/subscriptions/S/id".to_owned()]),
            ..one.clone()
        };
        let found = compare(&warm, &warm, &none, Some([&assigned, &one]));
        assert!(
            found.objections[0].says.contains("1 only in the source"),
            "{found:?}"
        );
    }
}
