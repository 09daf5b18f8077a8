//! What is accepted and nevertheless worth a line to whoever started the pool.

use std::path::PathBuf;

/// One line of warning; the caller decides where it goes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A flag of Gunicorn that has no meaning here.
    #[error("{flag} is accepted and ignored: {reason}")]
    NoMeaning {
        /// The flag's long form.
        flag: &'static str,
        /// Why it has no meaning.
        reason: &'static str,
    },
    /// A worker class whose library does not exist here, replaced by the one that behaves so.
    #[error("worker class '{name}' is played by 'async': one event loop, many requests at once")]
    WorkerClass {
        /// The class that was asked for.
        name: String,
    },
    /// Gunicorn would have read this file.
    #[error("{} is not read: labrat runs no Python, so settings come from flags and GUNICORN_CMD_ARGS", .path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
    },
    /// `LAB_BIND_OVERRIDE` is set: the start-up fault of a server on the wrong address.
    #[error("LAB_BIND_OVERRIDE is set: binding {used} instead of {told}, as the lab asks")]
    BindOverridden {
        /// What the flags or the platform said.
        told: String,
        /// What is bound instead.
        used: String,
    },
    /// An endpoint for telemetry, in a build that has none.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT has no effect: this labrat is built without OTLP (hint: build it with the feature otlp)"
    )]
    NoTelemetry,
}
