//! crash-at-boot: the application can be imported, and gives up before its first request.

use super::{
    ANSWERED_BEFORE, CONTAINER_EXITED, HEALTH_200_AFTER, IMPORT_FAILED, NAMES_A_SETTING,
    NOT_200_BEFORE, SETTING_CHANGED, STATS_AFTER, STILL_FAILING, rivals,
};
use crate::evidence::criteria::{Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules};

const BOOT_EXCEPTION: Check = Check::ConsoleContains {
    any: &["Exception in worker process"],
    count: 1,
};

/// The rules of crash-at-boot.
pub const CRASH_AT_BOOT: ScenarioRules = ScenarioRules {
    name: "crash-at-boot",
    aliases: &[],
    hypothesis: "the application is found and imported, and raises an exception of its own while a \
                 worker boots, so that the container ends before it ever answered",
    promises: &[Promise {
        word: "crash",
        check: CONTAINER_EXITED.check,
    }],
    trigger: &[],
    proof: &[
        Criterion {
            id: "boot-exception",
            kind: Kind::Proof,
            statement: "the console shows an exception of a worker that boots",
            check: BOOT_EXCEPTION,
            needs: &[Need::ConsoleTable],
        },
        CONTAINER_EXITED,
        NOT_200_BEFORE,
        SETTING_CHANGED,
        HEALTH_200_AFTER,
        STATS_AFTER,
    ],
    support: &[Criterion {
        id: "exit-code-3",
        kind: Kind::Support,
        statement: "the platform records the exit code 3",
        check: Check::PlatformContains {
            any: &["Container has finished running with exit code: 3."],
            count: 1,
        },
        needs: &[Need::PlatformTable],
    }],
    disproof: &[
        IMPORT_FAILED,
        Criterion {
            id: "names-a-setting",
            kind: Kind::Disproof,
            statement: "the exception names a setting that is missing",
            check: NAMES_A_SETTING,
            needs: &[Need::ConsoleTable],
        },
        ANSWERED_BEFORE,
        STILL_FAILING,
    ],
    rivals: &[
        rivals::boot_failure(Bearing::Hypothesis),
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::slow_start(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::CRASH_AT_BOOT,
};
