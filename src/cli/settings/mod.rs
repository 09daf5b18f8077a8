//! `labrat settings`: the gates before a swap and before a deployment, from what az prints.

mod az;
mod diff;
mod objections;
mod startup_command;

use clap::{Args, Subcommand};

use super::exit::Exit;
pub(super) use diff::show;

/// Words of `labrat settings`.
#[derive(Debug, Args)]
pub(super) struct SettingsOptions {
    #[command(subcommand)]
    request: SettingsRequest,
}

#[derive(Debug, Subcommand)]
enum SettingsRequest {
    /// Say what a swap would do to each setting and what speaks against it; fails if something does
    #[command(
        after_help = "A setting that differs and is no slot setting blocks, and so does another \
                      identity; a shallow warm-up is warned of.\n\nExample: labrat settings diff \
                      staging.json production.json\n\nwith what az webapp config appsettings list \
                      prints for each slot; scripts/settings-diff.sh asks az for it."
    )]
    Diff(diff::DiffOptions),
    /// Say whether App Service would reach what a startup command starts; fails if it would not
    #[command(
        after_help = "The command is read as the shell and Gunicorn read it, and nothing is started. What only \
                      the application or a file that is not there tells is said to be unknown.\n\n\
                      Example: labrat settings check --startup-command 'gunicorn --bind=127.0.0.1 app:app'\n\n\
                      Exit codes: 0 nothing blocks, 1 something does, 11 unknown where it listens"
    )]
    Check(startup_command::CheckOptions),
}

/// Do what the words ask for.
///
/// # Errors
/// When a file cannot be read or is not what az prints, or standard output is gone.
pub(super) fn run(options: &SettingsOptions) -> anyhow::Result<Exit> {
    match &options.request {
        SettingsRequest::Diff(options) => diff::run(options),
        SettingsRequest::Check(options) => startup_command::run(options),
    }
}
