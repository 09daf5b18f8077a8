//! One request over one connection of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::failure::{Failure, FailureClass};
use super::target::{Scheme, Target};
use crate::exchange::{exchange, tls_client, web_roots};

/// The largest body that is read, in bytes: a target that streams without end must not fill this
/// machine's memory. The labs' largest answer is a few kilobytes.
const BODY_BOUND: usize = 8 * 1024 * 1024;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library refused its own settings.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A header that cannot be sent.
    #[error("cannot send the header {name}: its value holds characters that no header may hold")]
    Header {
        /// The header's name; the value may be a secret and is not told.
        name: &'static str,
    },
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// How one request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When the client began, by the wall clock, before it connected.
    pub started: Timestamp,
    /// From the beginning until the connection (and its TLS) stood.
    pub connected: Option<Duration>,
    /// From the beginning until the head of the answer was read.
    pub first_byte: Option<Duration>,
    /// From the beginning until the body was read or the client gave up.
    pub total: Duration,
    /// The whole answer, or why there is none. An answer whose head came and whose body did not is
    /// a failure.
    pub result: Result<Answer, Failure>,
}

/// Makes requests, each over a fresh connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    tls: Arc<ClientConfig>,
    headers: HeaderMap,
}

#[derive(Debug, Default)]
struct Marks {
    connected: Option<Duration>,
    first_byte: Option<Duration>,
}

impl Client {
    /// A client that trusts the certificate authorities of the web.
    ///
    /// # Errors
    /// When the TLS library refuses its own settings.
    pub fn new(user_agent: &'static str) -> Result<Self, ClientError> {
        Self::trusting(web_roots(), user_agent)
    }

    /// A client that trusts `roots` only.
    ///
    /// # Errors
    /// When the TLS library refuses its own settings.
    pub fn trusting(roots: RootCertStore, user_agent: &'static str) -> Result<Self, ClientError> {
        let tls = tls_client(roots)?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        Ok(Self {
            tls: Arc::new(tls),
            headers,
        })
    }

    /// The same client, which sends a secret header with every request.
    ///
    /// # Errors
    /// When the value cannot stand in a header.
    pub fn with_secret_header(
        mut self,
        name: &'static str,
        value: &str,
    ) -> Result<Self, ClientError> {
        let mut value = HeaderValue::from_str(value).map_err(|_| ClientError::Header { name })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Send one request and wait for the whole answer, at most for `limit`. When the limit passes,
    /// or when the returned future is dropped, the socket is closed there and then.
    pub async fn send(
        &self,
        target: &Target,
        method: Method,
        path: &str,
        limit: Duration,
    ) -> Exchange {
        let started = Timestamp::now();
        let clock = Instant::now();
        let mut marks = Marks::default();
        let exchange = self.exchange(target, method, path, clock, &mut marks);
        let result = match tokio::time::timeout(limit, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(
                FailureClass::Timeout,
                format_args!("no whole answer within {:.3} s", limit.as_secs_f64()),
            )),
        };
        Exchange {
            started,
            connected: marks.connected,
            first_byte: marks.first_byte,
            total: clock.elapsed(),
            result,
        }
    }

    async fn exchange(
        &self,
        target: &Target,
        method: Method,
        path: &str,
        clock: Instant,
        marks: &mut Marks,
    ) -> Result<Answer, Failure> {
        let request = self.request(target, method, path)?;
        let stream = connect(target).await?;
        match target.scheme() {
            Scheme::Http => {
                marks.connected = Some(clock.elapsed());
                converse(stream, request, clock, marks).await
            }
            Scheme::Https => {
                let name = ServerName::try_from(target.host().to_owned())
                    .map_err(|error| Failure::new(FailureClass::Tls, error))?;
                let stream = TlsConnector::from(Arc::clone(&self.tls))
                    .connect(name, stream)
                    .await
                    .map_err(|error| Failure::from_handshake(&error))?;
                marks.connected = Some(clock.elapsed());
                converse(stream, request, clock, marks).await
            }
        }
    }

    fn request(
        &self,
        target: &Target,
        method: Method,
        path: &str,
    ) -> Result<Request<Empty<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(target.request_path(path))
            .header(HOST, target.authority())
            .body(Empty::new())
            .map_err(|error| Failure::new(FailureClass::Other, error))?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

/// Connect to the first address that answers.
async fn connect(target: &Target) -> Result<TcpStream, Failure> {
    let addresses = target
        .addresses()
        .await
        .map_err(|error| Failure::new(FailureClass::Dns, error))?;
    let stream = TcpStream::connect(addresses.as_slice())
        .await
        .map_err(|error| Failure::from_io(&error))?;
    stream
        .set_nodelay(true)
        .map_err(|error| Failure::from_io(&error))?;
    Ok(stream)
}

async fn converse<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    clock: Instant,
    marks: &mut Marks,
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let read = |response: Response<Incoming>| {
        marks.first_byte = Some(clock.elapsed());
        async {
            let status = response.status().as_u16();
            let body = read_bounded(response.into_body()).await?;
            Ok(Answer { status, body })
        }
    };
    exchange(stream, request, read)
        .await
        .map_err(|error| Failure::from_hyper(&error))?
}

async fn read_bounded(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::from_hyper(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if whole.len() + data.len() > BODY_BOUND {
            return Err(Failure::new(
                FailureClass::Other,
                format_args!("the body is longer than {BODY_BOUND} bytes"),
            ));
        }
        whole.extend_from_slice(data);
    }
    Ok(whole.freeze())
}
