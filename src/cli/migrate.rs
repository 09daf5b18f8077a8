//! `labrat migrate`: what an entry point does before the program starts.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use super::exit::Exit;
use super::{output, values};
use crate::app::dependencies::DatabaseUrl;
use crate::app::dependencies::migrations::{MigrateError, migrate, migrate_within};

/// Between two tries of a database that is not there yet.
const AGAIN: Duration = Duration::from_secs(1);

/// Words of `labrat migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateOptions {
    /// The database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database: String,
    /// Stop after this migration: a database that a newer release finds incomplete
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Try again for so many seconds while the server is not up or not reached; a refused login is not
    /// tried again
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = values::seconds)]
    wait: f64,
}

/// Apply what is pending.
///
/// # Errors
/// When the URL cannot be read, there is no such migration, or the database refuses, or is not there
/// when the wait is over.
pub(super) fn run(options: &MigrateOptions) -> anyhow::Result<Exit> {
    let database = DatabaseUrl::parse(&options.database).context("the database's URL")?;
    let applied = when_there(&database, options).context("migrating")?;
    match applied.as_slice() {
        [] => output::message("nothing is pending\n"),
        applied => output::message(&format!("applied {}\n", applied.join(", "))),
    }
    Ok(Exit::Success)
}

/// Migrate as soon as the database is there, within the wait. What it waits for is said once for each
/// cause.
fn when_there(
    database: &DatabaseUrl,
    options: &MigrateOptions,
) -> Result<Vec<&'static str>, MigrateError> {
    let deadline = Instant::now() + Duration::from_secs_f64(options.wait);
    let mut said = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let last = options.to.as_deref();
        let migrated = match left.is_zero() {
            true => migrate(database, last),
            false => migrate_within(database, last, left.max(AGAIN)),
        };
        let error = match migrated {
            Err(error) if error.may_pass() && !left.is_zero() => error.to_string(),
            ended => return ended,
        };
        if error != said {
            output::message(&format!(
                "waiting for the database, {} s at most: {error}\n",
                left.as_secs_f64().ceil()
            ));
            said = error;
        }
        std::thread::sleep(AGAIN.min(left));
    }
}
