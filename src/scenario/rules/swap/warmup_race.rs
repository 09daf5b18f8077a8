//! warmup-race: traffic is switched to a slot that answers, and is not warm.

use super::{FAST_SAMPLES, REQUESTS_STAY_FAST, REQUESTS_SUFFER, SETTING_CHANGED, SWAPPED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules, SnapshotKind,
};
use crate::evidence::manifest::{EventKind, PhaseKind};

/// The rules of warmup-race.
pub const WARMUP_RACE: ScenarioRules = ScenarioRules {
    name: "warmup-race",
    aliases: &["swap-warmup-race"],
    hypothesis: "the swap takes any answer as a sign that the new code is warm, so that traffic \
                 arrives while it still fills its caches, and the first requests wait for that",
    promises: &[Promise {
        word: "slow requests",
        check: REQUESTS_SUFFER,
    }],
    trigger: &[SWAPPED],
    proof: &[
        Criterion {
            id: "requests-suffer",
            kind: Kind::Proof,
            statement: "at least five requests to /fast took 10 s or longer after the switch",
            check: REQUESTS_SUFFER,
            needs: &[FAST_SAMPLES],
        },
        Criterion {
            id: "well-again",
            kind: Kind::Proof,
            statement: "the last request to /fast is answered 200, without any change",
            check: Check::RouteAnswers {
                route: "/fast",
                moment: Moment::After,
                ok: true,
            },
            needs: &[FAST_SAMPLES],
        },
        Criterion {
            id: "younger-than-the-swap",
            kind: Kind::Proof,
            statement: "the process that serves was started by the swap",
            check: Check::ProcessYoungerThan {
                event: EventKind::Swap,
            },
            needs: &[
                Need::Manifest,
                Need::Snapshot {
                    of: SnapshotKind::Stats,
                    at: PhaseKind::Post,
                },
            ],
        },
    ],
    support: &[],
    disproof: &[
        REQUESTS_STAY_FAST,
        Criterion {
            id: "setting-changed",
            kind: Kind::Disproof,
            statement: "a setting was changed as well, which restarts the slot once more",
            check: SETTING_CHANGED,
            needs: &[Need::Manifest],
        },
    ],
    rivals: &[
        rivals::cold_start(Bearing::Accompanies),
        rivals::restart(Bearing::Accompanies),
        rivals::dependency(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::wrong_command(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::WARMUP_RACE,
};
