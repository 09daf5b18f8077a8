//! A service that other services call, and that slows and fails on request.
//!
//! What it is for: the other end of `/dependency` and `/outbound`. It counts what reaches it, so
//! that a retry storm is a number, and it has two knobs: how long an answer takes, and which share
//! of them fails. Both are bounded, and [`routes`] has the undo.
//!
//! What it must not know: who calls it. It is met over HTTP only.

mod routes;
mod service;

pub use routes::routes;
pub use service::{KnobError, Knobs, MOST_LATENCY, Service};
