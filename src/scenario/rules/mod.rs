//! What proves and what disproves each scenario: data for the judge, one file per scenario.
//!
//! Thresholds that the published labs name are theirs; the others are this project's, chosen so
//! that a healthy target under the same load stays far below them.

mod intermittent_5xx;
mod memory_pressure;
mod outbound;
mod probes;
mod rivals;
mod slot_swap_drift;
mod startup;
mod startup_failed;
mod swap;

pub use intermittent_5xx::INTERMITTENT_5XX;
pub use memory_pressure::MEMORY_PRESSURE;
pub use outbound::{DEPENDENCY_LATENCY, OUTBOUND_PRESSURE};
pub use probes::{CRASHED_BUT_HEALTHY, PROBE_RESTART};
pub use slot_swap_drift::SLOT_SWAP_DRIFT;
pub use startup::{
    CRASH_AT_BOOT, MISSING_SETTING, SLOW_START, START_COMMAND_OVERRIDE, WORKER_FORMULA, WRONG_PORT,
};
pub use startup_failed::STARTUP_FAILED;
pub use swap::{DEPENDENCY_CONTEXT, SWAP_RESTART, WARMUP_RACE};
