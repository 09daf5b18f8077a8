//! outbound-pressure: a new connection for every call, until no local port is left.

use super::{OTHERS_FAIL_ALIKE, OTHERS_STAY_FAST, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::PhaseKind;

const ROUTE: &str = "/outbound";
const SAMPLES: Need = Need::Samples { route: ROUTE };

const NO_PORT: Check = Check::ConsoleContains {
    any: &["Cannot assign requested address", "ConnectTimeout"],
    count: 1,
};

/// The rules of outbound-pressure.
pub const OUTBOUND_PRESSURE: ScenarioRules = ScenarioRules {
    name: "outbound-pressure",
    aliases: &["outbound-connection-pressure", "snat-port-exhaustion"],
    hypothesis: "every outbound call opens a connection of its own and holds its local port, of \
                 which an instance has few, so that calls fail for want of a port while the called \
                 service is well",
    promises: &[Promise {
        word: "no port",
        check: NO_PORT,
    }],
    trigger: &[Criterion {
        id: "outbound-load",
        kind: Kind::Trigger,
        statement: "30 requests to /outbound were made",
        check: Check::RequestsAtLeast {
            route: ROUTE,
            count: 30,
        },
        needs: &[SAMPLES],
    }],
    proof: &[
        Criterion {
            id: "outbound-fails",
            kind: Kind::Proof,
            statement: "at least three in ten of the requests to /outbound are answered 5xx",
            check: Check::StatusShareAtLeast {
                route: Some(ROUTE),
                statuses: Statuses::Class(5),
                share: 0.3,
            },
            needs: &[SAMPLES],
        },
        Criterion {
            id: "some-succeed",
            kind: Kind::Proof,
            statement: "some requests to /outbound are answered 200: the called service is well",
            check: Check::StatusCountAtLeast {
                route: Some(ROUTE),
                statuses: Statuses::Exactly(200),
                count: 1,
            },
            needs: &[SAMPLES],
        },
        Criterion {
            id: "no-port-left",
            kind: Kind::Proof,
            statement: "the console shows connections that found no port, or no way out",
            check: NO_PORT,
            needs: &[Need::ConsoleTable],
        },
        Criterion {
            id: "connections-multiply",
            kind: Kind::Proof,
            statement: "each request opened two connections or more",
            check: Check::ConnectionsPerRequestAtLeast {
                route: ROUTE,
                connections: 2.0,
            },
            needs: &[Need::Snapshot {
                of: SnapshotKind::Stats,
                at: PhaseKind::Post,
            }],
        },
        OTHERS_STAY_FAST,
    ],
    support: &[],
    disproof: &[
        OTHERS_FAIL_ALIKE,
        Criterion {
            id: "outbound-answers",
            kind: Kind::Disproof,
            statement: "every request to /outbound is answered 200",
            check: Check::StatusShareAtLeast {
                route: Some(ROUTE),
                statuses: Statuses::Exactly(200),
                share: 1.0,
            },
            needs: &[SAMPLES],
        },
    ],
    rivals: &[
        rivals::outbound_ports(Bearing::Hypothesis),
        rivals::saturation(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::restart(Bearing::Competes),
        rivals::cpu_saturation(Bearing::Competes),
        rivals::front_end_limit(Bearing::Accompanies),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::OUTBOUND_PRESSURE,
};
