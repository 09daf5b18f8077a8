//! Why a worker could not boot, in Gunicorn's words.

use crate::serve::arbiter::actions::{APP_LOAD_ERROR, WORKER_BOOT_ERROR};
use crate::serve::console::{ErrorLog, LogEvent, write_standard_error};

/// Why a worker could not boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootFailure {
    /// An exception while the application was imported: exit code 3.
    Exception {
        /// Python's name of it.
        exception: String,
        /// Its message.
        message: String,
    },
    /// There is no such application object: exit code 4.
    NoApplication(String),
}

impl BootFailure {
    /// An error that no rule of Gunicorn's names.
    pub(super) fn unexpected(message: &str) -> Self {
        Self::Exception {
            exception: "OSError".to_owned(),
            message: message.to_owned(),
        }
    }

    /// Exit code of the worker.
    pub fn exit_code(&self) -> i32 {
        i32::from(match self {
            Self::Exception { .. } => WORKER_BOOT_ERROR,
            Self::NoApplication(_) => APP_LOAD_ERROR,
        })
    }

    /// The lines that end a Python traceback.
    pub fn traceback(&self) -> String {
        match self {
            Self::Exception { exception, message } => format!(
                "Traceback (most recent call last):\n  File \"labrat\", in load_wsgi\n{exception}: {message}"
            ),
            Self::NoApplication(message) => format!(
                "Traceback (most recent call last):\n  File \"labrat\", in load_wsgi\ngunicorn.errors.AppImportError: {message}"
            ),
        }
    }

    /// Say it as Gunicorn does: the exception in the log and once more, bare, on standard error.
    pub fn log(&self, log: &ErrorLog) {
        let bare = match self {
            Self::Exception { message, .. } => {
                log.log(&LogEvent::BootException {
                    traceback: &self.traceback(),
                });
                message
            }
            Self::NoApplication(message) => message,
        };
        // Standard error may be closed; the exit code says it all the same.
        let _ = write_standard_error(&format!("{bare}\n"));
    }
}
