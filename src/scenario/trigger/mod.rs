//! The client side of a scenario, played against a target anywhere.
//!
//! What it is for: [`prepare`] looks at the target before anything is sent and reckons what to
//! expect; [`Run::play`] takes the snapshots, sends the load, asks an [`Operator`] for what only
//! the platform can do, and has everything written as it comes.
//!
//! What it must not know: how progress is shown ([`Progress`] is handed out), and how the evidence
//! is judged.

mod capture;
mod error;
mod found;
mod lane;
mod operator;
mod play;
mod preflight;
mod prepare;
mod steps;

pub use capture::{Captured, capture, pool_pids};
pub use error::TriggerError;
pub use found::{Comparison, Expectation, Found, Tally};
pub use lane::Lag;
pub use operator::{
    Collecting, Effective, EffectiveSetting, Observing, Operator, Performed, Performing, TableFile,
};
pub use play::{Played, Progress};
pub use preflight::{State, check_host, look, worker_of};
pub use prepare::{Declared, Order, Run, prepare};
