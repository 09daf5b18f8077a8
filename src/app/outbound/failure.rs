//! How a call fails, and what Python's `requests` would say of it.

/// What the application prints on standard error while it answers. It travels with the answer, as
/// an extension of the response, to whoever has a console.
#[derive(Debug, Clone)]
pub struct ConsoleText(pub String);

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) encrypted: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No service is set, or its address cannot be read.
    #[error("not-configured")]
    NotConfigured,
    /// The circuit breaker is open: no call was made.
    #[error("breaker-open")]
    BreakerOpen,
    /// Nobody listens there.
    #[error("refused")]
    Refused,
    /// The name has no address.
    #[error("unknown-host")]
    UnknownHost,
    /// The other side speaks no TLS, or its certificate is not trusted.
    #[error("tls")]
    Tls,
    /// There is no local port left for this destination.
    #[error("no-port")]
    NoPort,
    /// No connection within the time budget.
    #[error("connect-timeout")]
    ConnectTimeout,
    /// No answer within the time budget.
    #[error("timeout")]
    ReadTimeout,
    /// The connection ended before an answer.
    #[error("broken-off")]
    BrokenOff,
    /// An answer that says that it failed.
    #[error("status-{0}")]
    Status(u16),
}

impl Failure {
    /// The last line of the traceback that an application with `requests` leaves.
    pub(super) fn in_python(&self, to: &Destination, budget: f64) -> String {
        let Destination {
            encrypted,
            host,
            port,
            path,
        } = to;
        let (scheme, pool) = match encrypted {
            true => ("https", "HTTPSConnectionPool"),
            false => ("http", "HTTPConnectionPool"),
        };
        let pool = format!("{pool}(host='{host}', port={port})");
        let refused = |reason: &str| {
            format!(
                "requests.exceptions.ConnectionError: {pool}: Max retries exceeded with url: \
                 {path} (Caused by NewConnectionError('Failed to establish a new connection: \
                 {reason}'))"
            )
        };
        match self {
            Self::NotConfigured => "KeyError: 'API_BASE_URL'".to_owned(),
            Self::BreakerOpen => "CircuitBreakerError: Circuit is open".to_owned(),
            Self::Refused => refused("[Errno 111] Connection refused"),
            Self::UnknownHost => refused("[Errno -2] Name or service not known"),
            Self::NoPort => refused("[Errno 99] Cannot assign requested address"),
            Self::Tls => format!(
                "requests.exceptions.SSLError: {pool}: Max retries exceeded with url: {path} \
                 (Caused by SSLError(SSLError(1, '[SSL] certificate verify failed (_ssl.c:1006)')))"
            ),
            Self::ConnectTimeout => format!(
                "requests.exceptions.ConnectTimeout: {pool}: Max retries exceeded with url: \
                 {path} (connect timeout={budget})"
            ),
            Self::ReadTimeout => format!(
                "requests.exceptions.ReadTimeout: {pool}: Read timed out. (read timeout={budget})"
            ),
            Self::BrokenOff => "requests.exceptions.ConnectionError: ('Connection aborted.', \
                 RemoteDisconnected('Remote end closed connection without response'))"
                .to_owned(),
            Self::Status(status) => format!(
                "requests.exceptions.HTTPError: {status} Server Error for url: \
                 {scheme}://{host}:{port}{path}"
            ),
        }
    }
}
