//! A scenario with everything around it: the App Service emulator is the target and the
//! operator, and its log tables become part of the evidence.
//!
//! What it is for: [`Rehearsal::open`] builds the [`topology`] of one variant and starts it; what it
//! gives back is played by [`super::trigger`] like any other target. [`plan`] says what is
//! rehearsed and what cannot be here, [`stage`] starts and stops it, and [`operator`] does what
//! only the platform can.
//!
//! What it must not know: how the result is judged or shown.

mod database_server;
mod downstream;
mod error;
mod memory_box;
mod operator;
mod plan;
mod prepared;
mod process_sampler;
mod stage;
mod topology;
mod unplayed;

pub use error::{NoDatabaseServer, RehearsalError};
pub use operator::Emulator;
pub use plan::RehearsalPlan;
pub use stage::Rehearsal;
pub use unplayed::record_unplayed;
