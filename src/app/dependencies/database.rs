//! `DATABASE_URL`: which database, and the two questions to it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::database_url_error::DatabaseUrlError;
use super::postgres::{Postgres, PostgresUrl};
use super::sqlite::Sqlite;
use crate::readiness::{Check, Checked};

/// Where the database is. Its text does not show: there may be a password in it.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PostgresUrl>),
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => formatter.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(url) => url.fmt(formatter),
        }
    }
}

impl DatabaseUrl {
    /// Read a URL: `sqlite:PATH` (also with `//` before the path), or
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, see [`PostgresUrl`].
    ///
    /// # Errors
    /// When it is none of them. The error does not show the URL.
    pub fn parse(url: &str) -> Result<Self, DatabaseUrlError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return PostgresUrl::parse(url).map(|url| Self::Postgres(Box::new(url)));
        }
        if url.starts_with("@Microsoft.KeyVault(") {
            return Err(DatabaseUrlError::Unresolved);
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(DatabaseUrlError::Scheme);
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(DatabaseUrlError::NoFile);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// A database that can be asked; clones share its connection.
#[derive(Clone)]
pub(in crate::app) enum Database {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Database {
    /// A database without a connection yet.
    pub(in crate::app) fn new(url: DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(path) => Self::Sqlite(Arc::new(Sqlite::new(path))),
            DatabaseUrl::Postgres(url) => Self::Postgres(Arc::new(Postgres::new(*url))),
        }
    }

    /// `SELECT 1`.
    pub(in crate::app) fn alive(&self) -> Alive {
        Alive(self.clone())
    }

    /// Whether no migration is pending.
    pub(in crate::app) fn migrated(&self) -> Migrated {
        Migrated(self.clone())
    }
}

/// Asks for `SELECT 1`.
#[derive(Clone)]
pub(in crate::app) struct Alive(Database);

impl Check for Alive {
    fn run(&self, deadline: Instant) -> Checked<'_> {
        match &self.0 {
            Database::Sqlite(sqlite) => Box::pin(sqlite.alive(deadline)),
            Database::Postgres(postgres) => Box::pin(postgres.alive(deadline)),
        }
    }
}

/// Asks for the migrations.
#[derive(Clone)]
pub(in crate::app) struct Migrated(Database);

impl Check for Migrated {
    fn run(&self, deadline: Instant) -> Checked<'_> {
        match &self.0 {
            Database::Sqlite(sqlite) => Box::pin(sqlite.migrated(deadline)),
            Database::Postgres(postgres) => Box::pin(postgres.migrated(deadline)),
        }
    }
}
