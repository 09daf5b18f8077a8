//! One collector over HTTP: a request a connection, and what its answer means (OTLP specification 1.10,
//! "OTLP/HTTP Response").

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use prost::Message as _;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::messages::{ExportResponse, PartialSuccess};
use crate::exchange::{exchange, tls_client, web_roots};
use crate::serve::settings::telemetry::Collector;

const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-labrat/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that are read.
const MOST_ANSWER: usize = 64 << 10;
/// A collector that wants more time than this does not get it.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Why a collector took nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// In words.
    pub text: String,
    /// Whether the same request may be taken later.
    pub may_pass: bool,
    /// When the collector wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Failure {
    fn of_connection(text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            may_pass: true,
            retry_after: None,
        }
    }
}

/// A collector, and how to reach it.
pub(super) struct Client {
    collector: Collector,
    tls: Option<TlsConnector>,
}

impl Client {
    /// The client of this collector.
    ///
    /// # Errors
    /// When the TLS library refuses its settings.
    pub fn new(collector: Collector) -> io::Result<Self> {
        let tls = match collector.url.is_encrypted {
            true => Some(connector(&collector)?),
            false => None,
        };
        Ok(Self { collector, tls })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.collector.url.to_string()
    }

    /// Send one request; what the collector said of it.
    pub async fn send(&self, body: Bytes) -> Result<Option<PartialSuccess>, Failure> {
        let timeout = self.collector.timeout;
        match tokio::time::timeout(timeout, self.ask(body)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::of_connection(format!(
                "no answer within {} ms",
                timeout.as_millis()
            ))),
        }
    }

    async fn ask(&self, body: Bytes) -> Result<Option<PartialSuccess>, Failure> {
        let url = &self.collector.url;
        let stream = TcpStream::connect((url.host.as_str(), url.port))
            .await
            .map_err(Failure::of_connection)?;
        let request = self.request(body).map_err(|error| Failure {
            text: error.to_string(),
            may_pass: false,
            retry_after: None,
        })?;
        let answered = match &self.tls {
            None => exchange(stream, request, read).await,
            Some(tls) => {
                let name =
                    ServerName::try_from(url.host.clone()).map_err(Failure::of_connection)?;
                let stream = tls.connect(name, stream).await;
                exchange(stream.map_err(Failure::of_connection)?, request, read).await
            }
        };
        answered.map_err(Failure::of_connection)?
    }

    fn request(&self, body: Bytes) -> http::Result<Request<Full<Bytes>>> {
        let url = &self.collector.url;
        let mut request = Request::post(&url.target)
            .header(header::HOST, &url.authority)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, "application/x-protobuf");
        for (name, value) in &self.collector.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(body))
    }
}

fn connector(collector: &Collector) -> io::Result<TlsConnector> {
    let roots = match collector.trusted.is_empty() {
        true => web_roots(),
        false => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(collector.trusted.iter().cloned());
            roots
        }
    };
    let config = tls_client(roots).map_err(io::Error::other)?;
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn read(response: Response<Incoming>) -> Result<Option<PartialSuccess>, Failure> {
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status, response.headers()));
    }
    // Taken is taken, whatever becomes of the rest of the answer.
    let body = Limited::new(response.into_body(), MOST_ANSWER)
        .collect()
        .await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let answer = ExportResponse::decode(body).unwrap_or_default();
    Ok(answer.partial_success)
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let seconds = headers.get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Failure {
        text: format!("it answers {}", status.as_u16()),
        may_pass: matches!(status.as_u16(), 429 | 502 | 503 | 504),
        retry_after: seconds.map(|seconds| Duration::from_secs(seconds).min(MOST_RETRY_AFTER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_what_the_specification_says() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static("3600"));
        for status in 400..600 {
            let failure = refused(StatusCode::from_u16(status).unwrap(), &headers);
            let is_listed = [429, 502, 503, 504].contains(&status);
            assert_eq!(failure.may_pass, is_listed, "{status}");
            assert_eq!(failure.retry_after, Some(MOST_RETRY_AFTER));
        }
    }
}
