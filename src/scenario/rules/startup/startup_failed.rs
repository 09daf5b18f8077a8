//! startup-failed: the deployment is accepted and the site cannot start, for the command names a
//! module that does not exist.

use super::{
    COMMAND_AFTER, COMMAND_BEFORE, HEALTH_200_AFTER, NOT_200_BEFORE, STATS_AFTER, STILL_FAILING,
    rivals,
};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules, Statuses,
};
use crate::evidence::manifest::EventKind;

const WRONG_BEFORE: Check = Check::CommandContains {
    moment: Moment::Before,
    text: "wrong_module",
};
const NO_SUCH_MODULE: Check = Check::ConsoleContains {
    any: &["No module named 'wrong_module'"],
    count: 1,
};

/// The rules of startup-failed.
pub const STARTUP_FAILED: ScenarioRules = ScenarioRules {
    name: "startup-failed",
    aliases: &["deployment-succeeded-startup-failed"],
    hypothesis: "the deployment succeeds and the site still fails to start, because the startup \
                 command names a module that is not in the package",
    promises: &[Promise {
        word: "accepted deployment",
        check: Check::AnyOf {
            checks: &[
                Check::EventSucceeded {
                    kind: EventKind::Deployment,
                },
                Check::StatusCountAtLeast {
                    route: Some("/api/zipdeploy"),
                    statuses: Statuses::Class(2),
                    count: 1,
                },
            ],
        },
    }],
    trigger: &[],
    proof: &[
        Criterion {
            id: "command-wrong-before",
            kind: Kind::Proof,
            statement: "before the fix the command names the missing module",
            check: WRONG_BEFORE,
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "import-failure",
            kind: Kind::Proof,
            statement: "the console shows that the import failed",
            check: NO_SUCH_MODULE,
            needs: &[Need::ConsoleTable],
        },
        NOT_200_BEFORE,
        Criterion {
            id: "command-right-after",
            kind: Kind::Proof,
            statement: "after the fix the command names app:app",
            check: Check::CommandContains {
                moment: Moment::After,
                text: " app:app",
            },
            needs: &[COMMAND_AFTER],
        },
        HEALTH_200_AFTER,
        STATS_AFTER,
    ],
    support: &[
        Criterion {
            id: "worker-failed-to-boot",
            kind: Kind::Support,
            statement: "the arbiter gives up: the worker failed to boot",
            check: Check::ConsoleContains {
                any: &["Worker failed to boot."],
                count: 1,
            },
            needs: &[Need::ConsoleTable],
        },
        Criterion {
            id: "exit-code-3",
            kind: Kind::Support,
            statement: "the platform records the exit code 3 during start",
            check: Check::PlatformContains {
                any: &["Container has finished running with exit code: 3."],
                count: 1,
            },
            needs: &[Need::PlatformTable],
        },
    ],
    disproof: &[
        Criterion {
            id: "command-already-right",
            kind: Kind::Disproof,
            statement: "before the fix the command already names app:app",
            check: Check::CommandContains {
                moment: Moment::Before,
                text: " app:app",
            },
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "no-import-failure",
            kind: Kind::Disproof,
            statement: "the console has lines, and no import failure among them",
            check: Check::Not {
                check: &NO_SUCH_MODULE,
            },
            needs: &[Need::ConsoleTable],
        },
        STILL_FAILING,
    ],
    rivals: &[
        rivals::wrong_command(Bearing::Hypothesis),
        rivals::wrong_port(Bearing::Competes),
        rivals::cold_start(Bearing::Accompanies),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::front_end_limit(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
        rivals::dependency(Bearing::Competes),
        rivals::restart(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::STARTUP_FAILED,
};
