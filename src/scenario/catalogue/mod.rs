//! The catalogue: one file per scenario.

mod intermittent_5xx;
mod memory_pressure;
mod outbound;
mod probes;
mod startup;
mod swap;

use super::shape::Scenario;
use crate::evidence::criteria::ScenarioRules;

pub use intermittent_5xx::INTERMITTENT_5XX;
pub use memory_pressure::MEMORY_PRESSURE;
pub use outbound::{DEPENDENCY_LATENCY, OUTBOUND_PRESSURE};
pub use probes::{CRASHED_BUT_HEALTHY, PROBE_RESTART};
pub use startup::{
    CRASH_AT_BOOT, MISSING_SETTING, SLOW_START, START_COMMAND_OVERRIDE, STARTUP_FAILED,
    WORKER_FORMULA, WRONG_PORT,
};
pub use swap::{DEPENDENCY_CONTEXT, SLOT_SWAP_DRIFT, SWAP_RESTART, WARMUP_RACE};

/// Every scenario, in the order in which lists show them.
pub const ALL: [&Scenario; 17] = [
    &MEMORY_PRESSURE,
    &INTERMITTENT_5XX,
    &STARTUP_FAILED,
    &SLOT_SWAP_DRIFT,
    &WRONG_PORT,
    &SLOW_START,
    &CRASH_AT_BOOT,
    &MISSING_SETTING,
    &START_COMMAND_OVERRIDE,
    &WORKER_FORMULA,
    &PROBE_RESTART,
    &DEPENDENCY_LATENCY,
    &OUTBOUND_PRESSURE,
    &SWAP_RESTART,
    &WARMUP_RACE,
    &DEPENDENCY_CONTEXT,
    &CRASHED_BUT_HEALTHY,
];

/// The scenario that is called so, by its name or another name of it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.into_iter()
        .find(|scenario| scenario.rules.is_called(name))
}

/// What proves and what disproves the scenario that is called so.
#[must_use]
pub fn rules_of(name: &str) -> Option<&'static ScenarioRules> {
    find(name).map(|scenario| scenario.rules)
}
