//! dependency-latency: a called service slows, and the application makes it worse.

use super::{FAST_SAMPLES, OTHERS_FAIL_ALIKE, OTHERS_STAY_FAST, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::{EventKind, PhaseKind};

const ROUTE: &str = "/dependency";
const SAMPLES: Need = Need::Samples { route: ROUTE };

const FAILS: Check = Check::StatusShareAtLeast {
    route: Some(ROUTE),
    statuses: Statuses::Class(5),
    share: 0.5,
};
const STORM: Check = Check::CallsPerRequestAtLeast {
    route: ROUTE,
    calls: 3.0,
};

/// The rules of dependency-latency.
pub const DEPENDENCY_LATENCY: ScenarioRules = ScenarioRules {
    name: "dependency-latency",
    aliases: &["dependency-latency-cascade"],
    hypothesis: "a service that the application calls becomes slow, and calls without a tight time \
                 budget, each tried several times, hold the workers' threads and multiply what the \
                 slow service is asked",
    promises: &[Promise {
        word: "retry storm",
        check: STORM,
    }],
    trigger: &[
        Criterion {
            id: "dependency-load",
            kind: Kind::Trigger,
            statement: "20 requests to /dependency were made",
            check: Check::RequestsAtLeast {
                route: ROUTE,
                count: 20,
            },
            needs: &[SAMPLES],
        },
        Criterion {
            id: "fast-probes",
            kind: Kind::Trigger,
            statement: "20 requests to /fast were made",
            check: Check::RequestsAtLeast {
                route: "/fast",
                count: 20,
            },
            needs: &[FAST_SAMPLES],
        },
    ],
    proof: &[
        Criterion {
            id: "dependency-grows",
            kind: Kind::Proof,
            statement: "at least ten requests to /dependency lasted 20 s or longer",
            check: Check::LongRequestsAtLeast {
                route: ROUTE,
                seconds: 20.0,
                count: 10,
            },
            needs: &[SAMPLES],
        },
        Criterion {
            id: "dependency-fails",
            kind: Kind::Proof,
            statement: "at least half of the requests to /dependency are answered 5xx",
            check: FAILS,
            needs: &[SAMPLES],
        },
        Criterion {
            id: "console-timeouts",
            kind: Kind::Proof,
            statement: "the console shows outbound calls that timed out",
            check: Check::ConsoleContains {
                any: &["ReadTimeout", "ConnectTimeout", "TimeoutError"],
                count: 1,
            },
            needs: &[Need::ConsoleTable],
        },
        Criterion {
            id: "retry-storm",
            kind: Kind::Proof,
            statement: "each request became three outbound calls or more",
            check: STORM,
            needs: &[Need::Snapshot {
                of: SnapshotKind::Stats,
                at: PhaseKind::Post,
            }],
        },
        OTHERS_STAY_FAST,
    ],
    support: &[Criterion {
        id: "dependency-slowed",
        kind: Kind::Support,
        statement: "the called service was made slow",
        check: Check::EventSucceeded {
            kind: EventKind::DependencyChanged,
        },
        needs: &[Need::Manifest],
    }],
    disproof: &[
        OTHERS_FAIL_ALIKE,
        Criterion {
            id: "dependency-stays-fast",
            kind: Kind::Disproof,
            statement: "/dependency is answered within a second, nine times in ten",
            check: Check::AnsweredWithinShareAtLeast {
                route: ROUTE,
                seconds: 1.0,
                share: 0.9,
            },
            needs: &[SAMPLES],
        },
    ],
    rivals: &[
        rivals::dependency(Bearing::Hypothesis),
        rivals::saturation(Bearing::Competes),
        rivals::outbound_ports(Bearing::Competes),
        rivals::worker_timeout(Bearing::Accompanies),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::restart(Bearing::Competes),
        rivals::cpu_saturation(Bearing::Competes),
        rivals::front_end_limit(Bearing::Accompanies),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::DEPENDENCY_LATENCY,
};
