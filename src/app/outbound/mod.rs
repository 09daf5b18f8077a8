//! Calls of the application to another service: with or without time budget, retries, jitter,
//! circuit breaker and connection reuse, each a knob.
//!
//! The calls are blocking ones, as those of Python's `requests` are: in a sync worker they hold
//! the worker, in a gthread worker one thread.

mod breaker;
mod call;
mod client;
mod failure;
mod policy;
mod ports;
mod routes;
mod stream;

pub(super) use client::Client;
pub use failure::ConsoleText;
pub use policy::OutboundPolicy;
pub(super) use routes::{dependency, outbound};
