//! crashed-but-healthy: the liveness path answers, and nothing else does.

use super::{ENDED, FAST_SAMPLES, NO_EXIT, RESTARTED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules, Statuses,
};

const HEALTH_SAMPLES: Need = Need::Samples { route: "/health" };
const LIVES: Check = Check::StatusShareAtLeast {
    route: Some("/health"),
    statuses: Statuses::Exactly(200),
    share: 1.0,
};
const SHUT_OUT: Check = Check::StatusShareAtLeast {
    route: Some("/fast"),
    statuses: Statuses::Exactly(503),
    share: 0.9,
};

/// The rules of crashed-but-healthy.
pub const CRASHED_BUT_HEALTHY: ScenarioRules = ScenarioRules {
    name: "crashed-but-healthy",
    aliases: &[],
    hypothesis: "the container runs and its liveness path answers, while readiness fails, is absent \
                 or is asked at the wrong port, so that every other request is turned away",
    promises: &[
        Promise {
            word: "healthy",
            check: LIVES,
        },
        Promise {
            word: "crashed",
            check: ENDED,
        },
    ],
    trigger: &[],
    proof: &[
        Criterion {
            id: "liveness-200",
            kind: Kind::Proof,
            statement: "every request to /health is answered 200",
            check: LIVES,
            needs: &[HEALTH_SAMPLES],
        },
        Criterion {
            id: "others-503",
            kind: Kind::Proof,
            statement: "nine in ten requests to /fast, or more, are answered 503",
            check: SHUT_OUT,
            needs: &[FAST_SAMPLES],
        },
        NO_EXIT,
        Criterion {
            id: "no-restart",
            kind: Kind::Proof,
            statement: "no stop and no start lies within the trigger",
            check: Check::Not { check: &RESTARTED },
            needs: &[Need::PlatformTable],
        },
    ],
    support: &[],
    disproof: &[
        Criterion {
            id: "exited",
            kind: Kind::Disproof,
            statement: "a container ended by itself",
            check: ENDED,
            needs: &[Need::PlatformTable],
        },
        Criterion {
            id: "others-answer",
            kind: Kind::Disproof,
            statement: "every request to /fast is answered 200",
            check: Check::StatusShareAtLeast {
                route: Some("/fast"),
                statuses: Statuses::Exactly(200),
                share: 1.0,
            },
            needs: &[FAST_SAMPLES],
        },
        Criterion {
            id: "liveness-fails",
            kind: Kind::Disproof,
            statement: "one request in ten to /health, or more, is not answered 200",
            check: Check::StatusShareAtLeast {
                route: Some("/health"),
                statuses: Statuses::Not(200),
                share: 0.1,
            },
            needs: &[HEALTH_SAMPLES],
        },
    ],
    rivals: &[
        rivals::restart(Bearing::Competes),
        rivals::saturation(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::wrong_command(Bearing::Competes),
        rivals::boot_failure(Bearing::Competes),
        rivals::dependency(Bearing::Accompanies),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::CRASHED_BUT_HEALTHY,
};
