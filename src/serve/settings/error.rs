//! Why a pool does not start: Gunicorn's words and exit codes for what was told wrongly.

use std::path::PathBuf;

use super::telemetry::VariableError;
use super::words::SplitError;
use crate::serve::python::repr;

/// How Gunicorn's usage line reads for this program.
pub const USAGE: &str = "usage: labrat serve [OPTIONS] [APP_MODULE]";

/// The command line cannot be read; the words are argparse's, the exit code is 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// Words that are no flag, and positional words after the application was named.
    #[error("unrecognized arguments: {}", .0.join(" "))]
    Unrecognized(Vec<String>),
    /// A shortened flag that could be several.
    #[error("ambiguous option: {option} could match {}", .candidates.join(", "))]
    Ambiguous {
        /// The word as written.
        option: String,
        /// Every flag that begins so.
        candidates: Vec<&'static str>,
    },
    /// A flag at the end, or before another flag, whose value is missing.
    #[error("argument {argument}: expected one argument")]
    ExpectedArgument {
        /// All spellings of the flag, as argparse joins them.
        argument: String,
    },
    /// `--preload=yes`: a value for a flag that takes none.
    #[error("argument {argument}: ignored explicit argument {}", repr(.value))]
    ExplicitArgument {
        /// All spellings of the flag.
        argument: String,
        /// The value that was given.
        value: String,
    },
    /// A value that is not a whole number.
    #[error("argument {argument}: invalid {kind} value: {}", repr(.value))]
    Number {
        /// All spellings of the flag.
        argument: String,
        /// Gunicorn's name of the number's notation: `int` or `auto_int`.
        kind: &'static str,
        /// The value that was given.
        value: String,
    },
    /// A word that is not UTF-8.
    #[error("argument is not valid UTF-8: {0:?}")]
    Encoding(std::ffi::OsString),
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `--help` was asked for: not a failure.
    #[error("help was asked for")]
    Help,
    /// `--version` was asked for: not a failure.
    #[error("the version was asked for")]
    Version,
    /// The words cannot be read.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// `GUNICORN_CMD_ARGS` cannot be split into words.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The port of a bind address is not a number.
    #[error("{} is not a valid port number.", repr(.0))]
    Port(String),
    /// The port of a bind address is a number that no port has.
    #[error("bind(): port must be 0-65535.")]
    PortRange(i128),
    /// `fd://` without a number.
    #[error("{} is not a valid file descriptor.", repr(.0))]
    Descriptor(String),
    /// `--forwarded-allow-ips` names what is no network.
    #[error("{0}")]
    AllowList(String),
    /// `--header-map` is none of the three words.
    #[error("Invalid header map behaviour: {0}")]
    HeaderMap(String),
    /// `--statsd-host` is no address.
    #[error("Value must be one of ('host:port', 'unix://PATH')")]
    StatsdAddress,
    /// A number below zero where Gunicorn takes none.
    #[error("Value must be positive: {0}")]
    Negative(i128),
    /// A number that no machine can honour.
    #[error("Value must be at most {limit}: {value}")]
    TooLarge {
        /// The value that was given.
        value: i128,
        /// The largest that is accepted.
        limit: i128,
    },
    /// `WEB_CONCURRENCY` is not a number.
    #[error("invalid literal for int() with base 10: {}", repr(.0))]
    Concurrency(String),
    /// No such worker class here.
    #[error("class uri {} invalid or not found: {hint}", repr(.name))]
    WorkerClass {
        /// The class that was asked for.
        name: String,
        /// What to say instead.
        hint: &'static str,
    },
    /// `--env` without `NAME=`.
    #[error("environment setting {} invalid", repr(.0))]
    EnvironmentSetting(String),
    /// `--chdir` names no directory.
    #[error("can't chdir to {}", repr(&.0.to_string_lossy()))]
    Chdir(PathBuf),
    /// `--config` names no file.
    #[error("{} doesn't exist", repr(.0))]
    ConfigFile(String),
    /// A variable of OpenTelemetry's that cannot be read.
    #[error(transparent)]
    Telemetry(#[from] VariableError),
    /// A log file that cannot be appended to.
    #[error("Error: {} isn't writable [{reason}]", repr(&.path.to_string_lossy()))]
    LogFile {
        /// The file.
        path: PathBuf,
        /// The system's reason, in Python's notation.
        reason: String,
    },
}

impl SettingsError {
    /// The exit code that Gunicorn ends with in this case.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Help | Self::Version => 0,
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// The text that Gunicorn writes to standard error in this case; empty for `--help` and
    /// `--version`, which are answered on standard output.
    pub fn text(&self) -> String {
        match self {
            Self::Help | Self::Version => String::new(),
            Self::Usage(error) => format!("{USAGE}\nlabrat: error: {error}\n"),
            // Gunicorn dies of these two with a traceback; the last line is the same.
            Self::Concurrency(value) => {
                format!("WEB_CONCURRENCY is {}\nValueError: {self}\n", repr(value))
            }
            Self::PortRange(_) => format!("OverflowError: {self}\n"),
            _ => format!("\nError: {self}\n\n"),
        }
    }
}
