//! slow-start: the application would answer, later than the platform waits.

use super::{
    ANSWERED_BEFORE, COMMAND_BEFORE, EXITED_BY_ITSELF, HEALTH_200_AFTER, IMPORT_FAILED,
    LIMIT_REACHED, NEVER_EXITED, NOT_200_BEFORE, SETTING_CHANGED, STATS_AFTER, STILL_FAILING,
    rivals,
};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules,
};

/// The rules of slow-start.
pub const SLOW_START: ScenarioRules = ScenarioRules {
    name: "slow-start",
    aliases: &["container-start-timeout"],
    hypothesis: "the application needs longer until its first answer than the platform waits, so \
                 that a container with nothing wrong is ended and started over and over",
    promises: &[Promise {
        word: "time limit",
        check: LIMIT_REACHED.check,
    }],
    trigger: &[],
    proof: &[
        LIMIT_REACHED,
        NEVER_EXITED,
        Criterion {
            id: "binds-in-reach",
            kind: Kind::Proof,
            statement: "the command binds where the platform looks",
            check: Check::CommandBinds {
                moment: Moment::Before,
                reachable: true,
            },
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "workers-boot",
            kind: Kind::Proof,
            statement: "workers begin to boot, and none fails",
            check: Check::AllOf {
                checks: &[
                    Check::ConsoleContains {
                        any: &["Booting worker with pid"],
                        count: 1,
                    },
                    Check::Not {
                        check: &Check::ConsoleContains {
                            any: &["Exception in worker process", "Worker failed to boot."],
                            count: 1,
                        },
                    },
                ],
            },
            needs: &[Need::ConsoleTable],
        },
        NOT_200_BEFORE,
        SETTING_CHANGED,
        HEALTH_200_AFTER,
        STATS_AFTER,
    ],
    support: &[],
    disproof: &[
        EXITED_BY_ITSELF,
        Criterion {
            id: "binds-out-of-reach",
            kind: Kind::Disproof,
            statement: "the command binds where the platform does not look",
            check: Check::CommandBinds {
                moment: Moment::Before,
                reachable: false,
            },
            needs: &[COMMAND_BEFORE],
        },
        ANSWERED_BEFORE,
        IMPORT_FAILED,
        STILL_FAILING,
    ],
    rivals: &[
        rivals::slow_start(Bearing::Hypothesis),
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::boot_failure(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::SLOW_START,
};
