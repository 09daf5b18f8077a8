//! The migrations of the lab's own database, and where a database says which of them it has.
//!
//! The table is the usual one: `schema_migrations`, with one row for each migration that was
//! applied. A migration that this release has and the table has not is pending.

use std::time::Duration;

use tokio::time::Instant;

use super::{DatabaseUrl, postgres, sqlite, words};
use crate::readiness::Failure;

/// How long a server may take to let somebody in who migrates.
const PATIENCE: Duration = Duration::from_secs(30);

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its name in the table.
    pub version: &'static str,
    /// What it does, in words that SQLite and PostgreSQL share.
    pub statement: &'static str,
}

/// All of them, in the order in which they are applied.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: "0001",
        statement: "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)",
    },
    Migration {
        version: "0002",
        statement: "ALTER TABLE orders ADD COLUMN placed_at TEXT",
    },
];

/// Makes the table of versions.
pub(super) const CREATE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version TEXT PRIMARY KEY)";
/// Reads it.
pub(super) const APPLIED: &str = "SELECT version FROM schema_migrations";

/// Notes that one was applied.
pub(super) const RECORD: &str = "INSERT INTO schema_migrations (version) VALUES ($1)";

/// Why a database could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No such migration.
    #[error("there is no migration {0}\n\nhint: the last one is {last}", last = MIGRATIONS[MIGRATIONS.len() - 1].version)]
    Unknown(String),
    /// The server cannot be reached, or lets nobody in.
    #[error("cannot connect: {0}")]
    Connect(Failure),
    /// There is no event loop to be had.
    #[error("no event loop: {0}")]
    EventLoop(#[from] std::io::Error),
    /// PostgreSQL refused.
    #[error("postgres")]
    Postgres(#[from] tokio_postgres::Error),
    /// SQLite refused.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl MigrateError {
    /// Whether the server may be there in a moment: it is not up yet, or not reached yet. A login that
    /// is refused stays refused.
    pub fn may_pass(&self) -> bool {
        let passing = [
            words::UNKNOWN_HOST,
            words::REFUSED,
            words::UNREACHABLE,
            words::SILENT,
            words::SLOW,
            words::CLOSED,
            words::STARTING,
            words::TOO_MANY_CONNECTIONS,
        ];
        matches!(self, Self::Connect(failure) if passing.contains(failure))
    }
}

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

/// What the versions lack, in order, up to and including `last`.
pub(super) fn pending<'a>(
    applied: &'a [String],
    last: Option<&'a str>,
) -> impl Iterator<Item = &'static Migration> + 'a {
    MIGRATIONS
        .iter()
        .filter(move |migration| last.is_none_or(|last| migration.version <= last))
        .filter(|migration| !applied.iter().any(|version| version == migration.version))
}

/// Whether one of [`MIGRATIONS`] is not among the versions.
pub(super) fn is_one_pending(applied: &[String]) -> bool {
    pending(applied, None).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_unique_and_ascend() {
        assert!(
            MIGRATIONS
                .windows(2)
                .all(|two| two[0].version < two[1].version)
        );
    }

    #[test]
    fn a_database_that_is_ahead_of_the_release_has_nothing_pending() {
        let all = |more: &[&str]| -> Vec<String> {
            let own = MIGRATIONS.iter().map(|migration| migration.version);
            own.chain(more.iter().copied()).map(str::to_owned).collect()
        };
        assert!(!is_one_pending(&all(&[])));
        assert!(!is_one_pending(&all(&["0099"])));
        assert!(is_one_pending(&all(&[])[1..]));
        assert!(is_one_pending(&[]));
    }
}
