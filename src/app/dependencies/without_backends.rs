//! What stands in place of the clients of databases and caches in a build without them
//! (`--no-default-features`): their settings are refused at start, in so many words.
//!
//! Nothing in here has a value, so none of it can be reached past that refusal.

use std::convert::Infallible;

use crate::readiness::{Check, Checked};

/// A `DATABASE_URL`: none can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Infallible);

/// Why no `DATABASE_URL` can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// There is no client.
    #[error(
        "this labrat is built without clients of databases (hint: build it with the feature backends)"
    )]
    NotBuiltIn,
}

impl DatabaseUrl {
    /// Refuse any URL.
    ///
    /// # Errors
    /// Always.
    pub fn parse(_: &str) -> Result<Self, DatabaseUrlError> {
        Err(DatabaseUrlError::NotBuiltIn)
    }
}

/// A `REDIS_URL`: none can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUrl(Infallible);

impl RedisUrl {
    /// Refuse any URL.
    #[must_use]
    pub fn parse(_: &str) -> Option<Self> {
        None
    }
}

/// A database that nobody can have.
#[derive(Clone)]
pub(in crate::app) struct Database(Infallible);

impl Database {
    pub(in crate::app) fn new(url: DatabaseUrl) -> Self {
        match url.0 {}
    }

    pub(in crate::app) fn alive(&self) -> Self {
        self.clone()
    }

    pub(in crate::app) fn migrated(&self) -> Self {
        self.clone()
    }
}

impl Check for Database {
    fn run(&self, _: tokio::time::Instant) -> Checked<'_> {
        match self.0 {}
    }
}

/// A cache that nobody can have.
pub(super) struct Cache(Infallible);

impl Cache {
    pub(super) fn new(url: RedisUrl) -> Self {
        match url.0 {}
    }
}

impl Check for Cache {
    fn run(&self, _: tokio::time::Instant) -> Checked<'_> {
        match self.0 {}
    }
}

/// The migrations, of which none can be applied.
pub mod migrations {
    use std::time::Duration;

    use super::DatabaseUrl;
    pub use super::DatabaseUrlError as MigrateError;

    impl MigrateError {
        /// Whether the server may be there in a moment: no, nothing here asks one.
        pub fn may_pass(&self) -> bool {
            false
        }
    }

    /// Apply nothing: there is no database to name.
    ///
    /// # Errors
    /// None: it cannot be called.
    pub fn migrate(
        database: &DatabaseUrl,
        _: Option<&str>,
    ) -> Result<Vec<&'static str>, MigrateError> {
        match database.0 {}
    }

    /// Apply nothing, within a limit.
    ///
    /// # Errors
    /// None: it cannot be called.
    pub fn migrate_within(
        database: &DatabaseUrl,
        _: Option<&str>,
        _: Duration,
    ) -> Result<Vec<&'static str>, MigrateError> {
        match database.0 {}
    }
}
