//! Calls of other services: one that slows, and a client that runs out of ports.

mod dependency_latency;
mod outbound_pressure;

pub use dependency_latency::DEPENDENCY_LATENCY;
pub use outbound_pressure::OUTBOUND_PRESSURE;

use super::rivals;
use crate::evidence::criteria::{Check, Criterion, Kind, Need};

const FAST_SAMPLES: Need = Need::Samples { route: "/fast" };

/// Routes that call nobody are as quick as ever.
const OTHERS_STAY_FAST: Criterion = Criterion {
    id: "others-stay-fast",
    kind: Kind::Proof,
    statement: "/fast, which calls nobody, is answered within a second, nine times in ten",
    check: Check::AnsweredWithinShareAtLeast {
        route: "/fast",
        seconds: 1.0,
        share: 0.9,
    },
    needs: &[FAST_SAMPLES],
};
/// Routes that call nobody fail as well, so that the calls are not the matter.
const OTHERS_FAIL_ALIKE: Criterion = Criterion {
    id: "others-fail-alike",
    kind: Kind::Disproof,
    statement: "at least half of the clients of /fast, which calls nobody, gave up",
    check: Check::GiveUpShareAtLeast {
        route: "/fast",
        share: 0.5,
    },
    needs: &[FAST_SAMPLES],
};
