//! Applying migrations.

use std::time::Duration;

use tokio::time::Instant;

use super::database::DatabaseUrl;
use super::migrations::{MIGRATIONS, MigrateError};
use super::{postgres, sqlite};

/// How long a server may take to let somebody in who migrates.
const PATIENCE: Duration = Duration::from_secs(30);

/// Apply what is pending, up to and including the migration `last`, in one transaction. A SQLite
/// file is made where there is none. Blocks; what an entry point does before the program starts.
/// Returns the versions that were applied now.
///
/// # Errors
/// When there is no migration `last`, or the database refuses; then nothing was applied.
pub fn migrate(
    database: &DatabaseUrl,
    last: Option<&str>,
) -> Result<Vec<&'static str>, MigrateError> {
    migrate_within(database, last, PATIENCE)
}

/// The same, with another limit on how long a server may take to let somebody in.
///
/// # Errors
/// As of [`migrate`].
pub fn migrate_within(
    database: &DatabaseUrl,
    last: Option<&str>,
    patience: Duration,
) -> Result<Vec<&'static str>, MigrateError> {
    if let Some(last) = last
        && MIGRATIONS.iter().all(|migration| migration.version != last)
    {
        return Err(MigrateError::Unknown(last.to_owned()));
    }
    match database {
        DatabaseUrl::Sqlite(path) => sqlite::migrate(path, last),
        DatabaseUrl::Postgres(url) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime
                .block_on(async { postgres::migrate(url, last, Instant::now() + patience).await })
        }
    }
}
