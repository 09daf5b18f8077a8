//! `labrat serve`: from Gunicorn's flags to a running pool.

use std::ffi::OsString;
use std::process::ExitCode;

use super::exit::Exit;
use super::{options, output};
use crate::serve::settings::{ProcessEnvironment, Resolved, SettingsError, config_lines, resolve};
use crate::serve::worker::{Environment, check_application};

/// Run `labrat serve` with the words behind it.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn run(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let resolved = match resolve(arguments, &ProcessEnvironment) {
        Ok(resolved) => resolved,
        Err(error) => return refuse(&error),
    };
    for warning in &resolved.warnings {
        output::message(&format!("labrat: warning: {warning}\n"));
    }
    if resolved.check_config || resolved.print_config {
        return check(&resolved).map(ExitCode::from);
    }
    Ok(ExitCode::from(crate::serve::run(resolved.settings)))
}

fn refuse(error: &SettingsError) -> anyhow::Result<ExitCode> {
    match error {
        SettingsError::Help => output::data(&options::serve().render_help().to_string())?,
        SettingsError::Version => {
            output::data(&format!("labrat (version {})\n", env!("CARGO_PKG_VERSION")))?;
        }
        _ => output::message(&error.text()),
    }
    Ok(ExitCode::from(error.exit_code()))
}

/// `--check-config` and `--print-config`: everything but the sockets and the processes.
fn check(resolved: &Resolved) -> anyhow::Result<Exit> {
    if resolved.print_config {
        output::data(&config_lines(resolved))?;
    }
    let environment = Environment::of(&resolved.settings);
    let Err(failure) = check_application(&resolved.settings.app, &environment) else {
        return Ok(Exit::Success);
    };
    output::message(&format!(
        "\nError while loading the application:\n\n{}\n",
        failure.traceback()
    ));
    Ok(Exit::Failure)
}
