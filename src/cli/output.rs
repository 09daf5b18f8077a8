//! Printing: data to standard output, everything else to standard error.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::exit::Exit;

/// Write data to standard output.
///
/// # Errors
/// When it cannot be written; a reader that has gone (`labrat ... | head`) is an error of kind
/// `BrokenPipe`, which [`report`] turns into a quiet success.
pub(super) fn data(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Write a message to standard error. Where that is closed there is nobody left to tell.
pub(super) fn message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// How many columns a table may use: those of the terminal where the shell tells, 100 otherwise.
pub(super) fn width() -> u16 {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .filter(|columns| (40..=400).contains(columns))
        .unwrap_or(100)
}

/// Show why a command failed, and give the exit code for it.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    if error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(broken_pipe)
    {
        return Exit::Success.into();
    }
    message(&format!("labrat: error: {error:#}\n"));
    Exit::Failure.into()
}

/// Show what clap has to say: help and version as data, errors as messages.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn clap(error: &clap::Error) -> anyhow::Result<ExitCode> {
    let exit = match error.exit_code() {
        0 => Exit::Success,
        _ => Exit::Usage,
    };
    error.print()?;
    Ok(exit.into())
}
