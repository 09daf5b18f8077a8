//! What a swap would do to each setting, said before anything is switched.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::configuration::SlotConfiguration;
use crate::redaction::redact_setting;

/// What happens to one setting in a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It differs, is not sticky, and nobody said that it is meant to move: the drift that a gate
    /// is for.
    DiffersWithoutIntent,
    /// It differs, is not sticky, and is declared to move with the code.
    Moves,
    /// It is sticky: each slot keeps its own.
    Stays,
    /// It is the same in both.
    Same,
}

impl Effect {
    /// The words for a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiffersWithoutIntent => "differs without intent",
            Self::Moves => "moves",
            Self::Stays => "stays",
            Self::Same => "same",
        }
    }
}

/// One setting in two slots. Values are fit to be shown: credentials are blotted out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// What a swap does to it.
    pub effect: Effect,
    /// Its value in the slot that is swapped in.
    pub source: Option<String>,
    /// Its value in the slot that is swapped into.
    pub target: Option<String>,
    /// Its value in the target after the swap.
    pub target_after: Option<String>,
}

/// Compare two slots before `source` is swapped into `target`; the gravest first. `intended` names
/// the settings that are meant to move with the code.
pub(super) fn differences(
    source: &SlotConfiguration,
    target: &SlotConfiguration,
    intended: &BTreeSet<String>,
) -> Vec<Difference> {
    let after = source.moved_into(target);
    let names: BTreeSet<&String> = source
        .settings
        .keys()
        .chain(target.settings.keys())
        .collect();
    let mut found: Vec<Difference> = names
        .into_iter()
        .map(|name| {
            let sides = [source, target].map(|side| side.settings.get(name));
            let shown = |side: &SlotConfiguration| {
                let setting = side.settings.get(name)?;
                Some(redact_setting(name, &setting.value).into_owned())
            };
            let sticky = sides.iter().flatten().any(|setting| setting.sticky);
            let effect = match sides {
                _ if sticky => Effect::Stays,
                [Some(a), Some(b)] if a.value == b.value && a.kind == b.kind => Effect::Same,
                _ if intended.contains(name) => Effect::Moves,
                _ => Effect::DiffersWithoutIntent,
            };
            Difference {
                name: name.clone(),
                effect,
                source: shown(source),
                target: shown(target),
                target_after: shown(&after),
            }
        })
        .collect();
    found.sort_by(|a, b| (a.effect, &a.name).cmp(&(b.effect, &b.name)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Setting;

    #[test]
    fn each_setting_is_said_to_move_to_stay_or_to_differ_without_intent() {
        let source = SlotConfiguration::new("c").with([
            Setting::app("DB", "Server=stage;Password=x"),
            Setting::app("FLAG", "on"),
            Setting::app("CACHE", "stage").sticky(),
            Setting::app("LEVEL", "info"),
        ]);
        let target = SlotConfiguration::new("c").with([
            Setting::app("DB", "Server=prod;Password=x"),
            Setting::app("FLAG", "off"),
            Setting::app("CACHE", "prod").sticky(),
            Setting::app("LEVEL", "info"),
            Setting::app("ONLY", "prod"),
        ]);
        let intended = BTreeSet::from(["FLAG".to_owned()]);
        let found = differences(&source, &target, &intended);
        let seen: Vec<_> = found
            .iter()
            .map(|row| (row.name.as_str(), row.effect, row.target_after.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "DB",
                    Effect::DiffersWithoutIntent,
                    Some("Server=stage;Password=***")
                ),
                ("ONLY", Effect::DiffersWithoutIntent, None),
                ("FLAG", Effect::Moves, Some("on")),
                ("CACHE", Effect::Stays, Some("prod")),
                ("LEVEL", Effect::Same, Some("info")),
            ]
        );
    }
}
