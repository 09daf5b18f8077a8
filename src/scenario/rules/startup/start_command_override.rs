//! start-command-override: the startup command takes the place of the entry point, and what that
//! would have prepared is not there.

use super::{COMMAND_AFTER, COMMAND_BEFORE, IMPORT_FAILED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::PhaseKind;

const READY_SAMPLES: Need = Need::Samples { route: "/ready" };
const SKIPS: Check = Check::Not {
    check: &Check::CommandContains {
        moment: Moment::Before,
        text: "migrate",
    },
};

/// The rules of start-command-override.
pub const START_COMMAND_OVERRIDE: ScenarioRules = ScenarioRules {
    name: "start-command-override",
    aliases: &[],
    hypothesis: "the startup command starts the server directly and so replaces the entry point \
                 that would have migrated the database first: the process runs, and is not ready",
    promises: &[Promise {
        word: "override",
        check: SKIPS,
    }],
    trigger: &[],
    proof: &[
        Criterion {
            id: "command-skips-preparation",
            kind: Kind::Proof,
            statement: "before the fix the command prepares nothing",
            check: SKIPS,
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "not-ready-before",
            kind: Kind::Proof,
            statement: "before the fix /ready is never answered 200",
            check: Check::RouteAnswers {
                route: "/ready",
                moment: Moment::Before,
                ok: false,
            },
            needs: &[READY_SAMPLES],
        },
        Criterion {
            id: "migration-pending",
            kind: Kind::Proof,
            statement: "/ready names the migration that is pending",
            check: Check::ReadinessCheck {
                check: "migrations",
                at: PhaseKind::Baseline,
                ok: false,
            },
            needs: &[Need::Snapshot {
                of: SnapshotKind::Ready,
                at: PhaseKind::Baseline,
            }],
        },
        Criterion {
            id: "alive",
            kind: Kind::Proof,
            statement: "/health is answered 200 all the while",
            check: Check::StatusShareAtLeast {
                route: Some("/health"),
                statuses: Statuses::Exactly(200),
                share: 1.0,
            },
            needs: &[Need::Samples { route: "/health" }],
        },
        Criterion {
            id: "command-prepares-after",
            kind: Kind::Proof,
            statement: "after the fix the command prepares first",
            check: Check::CommandContains {
                moment: Moment::After,
                text: "migrate",
            },
            needs: &[COMMAND_AFTER],
        },
        Criterion {
            id: "ready-after",
            kind: Kind::Proof,
            statement: "after the fix /ready is answered 200",
            check: Check::RouteAnswers {
                route: "/ready",
                moment: Moment::After,
                ok: true,
            },
            needs: &[READY_SAMPLES],
        },
    ],
    support: &[],
    disproof: &[
        Criterion {
            id: "command-prepares-already",
            kind: Kind::Disproof,
            statement: "before the fix the command already prepares first",
            check: Check::CommandContains {
                moment: Moment::Before,
                text: "migrate",
            },
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "ready-before",
            kind: Kind::Disproof,
            statement: "before the fix /ready is answered 200",
            check: Check::RouteAnswers {
                route: "/ready",
                moment: Moment::Before,
                ok: true,
            },
            needs: &[READY_SAMPLES],
        },
        IMPORT_FAILED,
    ],
    rivals: &[
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::slow_start(Bearing::Competes),
        rivals::boot_failure(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::START_COMMAND_OVERRIDE,
};
