//! Conformance: the same cases against the real Gunicorn with the oracle application and against
//! labrat, compared with each other, so that no expectation is written down that could be wrong.
//!
//! What is allowed to differ stands in [`crate::differences`] and nowhere else.

mod arbiter_signals;
mod contract;
mod malformed;
mod timeout;
mod worker_signals;
