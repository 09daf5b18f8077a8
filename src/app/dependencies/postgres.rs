//! PostgreSQL, over TLS or not.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database_url_error::DatabaseUrlError;
use super::migrations::{APPLIED, CREATE_TABLE, MigrateError, RECORD, is_one_pending, pending};
use super::{network, words};
use crate::readiness::Failure;

const DEFAULT_PORT: u16 = 5432;

/// A `postgres://` URL, taken apart.
///
/// `sslmode=require`, `verify-ca` and `verify-full` all mean the same here: encrypted, and the
/// certificate has to be valid for the host. `sslrootcert` names a file of certificates to trust
/// instead of those that browsers trust. Anything else is not encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    config: Config,
    host: String,
    port: u16,
    /// Whether to encrypt, and which file of certificates to trust.
    encrypted: Option<Option<PathBuf>>,
}

impl std::fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresUrl")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}

impl PostgresUrl {
    pub(super) fn parse(url: &str) -> Result<Self, DatabaseUrlError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = ("", None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => {
                    let path = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                    roots = Some(PathBuf::from(path.into_owned()));
                }
                _ => rest.push(pair),
            }
        }
        let encrypted = match mode {
            "" | "disable" | "allow" | "prefer" => None,
            "require" | "verify-ca" | "verify-full" => Some(roots),
            _ => return Err(DatabaseUrlError::Malformed),
        };
        let url = match rest.is_empty() {
            true => address.to_owned(),
            false => format!("{address}?{}", rest.join("&")),
        };
        let mut config: Config = url.parse().map_err(|_| DatabaseUrlError::Malformed)?;
        config.ssl_mode(match encrypted {
            Some(_) => SslMode::Require,
            None => SslMode::Disable,
        });
        config.application_name("labrat");
        let [Host::Tcp(host)] = config.get_hosts() else {
            return Err(DatabaseUrlError::NoHost);
        };
        let host = host.clone();
        let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        Ok(Self {
            config,
            host,
            port,
            encrypted,
        })
    }

    /// Connect and log in; what keeps the connection going runs in a task of its own.
    async fn log_in(&self, deadline: Instant) -> Result<Client, Failure> {
        let stream = network::connect(&self.host, self.port, deadline).await?;
        let logged_in = timeout_at(deadline, async {
            match &self.encrypted {
                None => {
                    let (client, connection) = self.config.connect_raw(stream, NoTls).await?;
                    tokio::spawn(connection);
                    Ok(Ok(client))
                }
                Some(roots) => {
                    let trusted = match network::trusting(roots.as_deref()) {
                        Ok(trusted) => trusted,
                        Err(word) => return Ok(Err(word)),
                    };
                    let mut connectors = MakeRustlsConnect::new(trusted);
                    let Ok(connector) =
                        MakeTlsConnect::<TcpStream>::make_tls_connect(&mut connectors, &self.host);
                    let (client, connection) = self.config.connect_raw(stream, connector).await?;
                    tokio::spawn(connection);
                    Ok(Ok(client))
                }
            }
        });
        match logged_in.await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => Err(self.word_of(&error)),
            Err(_) => Err(words::SILENT),
        }
    }

    fn word_of(&self, error: &tokio_postgres::Error) -> Failure {
        if let Some(code) = error.code() {
            return word_of_state(code);
        }
        if error.is_closed() {
            return words::CLOSED;
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if cause.is::<rustls::Error>() {
                return words::TLS;
            }
            if let Some(error) = cause.downcast_ref::<std::io::Error>() {
                return network::word_of(error);
            }
            source = cause.source();
        }
        match error.to_string().as_str() {
            // The server has no TLS.
            "error performing TLS handshake" => words::TLS,
            // It asked for a password, and the URL has none; or it could not prove that it knows it.
            "invalid configuration" | "authentication error" => words::WRONG_PASSWORD,
            _ => words::WRONG_ANSWER,
        }
    }
}

fn word_of_state(state: &SqlState) -> Failure {
    match *state {
        SqlState::INVALID_PASSWORD => words::WRONG_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => words::REFUSED_IDENTITY,
        SqlState::INVALID_CATALOG_NAME => words::WRONG_DATABASE,
        SqlState::INSUFFICIENT_PRIVILEGE => words::FORBIDDEN,
        SqlState::TOO_MANY_CONNECTIONS => words::TOO_MANY_CONNECTIONS,
        SqlState::CANNOT_CONNECT_NOW => words::STARTING,
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => words::CLOSED,
        _ => words::FAILED,
    }
}

/// The server, and the connection once there is one.
pub(in crate::app) struct Postgres {
    url: PostgresUrl,
    client: Mutex<Option<Arc<Client>>>,
}

impl Postgres {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self {
            url,
            client: Mutex::new(None),
        }
    }

    /// `SELECT 1`.
    pub(super) async fn alive(&self, deadline: Instant) -> Result<(), Failure> {
        let client = self.client(deadline).await?;
        let asked = timeout_at(deadline, client.simple_query("SELECT 1")).await;
        match asked {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.give_up(&error).await),
            Err(_) => Err(self.give_up_slow().await),
        }
    }

    /// Whether no migration is pending.
    pub(super) async fn migrated(&self, deadline: Instant) -> Result<(), Failure> {
        let client = self.client(deadline).await?;
        match timeout_at(deadline, client.query(APPLIED, &[])).await {
            Ok(Ok(rows)) => match versions(&rows) {
                Ok(applied) if is_one_pending(&applied) => Err(words::PENDING_MIGRATION),
                Ok(_) => Ok(()),
                Err(_) => Err(words::WRONG_ANSWER),
            },
            Ok(Err(error)) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                Err(words::PENDING_MIGRATION)
            }
            Ok(Err(error)) => Err(self.give_up(&error).await),
            Err(_) => Err(self.give_up_slow().await),
        }
    }

    /// The connection, made where there is none or it has ended. Two questions that come at the
    /// same time share one.
    async fn client(&self, deadline: Instant) -> Result<Arc<Client>, Failure> {
        let Ok(mut place) = timeout_at(deadline, self.client.lock()).await else {
            return Err(words::SILENT);
        };
        if let Some(client) = place.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.url.log_in(deadline).await?);
        *place = Some(Arc::clone(&client));
        Ok(client)
    }

    /// A connection whose question failed for another reason than the question is not used again.
    async fn give_up(&self, error: &tokio_postgres::Error) -> Failure {
        if error.code().is_none() {
            *self.client.lock().await = None;
        }
        self.url.word_of(error)
    }

    /// Nor is one that still owes an answer.
    async fn give_up_slow(&self) -> Failure {
        *self.client.lock().await = None;
        words::SLOW
    }
}

/// The versions in the rows of [`APPLIED`].
fn versions(rows: &[Row]) -> Result<Vec<String>, tokio_postgres::Error> {
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Apply what is pending up to and including `last`, in one transaction.
pub(super) async fn migrate(
    url: &PostgresUrl,
    last: Option<&str>,
    deadline: Instant,
) -> Result<Vec<&'static str>, MigrateError> {
    let mut client = url.log_in(deadline).await.map_err(MigrateError::Connect)?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(CREATE_TABLE).await?;
    let rows = transaction.query(APPLIED, &[]).await?;
    let applied = versions(&rows)?;
    let mut now = Vec::new();
    for migration in pending(&applied, last) {
        transaction.batch_execute(migration.statement).await?;
        transaction.execute(RECORD, &[&migration.version]).await?;
        now.push(migration.version);
    }
    transaction.commit().await?;
    Ok(now)
}
