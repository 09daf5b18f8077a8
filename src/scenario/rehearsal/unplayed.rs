//! The bundle of a rehearsal that could not be played: it holds no evidence, and says why.

use std::path::Path;

use jiff::Timestamp;

use super::plan::RehearsalPlan;
use crate::evidence::manifest::{Clock, Completion, Manifest, SCHEMA_VERSION, Sampler, Topology};
use crate::evidence::record::{RecordError, Recorder, about_this_machine};

/// Write that this plan could not be played, and why.
///
/// # Errors
/// When the folder holds something, or cannot be written.
pub fn record_unplayed(plan: &RehearsalPlan, bundle: &Path, why: &str) -> Result<(), RecordError> {
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        scenario: plan.scenario.name().to_owned(),
        variant: Some(plan.variant.name().to_owned()),
        labrat_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: Some(plan.command_line.clone()),
        target: None,
        clock: Clock {
            started: Timestamp::now(),
            ended: None,
            wall_minus_monotonic_seconds: None,
        },
        machine: about_this_machine(true),
        topology: Topology::default(),
        phases: Vec::new(),
        events: Vec::new(),
        captures: Vec::new(),
        completion: Completion::Unfinished,
        sampler: Sampler::default(),
        estimate: Vec::new(),
        pace: plan.pace,
        files: Vec::new(),
    };
    let reason = format!("nothing was played: {why}");
    let recorder = Recorder::create(bundle, manifest)?;
    recorder.finish(Completion::CutShort { reason }).map(drop)
}
