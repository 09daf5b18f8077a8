//! swap-restart: a setting that moved with the swap is put back, and that restarts production.

use super::{FAST_SAMPLES, REQUESTS_STAY_FAST, REQUESTS_SUFFER, SETTING_CHANGED, SWAPPED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules, SnapshotKind,
};
use crate::evidence::manifest::{EventKind, PhaseKind};

const RESTARTED: Check = Check::ProcessYoungerThan {
    event: EventKind::SettingChanged,
};

/// The rules of swap-restart.
pub const SWAP_RESTART: ScenarioRules = ScenarioRules {
    name: "swap-restart",
    aliases: &["swap-config-restart"],
    hypothesis: "a setting that is no slot setting moves with the swap and is put back afterwards, \
                 which restarts production, so that its first minutes are those of a cold start",
    promises: &[Promise {
        word: "restart",
        check: RESTARTED,
    }],
    trigger: &[SWAPPED],
    proof: &[
        Criterion {
            id: "setting-put-back",
            kind: Kind::Proof,
            statement: "a setting of production was changed after the swap",
            check: SETTING_CHANGED,
            needs: &[Need::Manifest],
        },
        Criterion {
            id: "not-sticky",
            kind: Kind::Proof,
            statement: "FEATURE_FLAG is not declared as a slot setting",
            check: Check::SettingSticky {
                key: "FEATURE_FLAG",
                sticky: false,
            },
            needs: &[Need::Manifest],
        },
        Criterion {
            id: "production-restarted",
            kind: Kind::Proof,
            statement: "the process that serves was started by the change of the setting",
            check: RESTARTED,
            needs: &[
                Need::Manifest,
                Need::Snapshot {
                    of: SnapshotKind::Stats,
                    at: PhaseKind::Post,
                },
            ],
        },
        Criterion {
            id: "requests-suffer",
            kind: Kind::Proof,
            statement: "at least five requests to /fast took 10 s or longer",
            check: REQUESTS_SUFFER,
            needs: &[FAST_SAMPLES],
        },
    ],
    support: &[Criterion {
        id: "platform-rows",
        kind: Kind::Support,
        statement: "the platform records a start within the trigger",
        check: Check::RestartDuringTrigger,
        needs: &[Need::PlatformTable],
    }],
    disproof: &[
        REQUESTS_STAY_FAST,
        Criterion {
            id: "sticky-by-intent",
            kind: Kind::Disproof,
            statement: "FEATURE_FLAG is declared as a slot setting",
            check: Check::SettingSticky {
                key: "FEATURE_FLAG",
                sticky: true,
            },
            needs: &[Need::Manifest],
        },
    ],
    rivals: &[
        rivals::restart(Bearing::Hypothesis),
        rivals::cold_start(Bearing::Accompanies),
        rivals::dependency(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::wrong_command(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::SWAP_RESTART,
};
