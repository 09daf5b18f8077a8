//! missing-setting: the application refuses to start without a setting, and names it.

use super::{
    ANSWERED_BEFORE, CONTAINER_EXITED, HEALTH_200_AFTER, IMPORT_FAILED, NAMES_A_SETTING,
    NOT_200_BEFORE, SETTING_CHANGED, STATS_AFTER, STILL_FAILING, rivals,
};
use crate::evidence::criteria::{Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules};

/// The rules of missing-setting.
pub const MISSING_SETTING: ScenarioRules = ScenarioRules {
    name: "missing-setting",
    aliases: &[],
    hypothesis: "a setting that the application cannot do without is not there, and the application \
                 says so at once and ends, instead of failing at the first request that needs it",
    promises: &[Promise {
        word: "the setting's name",
        check: NAMES_A_SETTING,
    }],
    trigger: &[],
    proof: &[
        Criterion {
            id: "names-the-setting",
            kind: Kind::Proof,
            statement: "the console names the setting that is missing",
            check: NAMES_A_SETTING,
            needs: &[Need::ConsoleTable],
        },
        CONTAINER_EXITED,
        NOT_200_BEFORE,
        SETTING_CHANGED,
        HEALTH_200_AFTER,
        STATS_AFTER,
    ],
    support: &[],
    disproof: &[
        IMPORT_FAILED,
        Criterion {
            id: "names-no-setting",
            kind: Kind::Disproof,
            statement: "the console has lines, and none names a setting",
            check: Check::Not {
                check: &NAMES_A_SETTING,
            },
            needs: &[Need::ConsoleTable],
        },
        ANSWERED_BEFORE,
        STILL_FAILING,
    ],
    rivals: &[
        rivals::boot_failure(Bearing::Accompanies),
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::slow_start(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::MISSING_SETTING,
};
