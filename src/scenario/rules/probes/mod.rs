//! Probes that make it worse: a liveness probe that waits behind the work, and a readiness probe
//! that says no for ever.

mod crashed_but_healthy;
mod probe_restart;

pub use crashed_but_healthy::CRASHED_BUT_HEALTHY;
pub use probe_restart::PROBE_RESTART;

use super::rivals;
use crate::evidence::criteria::{Check, Criterion, Kind, Need};

const FAST_SAMPLES: Need = Need::Samples { route: "/fast" };

/// A container ended or was started within the trigger.
const RESTARTED: Check = Check::RestartDuringTrigger;
/// A container ended by itself.
const ENDED: Check = Check::PlatformContains {
    any: &["Container has finished running with exit code"],
    count: 1,
};
/// Nothing crashed.
const NO_EXIT: Criterion = Criterion {
    id: "no-exit",
    kind: Kind::Proof,
    statement: "no container ended by itself",
    check: Check::Not { check: &ENDED },
    needs: &[Need::PlatformTable],
};
