//! `labrat migrate`: what an entry point does before the program starts.

use anyhow::Context as _;
use clap::Args;

use super::exit::Exit;
use super::output;
use crate::app::dependencies::DatabaseUrl;
use crate::app::dependencies::migrations::migrate;

/// Words of `labrat migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateOptions {
    /// The database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database: String,
    /// Stop after this migration: a database that a newer release finds incomplete
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
}

/// Apply what is pending.
///
/// # Errors
/// When the URL cannot be read, there is no such migration, or the database refuses.
pub(super) fn run(options: &MigrateOptions) -> anyhow::Result<Exit> {
    let database = DatabaseUrl::parse(&options.database).context("the database's URL")?;
    let applied = migrate(&database, options.to.as_deref()).context("migrating")?;
    match applied.as_slice() {
        [] => output::message("nothing is pending\n"),
        applied => output::message(&format!("applied {}\n", applied.join(", "))),
    }
    Ok(Exit::Success)
}
