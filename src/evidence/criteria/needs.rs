//! The evidence that a measure cannot do without.

use std::collections::BTreeMap;

use super::{Measure, Need, SettingState, SnapshotKind};
use crate::evidence::manifest::PhaseKind;

impl Measure {
    /// What it needs, in the order in which it names it.
    #[must_use]
    pub fn needs(&self, roles: &BTreeMap<String, String>) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        self.walk(&mut |part| {
            for need in part.own_needs(roles) {
                if !needs.contains(&need) {
                    needs.push(need);
                }
            }
        });
        needs
    }

    fn own_needs(&self, roles: &BTreeMap<String, String>) -> Vec<Need> {
        let samples = |role: &str| {
            let route = roles.get(role).cloned().unwrap_or_default();
            vec![Need::Samples { route }]
        };
        let snapshot = |of, at| Need::Snapshot { of, at };
        match self {
            Self::Requests(requests) => match (&requests.path, &requests.role) {
                (Some(_), _) => Vec::new(),
                (None, Some(role)) => samples(role),
                (None, None) => roles.keys().flat_map(|role| samples(role)).collect(),
            },
            Self::Tail(tail) => samples(&tail.role),
            Self::Groups(groups) => samples(&groups.role),
            Self::PerRequest(each) => {
                let mut needs = samples(&each.role);
                needs.push(snapshot(SnapshotKind::Stats, PhaseKind::Post));
                needs
            }
            Self::Figure(figure) => {
                let of = figure.of.snapshot();
                let alone = figure.at_least.is_some() || figure.below.is_some();
                let from = (!alone).then(|| snapshot(of, figure.from));
                from.into_iter().chain([snapshot(of, figure.at)]).collect()
            }
            Self::PoolFull(_) => vec![snapshot(SnapshotKind::Workers, PhaseKind::Trigger)],
            Self::Console(_) => vec![Need::ConsoleTable],
            Self::Platform(_) | Self::Restart(_) => vec![Need::PlatformTable],
            Self::Command(command) => {
                let names = command
                    .matches
                    .as_deref()
                    .is_some_and(|text| text.contains('{'));
                let captured = names.then_some(Need::ConsoleTable);
                let own = Need::StartupCommand {
                    moment: command.moment,
                };
                [own].into_iter().chain(captured).collect()
            }
            Self::Ready(ready) => vec![snapshot(SnapshotKind::Ready, ready.at)],
            Self::Snapshot(presence) => vec![snapshot(presence.of, presence.at)],
            Self::Process(process) => {
                let mut needs = Vec::new();
                if process.younger_than.is_some() {
                    needs.push(Need::Manifest);
                    needs.push(snapshot(SnapshotKind::Stats, PhaseKind::Post));
                }
                if let Some(at) = process.replaced_with_few_blocks {
                    needs.push(snapshot(SnapshotKind::Stats, PhaseKind::Baseline));
                    needs.push(snapshot(SnapshotKind::Stats, at));
                }
                needs
            }
            Self::Event(_) => vec![Need::Manifest],
            Self::Setting(setting) => needs_of_setting(setting),
            Self::All(_) | Self::Any(_) | Self::Not(_) | Self::First(_) => Vec::new(),
        }
    }
}

fn needs_of_setting(setting: &SettingState) -> Vec<Need> {
    let snapshot = |of, at| Need::Snapshot { of, at };
    let mut needs = Vec::new();
    if setting.sticky.is_some() || setting.resolved.is_some() {
        needs.push(Need::Manifest);
    }
    if setting.changed.is_some() {
        needs.push(snapshot(SnapshotKind::Config, PhaseKind::Baseline));
        needs.push(snapshot(SnapshotKind::Config, PhaseKind::Post));
    }
    if setting.matches_expected.is_some() {
        needs.push(snapshot(SnapshotKind::Slots, PhaseKind::Post));
    }
    needs
}
