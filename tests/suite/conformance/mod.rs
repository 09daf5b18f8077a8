//! Conformance: the same cases against the real Gunicorn with the oracle application and against
//! labrat, compared with each other, so that no expectation is written down that could be wrong.
//!
//! What is allowed to differ stands in [`crate::differences`] and nowhere else.

mod access_log;
mod arbiter_signals;
mod async_life;
mod binds;
mod boot;
mod contract;
mod descriptors;
mod distribution;
mod events;
mod exchanges;
mod extras;
mod gthread;
mod gthread_life;
mod malformed;
mod memory;
mod pidfile;
mod saturation;
mod sockets;
mod statsd;
mod timeout;
mod worker_ends;
mod worker_signals;
