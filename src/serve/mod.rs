//! The pre-fork server: one arbiter without threads or async runtime, and workers that are
//! processes and share its listening sockets.
//!
//! [`run`] takes resolved [`settings`] and returns an exit code. The [`arbiter`] decides and
//! forks; a [`worker`] boots the application and serves connections; [`http`] speaks HTTP as
//! Gunicorn does; [`console`] has every line that is ever logged; the [`scoreboard`] is what all
//! processes of the pool see of each other; the [`probe_server`] answers probes beside the
//! workers and shows metrics, and [`dashboard`] shows the pool by what the [`observer`] sees; the [`tally`]
//! counts for both; [`otlp`] exports what it counts; [`control`] is the socket for whoever stands beside.
//!
//! This room uses `app`, `machine` and `metrics`. It must not know of scenarios, evidence or platforms.

pub mod accept_errors;
pub mod access_log;
pub mod arbiter;
pub mod clock;
pub mod console;
pub mod control;
mod dashboard;
pub mod http;
pub mod listener;
mod log_file;
mod observer;
pub mod otlp;
mod pool_metrics;
pub mod probe_server;
mod python;
mod request_ring;
pub mod scoreboard;
pub mod settings;
mod shared_text;
pub mod span_ring;
mod start;
pub mod statsd;
pub mod tally;
pub mod worker;

pub use start::{StartError, run};
