//! Probes that make it worse. They need a platform that probes liveness and readiness apart and
//! acts within seconds: an orchestrator, whose probes the stand-in plays. App Service's own health
//! check restarts a single instance only after an hour.

mod crashed_but_healthy;
mod probe_restart;

pub use crashed_but_healthy::CRASHED_BUT_HEALTHY;
pub use probe_restart::PROBE_RESTART;

use crate::scenario::shape::{Around, Needs, Probes};

/// The usual probes.
const PROBED: Around = Around {
    probes: Some(Probes::USUAL),
    ..Around::NOTHING
};

/// An orchestrator.
const NEEDS: Needs = Needs {
    plan: None,
    also: "an orchestrator that probes liveness and readiness, which a rehearsal plays",
};
