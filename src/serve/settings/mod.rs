//! What a pool is told to do: every Gunicorn setting that has a meaning here, resolved.
//!
//! Two stages. The first reads words (command line, `GUNICORN_CMD_ARGS`) into values of named
//! flags and touches nothing outside its arguments: [`flags`] is the table of all flags, [`words`]
//! splits a line as a shell does, [`arguments`] reads them as Python's argparse does. The second,
//! [`resolve`], applies the order of precedence (command line, `GUNICORN_CMD_ARGS`, `PORT` and
//! `WEB_CONCURRENCY`, default; each setting separately) and checks what can be checked before a
//! process is started. It must not know how a pool runs.
//!
//! ```
//! use labrat::serve::settings::{WorkerClass, resolve};
//!
//! let environment = [("GUNICORN_CMD_ARGS", "--workers=2 --timeout=120")];
//! let told = resolve(&["--workers=4".into(), "app:app".into()], &environment)?;
//! assert_eq!(told.settings.workers, 4);
//! assert_eq!(told.settings.timeout.as_secs(), 120);
//! assert_eq!(told.settings.worker_class, WorkerClass::Sync);
//! # Ok::<(), labrat::serve::settings::SettingsError>(())
//! ```

mod allow_list;
pub mod arguments;
pub mod environment;
mod error;
pub mod flags;
mod print;
mod resolve;
mod resolved;
pub mod telemetry;
mod values;
mod warning;
pub mod words;

pub use allow_list::AllowList;
pub use environment::{Environment, KNOBS, ProcessEnvironment, VARIABLES, default_control_socket};
pub use error::{SettingsError, UsageError};
pub use print::config_lines;
pub use resolve::{DEFAULT_ACCESS_LOG_FORMAT, Resolved, resolve};
pub use resolved::{
    AppName, BindAddress, HeadLimits, HeadRules, HeaderMap, LogLevel, LogTarget, MOST_THREADS,
    MOST_WORKERS, Settings, StatsdAddress, WorkerClass,
};
pub use telemetry::Otlp;
pub use warning::Warning;
