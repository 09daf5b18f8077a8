//! probe-restart: the liveness probe waits in the queue of a busy pool, and the pool is restarted.

use super::{FAST_SAMPLES, NO_EXIT, RESTARTED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::PhaseKind;

const UNAVAILABLE: Check = Check::StatusCountAtLeast {
    route: Some("/fast"),
    statuses: Statuses::Exactly(503),
    count: 3,
};

/// Who waited in the queue of the container that was stopped gets a 502, and who came before the
/// next one answered gets a 503: how many of either is a matter of what the stop waited for.
const CUT_OFF: Check = Check::StatusCountAtLeast {
    route: Some("/fast"),
    statuses: Statuses::Class(5),
    count: 3,
};

/// The rules of probe-restart.
pub const PROBE_RESTART: ScenarioRules = ScenarioRules {
    name: "probe-restart",
    aliases: &["probe-and-restart-overlap"],
    hypothesis: "the liveness probe goes through the same pool as the work, so that a busy pool \
                 looks dead and is restarted, and the restart is what its clients see as 502 and 503",
    promises: &[
        Promise {
            word: "restart",
            check: RESTARTED,
        },
        Promise {
            word: "503",
            check: UNAVAILABLE,
        },
    ],
    trigger: &[Criterion {
        id: "fast-probes",
        kind: Kind::Trigger,
        statement: "20 requests to /fast were made",
        check: Check::RequestsAtLeast {
            route: "/fast",
            count: 20,
        },
        needs: &[FAST_SAMPLES],
    }],
    proof: &[
        Criterion {
            id: "restarted",
            kind: Kind::Proof,
            statement: "the platform records a stop or a start within the trigger",
            check: RESTARTED,
            needs: &[Need::PlatformTable],
        },
        Criterion {
            id: "unavailable",
            kind: Kind::Proof,
            statement: "at least three requests to /fast are answered 502 or 503, or another 5xx",
            check: CUT_OFF,
            needs: &[FAST_SAMPLES],
        },
        NO_EXIT,
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
    ],
    support: &[Criterion {
        id: "busy-with-queue",
        kind: Kind::Support,
        statement: "every worker was busy at once while connections waited",
        check: Check::AllWorkersBusyWithQueue,
        needs: &[Need::Snapshot {
            of: SnapshotKind::Workers,
            at: PhaseKind::Trigger,
        }],
    }],
    disproof: &[Criterion {
        id: "no-restart",
        kind: Kind::Disproof,
        statement: "no stop and no start lies within the trigger",
        check: Check::Not { check: &RESTARTED },
        needs: &[Need::PlatformTable],
    }],
    rivals: &[
        rivals::restart(Bearing::Hypothesis),
        rivals::saturation(Bearing::Accompanies),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
        rivals::wrong_command(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::PROBE_RESTART,
};
