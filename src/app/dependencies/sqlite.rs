//! SQLite: a database in a file, embedded, for a rehearsal that needs no server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::migrations::{APPLIED, CREATE_TABLE, MigrateError, RECORD, is_one_pending, pending};
use super::words;
use crate::readiness::Failure;

/// The file, and the connection once there is one.
pub(in crate::app) struct Sqlite {
    path: PathBuf,
    /// Locked while a question is being answered, which a slow disk can make long.
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Sqlite {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            connection: Arc::default(),
        }
    }

    /// `SELECT 1`, and a look at the file, which that alone does not need.
    pub(super) async fn alive(&self, deadline: Instant) -> Result<(), Failure> {
        self.ask(deadline, |connection| {
            connection.query_row("SELECT 1", [], |_| Ok(()))?;
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
            Ok(Ok(()))
        })
        .await
    }

    /// Whether no migration is pending.
    pub(super) async fn migrated(&self, deadline: Instant) -> Result<(), Failure> {
        self.ask(deadline, |connection| match applied(connection) {
            Ok(applied) if is_one_pending(&applied) => Ok(Err(words::PENDING_MIGRATION)),
            Ok(_) => Ok(Ok(())),
            Err(error) if is_missing_table(&error) => Ok(Err(words::PENDING_MIGRATION)),
            Err(error) => Err(error),
        })
        .await
    }

    /// Ask in a thread that may wait for the disk. A question that is still waiting when its time
    /// is over keeps the connection until it is answered.
    async fn ask<Q>(&self, deadline: Instant, question: Q) -> Result<(), Failure>
    where
        Q: FnOnce(&Connection) -> rusqlite::Result<Result<(), Failure>> + Send + 'static,
    {
        let (path, shared) = (self.path.clone(), Arc::clone(&self.connection));
        let asked = spawn_blocking(move || {
            let patience = deadline.saturating_duration_since(Instant::now());
            let Some(mut place) = shared.try_lock_for(patience) else {
                return Err(words::BUSY);
            };
            // A file that was replaced or removed under an open connection would still answer.
            if !path.is_file() {
                *place = None;
            }
            let connection = match place.take() {
                Some(connection) => connection,
                None => open(&path)?,
            };
            let patience = deadline.saturating_duration_since(Instant::now());
            let answer = connection
                .busy_timeout(patience)
                .and_then(|()| question(&connection))
                .map_err(|error| word_of(&error))?;
            *place = Some(connection);
            answer
        });
        match timeout_at(deadline, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::PANICKED),
            Err(_) => Err(words::SLOW),
        }
    }
}

/// Make the file where there is none, and apply what is pending up to and including `last`.
/// Returns the versions that were applied now.
pub(super) fn migrate(path: &Path, last: Option<&str>) -> Result<Vec<&'static str>, MigrateError> {
    let mut connection = Connection::open(path)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(CREATE_TABLE)?;
    let applied = applied(&transaction)?;
    let mut now = Vec::new();
    for migration in pending(&applied, last) {
        transaction.execute_batch(migration.statement)?;
        transaction.execute(RECORD, [migration.version])?;
        now.push(migration.version);
    }
    transaction.commit()?;
    Ok(now)
}

/// The versions that a database says it has.
fn applied(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(APPLIED)?;
    let versions = statement.query_map([], |row| row.get(0))?;
    versions.collect()
}

/// Open a database that exists: one that would have to be made is the wrong one.
fn open(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| match std::fs::metadata(path) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => words::WRONG_DATABASE,
        _ => word_of(&error),
    })
}

fn word_of(error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => words::FORBIDDEN,
        Some(ErrorCode::NotADatabase) => words::WRONG_DATABASE,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => words::BUSY,
        _ => words::FAILED,
    }
}

/// SQLite has no code of its own for it.
fn is_missing_table(error: &rusqlite::Error) -> bool {
    error.to_string().contains("no such table")
}
