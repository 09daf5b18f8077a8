//! slot-swap-drift: a swap succeeds, every answer is 200, and production runs with another
//! slot's value of a setting.

use super::{SWAPPED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::PhaseKind;

const SETTING: &str = "DB_CONNECTION_STRING";
const PRODUCTION: &str = "production";

const CONFIG_BASELINE: Need = Need::Snapshot {
    of: SnapshotKind::Config,
    at: PhaseKind::Baseline,
};
const CONFIG_POST: Need = Need::Snapshot {
    of: SnapshotKind::Config,
    at: PhaseKind::Post,
};
const SLOTS_POST: Need = Need::Snapshot {
    of: SnapshotKind::Slots,
    at: PhaseKind::Post,
};

const DRIFTED: Check = Check::ConfigChanged {
    key: SETTING,
    slot: PRODUCTION,
};

/// The rules of slot-swap-drift.
pub const SLOT_SWAP_DRIFT: ScenarioRules = ScenarioRules {
    name: "slot-swap-drift",
    aliases: &["slot-swap-config-drift"],
    hypothesis: "a setting that belongs to its environment is not a slot setting, so that the swap \
                 carries staging's value into production while every request succeeds",
    promises: &[Promise {
        word: "drift",
        check: DRIFTED,
    }],
    trigger: &[SWAPPED],
    proof: &[
        Criterion {
            id: "every-answer-200",
            kind: Kind::Proof,
            statement: "every request is answered 200",
            check: Check::StatusShareAtLeast {
                route: None,
                statuses: Statuses::Exactly(200),
                share: 1.0,
            },
            needs: &[Need::Samples { route: "/config" }],
        },
        Criterion {
            id: "production-changed",
            kind: Kind::Proof,
            statement: "production's connection string differs after the swap",
            check: DRIFTED,
            needs: &[CONFIG_BASELINE, CONFIG_POST],
        },
        Criterion {
            id: "not-sticky",
            kind: Kind::Proof,
            statement: "the connection string is not declared as a slot setting",
            check: Check::SettingSticky {
                key: SETTING,
                sticky: false,
            },
            needs: &[Need::Manifest],
        },
        Criterion {
            id: "target-says-so",
            kind: Kind::Proof,
            statement: "production itself reports that expected and actual value differ",
            check: Check::SlotSaysMatches {
                slot: PRODUCTION,
                matches: false,
            },
            needs: &[SLOTS_POST],
        },
    ],
    support: &[],
    disproof: &[
        Criterion {
            id: "values-as-intended",
            kind: Kind::Disproof,
            statement: "production's connection string is the same before and after",
            check: Check::ConfigKept {
                key: SETTING,
                slot: PRODUCTION,
            },
            needs: &[CONFIG_BASELINE, CONFIG_POST],
        },
        Criterion {
            id: "sticky-by-intent",
            kind: Kind::Disproof,
            statement: "the connection string is declared as a slot setting",
            check: Check::SettingSticky {
                key: SETTING,
                sticky: true,
            },
            needs: &[Need::Manifest],
        },
        Criterion {
            id: "transport-fails",
            kind: Kind::Disproof,
            statement: "one request in twenty, or more, fails at transport",
            check: Check::StatusShareAtLeast {
                route: None,
                statuses: Statuses::Not(200),
                share: 0.05,
            },
            needs: &[Need::Samples { route: "/config" }],
        },
    ],
    rivals: &[
        rivals::restart(Bearing::Accompanies),
        rivals::cold_start(Bearing::Accompanies),
        rivals::dependency(Bearing::Competes),
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::SLOT_SWAP_DRIFT,
};
