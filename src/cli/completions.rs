//! `labrat completions`: a completion script for a shell.

use clap::Args;
use clap_complete::Shell;

use super::exit::Exit;
use super::output;

/// Words of `labrat completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

/// Print the script that completes `command`.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn run(
    options: &CompletionsOptions,
    mut command: clap::Command,
) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "labrat", &mut script);
    output::data(&String::from_utf8(script)?)?;
    Ok(Exit::Success)
}
