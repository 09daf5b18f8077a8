//! Loading the application: what Gunicorn does when it imports `MODULE:APP`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;

use super::WorkerContext;
use super::application_name;
use super::boot_failure::BootFailure;
use super::pool::WorkerPool;
use crate::app::{self, AppConfig, AppState, startup};
use crate::serve::http::head::SCRIPT_NAME;
use crate::serve::listener::{LISTEN_FDS, LISTEN_PID};
use crate::serve::settings::{AppName, Settings};

/// The environment that the application sees: the process's own and, over it, `--env`.
#[derive(Debug, Clone)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// The process's environment with the settings' additions.
    pub fn of(settings: &Settings) -> Self {
        let mut variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        // Once its sockets are taken they are nobody else's.
        if variables.get(LISTEN_PID) == Some(&std::process::id().to_string()) {
            variables.remove(LISTEN_PID);
            variables.remove(LISTEN_FDS);
        }
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
    /// Beginning of every path that is not the application's (`SCRIPT_NAME`).
    pub script_name: String,
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
        timeout: context.settings.timeout,
    });
    let state = AppState::new(config, (*environment.0).clone(), pool);
    Ok(Application {
        router: app::router(Arc::clone(&state)),
        state,
        script_name: environment.get(SCRIPT_NAME).unwrap_or_default(),
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
    application_name::find(name)?;
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
