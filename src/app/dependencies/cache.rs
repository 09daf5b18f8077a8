//! Redis: a value that is set has to come back.

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, RedisError, ServerErrorKind,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::{network, words};
use crate::app::seed;
use crate::readiness::{Check, Checked, Failure};

/// How long the value stays, should its reader never come: seconds.
const KEPT_SECONDS: u64 = 60;

/// A `redis://` or `rediss://` URL. It does not show: there may be a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RedisUrl(***)")
    }
}

impl RedisUrl {
    /// Read a URL; `None` when it is none.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        Client::open(url).is_ok().then(|| Self(url.to_owned()))
    }
}

/// The server, and the connection once there is one.
pub(super) struct Cache {
    url: RedisUrl,
    /// Its own in every process, so that two that ask at the same time do not read each other's.
    key: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Cache {
    pub(super) fn new(url: RedisUrl) -> Self {
        let own = seed::of_this_process();
        Self {
            url,
            key: format!("labrat:readiness:{own:016x}"),
            connection: Mutex::new(None),
        }
    }

    async fn ask(&self, deadline: Instant) -> Result<(), Failure> {
        let Ok(mut place) = timeout_at(deadline, self.connection.lock()).await else {
            return Err(words::SILENT);
        };
        // It goes back only when its answers are known to have been read.
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => self.connect(deadline).await?,
        };
        let written = format!("{:016x}", fastrand::u64(..));
        let asked = async {
            let set = redis::cmd("SET")
                .arg(&self.key)
                .arg(&written)
                .arg("EX")
                .arg(KEPT_SECONDS)
                .query_async::<()>(&mut connection)
                .await;
            set?;
            redis::cmd("GET")
                .arg(&self.key)
                .query_async::<Option<String>>(&mut connection)
                .await
        };
        match timeout_at(deadline, asked).await {
            Ok(Ok(read)) => {
                *place = Some(connection);
                match read.as_deref() == Some(written.as_str()) {
                    true => Ok(()),
                    false => Err(words::WRONG_ANSWER),
                }
            }
            Ok(Err(error)) => {
                if error.code().is_some() {
                    *place = Some(connection);
                }
                Err(word_of(&error))
            }
            Err(_) => Err(words::SLOW),
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<MultiplexedConnection, Failure> {
        let client = Client::open(self.url.0.as_str()).map_err(|_| words::BAD_SETTING)?;
        let address = client.get_connection_info().addr();
        if let ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } = address
        {
            network::resolve(host, *port, deadline).await?;
        }
        let patience = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connecting = client.get_multiplexed_async_connection_with_config(&patience);
        match timeout_at(deadline, connecting).await {
            Ok(connected) => connected.map_err(|error| word_of(&error)),
            Err(_) => Err(words::SILENT),
        }
    }
}

impl Check for Cache {
    fn run(&self, deadline: Instant) -> Checked<'_> {
        Box::pin(self.ask(deadline))
    }
}

fn word_of(error: &RedisError) -> Failure {
    match error.code() {
        Some("WRONGPASS" | "NOAUTH") => return words::WRONG_PASSWORD,
        Some("NOPERM") => return words::FORBIDDEN,
        Some("READONLY") => return words::READ_ONLY,
        Some("LOADING") => return words::STARTING,
        _ => {}
    }
    // Redis has no code for it.
    if error
        .detail()
        .is_some_and(|detail| detail.contains("DB index is out of range"))
    {
        return words::WRONG_DATABASE;
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => words::WRONG_PASSWORD,
        ErrorKind::Server(ServerErrorKind::ReadOnly) => words::READ_ONLY,
        ErrorKind::Server(ServerErrorKind::NoPerm) => words::FORBIDDEN,
        ErrorKind::Server(ServerErrorKind::BusyLoading) => words::STARTING,
        ErrorKind::Server(_) | ErrorKind::Extension => words::FAILED,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => words::WRONG_ANSWER,
        ErrorKind::InvalidClientConfig => words::TLS,
        _ if error.is_connection_refusal() => words::REFUSED,
        _ if error.is_timeout() => words::SILENT,
        _ if error.is_connection_dropped() => words::CLOSED,
        _ => words::UNREACHABLE,
    }
}
