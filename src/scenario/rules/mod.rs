//! What proves and what disproves each scenario: data for the judge, one file per scenario.
//!
//! Thresholds that the published labs name are theirs; the others are this project's, chosen so
//! that a healthy target under the same load stays far below them.

mod expected;
mod intermittent_5xx;
mod memory_pressure;
mod outbound;
mod probes;
mod rivals;
mod startup;
mod swap;

pub use intermittent_5xx::INTERMITTENT_5XX;
pub use memory_pressure::MEMORY_PRESSURE;
pub use outbound::{DEPENDENCY_LATENCY, OUTBOUND_PRESSURE};
pub use probes::{CRASHED_BUT_HEALTHY, PROBE_RESTART};
pub use startup::{
    CRASH_AT_BOOT, MISSING_SETTING, SLOW_START, START_COMMAND_OVERRIDE, STARTUP_FAILED,
    WORKER_FORMULA, WRONG_PORT,
};
pub use swap::{DEPENDENCY_CONTEXT, SLOT_SWAP_DRIFT, SWAP_RESTART, WARMUP_RACE};
