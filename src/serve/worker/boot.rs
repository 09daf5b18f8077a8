//! Loading the application: what Gunicorn does when it imports `MODULE:APP`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;

use super::WorkerContext;
use super::pool::WorkerPool;
use crate::app::{self, AppConfig, AppState, startup};
use crate::serve::arbiter::actions::{APP_LOAD_ERROR, WORKER_BOOT_ERROR};
use crate::serve::console::{ErrorLog, LogEvent, write_standard_error};
use crate::serve::settings::{AppName, Settings};

/// The only module, and the only attribute in it, that exist here.
const MODULE: &str = "app";
const ATTRIBUTE: &str = "app";

/// The environment that the application sees: the process's own and, over it, `--env`.
#[derive(Debug, Clone)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// The process's environment with the settings' additions.
    pub fn of(settings: &Settings) -> Self {
        let mut variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        variables.extend(settings.env.iter().cloned());
        Self(Arc::new(variables))
    }

    /// One variable.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// The loaded application.
#[derive(Debug, Clone)]
pub(super) struct Application {
    pub router: Router,
    pub state: Arc<AppState>,
}

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

/// Load the application in a worker.
pub(super) fn load(context: &WorkerContext) -> Result<Application, BootFailure> {
    let environment = &context.environment;
    let config = check_application(&context.settings.app, environment)?;
    let pool = Arc::new(WorkerPool {
        scoreboard: context.scoreboard.clone(),
        listeners: Arc::clone(&context.listeners),
        slot: context.slot.clone(),
        requests_at_once: context.settings.requests_at_once(),
    });
    let state = AppState::new(config, (*environment.0).clone(), pool);
    Ok(Application {
        router: app::router(Arc::clone(&state)),
        state,
    })
}

/// Everything that importing the application would find out: the module, the attribute, the
/// knobs, and the start-up faults. Takes as long as the start-up delay says.
///
/// # Errors
/// As Gunicorn would fail.
pub fn check_application(
    name: &AppName,
    environment: &Environment,
) -> Result<AppConfig, BootFailure> {
    find_application(name)?;
    let lookup = |name: &str| environment.get(name);
    let config = AppConfig::from_lookup(&lookup).map_err(|error| BootFailure::Exception {
        exception: "ValueError".to_owned(),
        message: error.to_string(),
    })?;
    startup::prepare(&config, &lookup).map_err(|failure| BootFailure::Exception {
        exception: failure.exception_type().to_owned(),
        message: failure.message(),
    })?;
    Ok(config)
}

fn find_application(name: &AppName) -> Result<(), BootFailure> {
    if name.module != MODULE {
        let first = name.module.split('.').next().unwrap_or_default();
        let message = if first == MODULE {
            format!(
                "No module named '{}'; '{MODULE}' is not a package",
                name.module
            )
        } else {
            format!("No module named '{first}'")
        };
        return Err(BootFailure::Exception {
            exception: "ModuleNotFoundError".to_owned(),
            message,
        });
    }
    let attribute = name.attribute.split('(').next().unwrap_or_default();
    let is_name = !attribute.is_empty()
        && !attribute.starts_with(|first: char| first.is_ascii_digit())
        && attribute.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !is_name {
        return Err(BootFailure::NoApplication(format!(
            "Failed to parse '{}' as an attribute name or function call.",
            name.attribute
        )));
    }
    if name.attribute != ATTRIBUTE {
        return Err(BootFailure::NoApplication(format!(
            "Failed to find attribute '{attribute}' in '{MODULE}'."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(module: &str, attribute: &str) -> Result<(), BootFailure> {
        find_application(&AppName {
            module: module.into(),
            attribute: attribute.into(),
        })
    }

    #[test]
    fn only_app_app_exists_and_the_rest_fails_as_an_import_does() {
        assert_eq!(find("app", "app"), Ok(()));
        let wrong = find("wrong_module", "app").unwrap_err();
        assert_eq!(wrong.exit_code(), 3);
        assert!(
            wrong
                .traceback()
                .ends_with("ModuleNotFoundError: No module named 'wrong_module'")
        );
        assert!(
            find("pkg.mod", "app")
                .unwrap_err()
                .traceback()
                .ends_with("'pkg'")
        );
        let wrong = find("app", "wrong_attr").unwrap_err();
        assert_eq!(wrong.exit_code(), 4);
        let traceback = wrong.traceback();
        assert_eq!(
            traceback.lines().last(),
            Some("gunicorn.errors.AppImportError: Failed to find attribute 'wrong_attr' in 'app'.")
        );
        assert!(
            find("app", "1+1")
                .unwrap_err()
                .traceback()
                .contains("Failed to parse")
        );
    }
}
