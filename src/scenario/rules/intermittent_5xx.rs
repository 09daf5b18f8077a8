//! intermittent-5xx: slow requests hold every worker, and requests that cost nothing wait.

use super::rivals;
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::PhaseKind;

const SLOW_SAMPLES: Need = Need::Samples { route: "/slow" };
const FAST_SAMPLES: Need = Need::Samples { route: "/fast" };

const FAST_GIVES_UP: Check = Check::GiveUpShareAtLeast {
    route: "/fast",
    share: 0.5,
};
const SLOW_IS_LONG: Check = Check::LongRequestsAtLeast {
    route: "/slow",
    seconds: 5.0,
    count: 3,
};

/// The rules of intermittent-5xx.
pub const INTERMITTENT_5XX: ScenarioRules = ScenarioRules {
    name: "intermittent-5xx",
    aliases: &["intermittent-5xx-under-load", "worker-exhaustion"],
    hypothesis: "slow requests occupy every sync worker, so that fast requests wait in the accept \
                 queue until their clients give up, while nothing is broken",
    promises: &[Promise {
        word: "5xx",
        check: Check::StatusCountAtLeast {
            route: None,
            statuses: Statuses::Class(5),
            count: 1,
        },
    }],
    trigger: &[
        Criterion {
            id: "slow-burst",
            kind: Kind::Trigger,
            statement: "20 requests to /slow were made",
            check: Check::RequestsAtLeast {
                route: "/slow",
                count: 20,
            },
            needs: &[SLOW_SAMPLES],
        },
        Criterion {
            id: "fast-probes",
            kind: Kind::Trigger,
            statement: "10 requests to /fast were made",
            check: Check::RequestsAtLeast {
                route: "/fast",
                count: 10,
            },
            needs: &[FAST_SAMPLES],
        },
    ],
    proof: &[
        Criterion {
            id: "slow-is-long",
            kind: Kind::Proof,
            statement: "several requests to /slow lasted 5 s or longer",
            check: SLOW_IS_LONG,
            needs: &[SLOW_SAMPLES],
        },
        Criterion {
            id: "fast-gives-up",
            kind: Kind::Proof,
            statement: "at least half of the clients of /fast gave up",
            check: FAST_GIVES_UP,
            needs: &[FAST_SAMPLES],
        },
        Criterion {
            id: "mixed",
            kind: Kind::Proof,
            statement: "answers and clients that gave up lie side by side in one run",
            check: Check::AnswersAndGiveUps,
            needs: &[SLOW_SAMPLES, FAST_SAMPLES],
        },
        Criterion {
            id: "fast-in-two-groups",
            kind: Kind::Proof,
            statement: "the durations of /fast fall in two groups, one of them at the client's \
                        limit",
            check: Check::TwoGroups {
                route: "/fast",
                low: 0.5,
                high: 0.95,
                between: 0.3,
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
    disproof: &[
        Criterion {
            id: "fast-stays-fast",
            kind: Kind::Disproof,
            statement: "/fast is answered within a second, nine times in ten",
            check: Check::AnsweredWithinShareAtLeast {
                route: "/fast",
                seconds: 1.0,
                share: 0.9,
            },
            needs: &[FAST_SAMPLES],
        },
        Criterion {
            id: "no-burst",
            kind: Kind::Disproof,
            statement: "clients of /fast gave up although /slow held nothing",
            check: Check::AllOf {
                checks: &[
                    FAST_GIVES_UP,
                    Check::Not {
                        check: &SLOW_IS_LONG,
                    },
                ],
            },
            needs: &[SLOW_SAMPLES, FAST_SAMPLES],
        },
        Criterion {
            id: "aligned-with-restarts",
            kind: Kind::Disproof,
            statement: "clients gave up while the site restarted",
            check: Check::AllOf {
                checks: &[FAST_GIVES_UP, Check::RestartDuringTrigger],
            },
            needs: &[FAST_SAMPLES, Need::PlatformTable],
        },
    ],
    rivals: &[
        rivals::client_abort(Bearing::Accompanies),
        rivals::front_end_limit(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::restart(Bearing::Competes),
        rivals::cold_start(Bearing::Competes),
        rivals::cpu_saturation(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
    ],
    expected: crate::scenario::rules::expected::INTERMITTENT_5XX,
};
