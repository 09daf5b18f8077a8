//! Traces and metrics by OTLP over HTTP, from a process beside the workers.
//!
//! No request waits for a collector: workers leave what they have answered in a ring of shared memory
//! ([`super::span_ring`]), and this process takes it from there. Figures it reads where the probe
//! server reads them. Like the other servers beside the pool it ignores every signal that can be
//! ignored and ends with its arbiter, but it is given a moment for a last export.

#[cfg(feature = "otlp")]
mod client;
#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod messages;
#[cfg(feature = "otlp")]
mod metrics;
#[cfg(feature = "otlp")]
mod resource;
#[cfg(feature = "otlp")]
mod spans;
#[cfg(feature = "otlp")]
mod voice;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::console::ErrorLog;
use super::scoreboard::Scoreboard;
use super::settings::Otlp;

/// How long the last export may take.
pub const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Everything that the exporter inherits from its arbiter.
#[derive(Debug)]
pub struct Exporter {
    /// Where and how often.
    pub otlp: Otlp,
    /// The shared scoreboard, whose tally tells of each request.
    pub scoreboard: Scoreboard,
    /// Names and addresses of the pool's listeners, whose accept queues are shown.
    pub queues: Vec<(String, SocketAddr)>,
    /// Error log.
    pub log: Arc<ErrorLog>,
    /// Which pool this is.
    pub pool: Identity,
}

/// Which of all pools this is: the same for every exporter that it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `service.instance.id`, of no other pool.
    pub instance: String,
    /// When it began, in nanoseconds since 1970.
    pub began: u64,
}

impl Identity {
    /// A pool that begins now.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> io::Result<Self> {
        use crate::identifiers::{guid, guid_prefix, random_bytes};
        let [first, last] = [random_bytes()?, random_bytes()?].map(u64::from_le_bytes);
        let began = jiff::Timestamp::now().as_nanosecond();
        Ok(Self {
            instance: guid(&guid_prefix(first), last),
            began: u64::try_from(began).unwrap_or_default(),
        })
    }
}

/// Export until the pool is over.
///
/// # Errors
/// When the system has no room for a runtime, or the TLS library refuses its settings.
#[cfg(feature = "otlp")]
pub fn serve(exporter: Exporter) -> io::Result<()> {
    export::run(exporter)
}

/// In a build without OTLP there is nobody to export to: its settings have no collector.
///
/// # Errors
/// Never.
#[cfg(not(feature = "otlp"))]
pub fn serve(_: Exporter) -> io::Result<()> {
    Ok(())
}
