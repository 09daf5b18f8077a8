//! wrong-port: the application runs, and listens where the platform does not look.

use super::{
    ANSWERED_BEFORE, COMMAND_AFTER, COMMAND_BEFORE, EXITED_BY_ITSELF, HEALTH_200_AFTER,
    IMPORT_FAILED, LIMIT_REACHED, NEVER_EXITED, NOT_200_BEFORE, STATS_AFTER, STILL_FAILING, rivals,
};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules,
};

const BINDS_OUT_OF_REACH: Check = Check::CommandBinds {
    moment: Moment::Before,
    reachable: false,
};

/// The rules of wrong-port.
pub const WRONG_PORT: ScenarioRules = ScenarioRules {
    name: "wrong-port",
    aliases: &["wrong-bind"],
    hypothesis: "the application starts and listens on the loopback address or on another port, so \
                 that the platform finds nobody and gives up at its limit",
    promises: &[Promise {
        word: "wrong address",
        check: BINDS_OUT_OF_REACH,
    }],
    trigger: &[],
    proof: &[
        Criterion {
            id: "binds-out-of-reach",
            kind: Kind::Proof,
            statement: "before the fix the command binds where the platform does not look",
            check: BINDS_OUT_OF_REACH,
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "application-runs",
            kind: Kind::Proof,
            statement: "the application itself says that it listens, and its workers boot",
            check: Check::AllOf {
                checks: &[
                    Check::ConsoleContains {
                        any: &["Listening at:"],
                        count: 1,
                    },
                    Check::ConsoleContains {
                        any: &["Booting worker with pid"],
                        count: 1,
                    },
                ],
            },
            needs: &[Need::ConsoleTable],
        },
        NEVER_EXITED,
        LIMIT_REACHED,
        NOT_200_BEFORE,
        Criterion {
            id: "binds-in-reach-after",
            kind: Kind::Proof,
            statement: "after the fix the command binds where the platform looks",
            check: Check::CommandBinds {
                moment: Moment::After,
                reachable: true,
            },
            needs: &[COMMAND_AFTER],
        },
        HEALTH_200_AFTER,
        STATS_AFTER,
    ],
    support: &[],
    disproof: &[
        Criterion {
            id: "binds-in-reach-already",
            kind: Kind::Disproof,
            statement: "before the fix the command already binds where the platform looks",
            check: Check::CommandBinds {
                moment: Moment::Before,
                reachable: true,
            },
            needs: &[COMMAND_BEFORE],
        },
        EXITED_BY_ITSELF,
        ANSWERED_BEFORE,
        IMPORT_FAILED,
        STILL_FAILING,
    ],
    rivals: &[
        rivals::wrong_port(Bearing::Hypothesis),
        rivals::wrong_command(Bearing::Competes),
        rivals::slow_start(Bearing::Competes),
        rivals::boot_failure(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::front_end_limit(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::WRONG_PORT,
};
