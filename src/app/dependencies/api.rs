//! Another service, over HTTP.

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::{network, words};
use crate::exchange::exchange;
use crate::readiness::{Check, Checked, Failure};

/// An `http://` or `https://` URL. It does not show: there may be a key in it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiUrl {
    encrypted: bool,
    host: String,
    port: u16,
    /// For the `Host` header.
    authority: String,
    path: String,
}

impl std::fmt::Debug for ApiUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ApiUrl(***)")
    }
}

impl ApiUrl {
    /// Read a URL; `None` when it is none, or has a user in it.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let encrypted = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let default_port = if encrypted { 443 } else { 80 };
        Some(Self {
            encrypted,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
            authority: authority.as_str().to_owned(),
            path: match uri.query() {
                Some(query) => format!("{}?{query}", uri.path()),
                None => uri.path().to_owned(),
            },
        })
    }

    /// GET it over a connection of its own. A redirect counts as an answer and is not followed.
    pub(super) async fn get(&self, deadline: Instant) -> Result<(), Failure> {
        let stream = network::connect(&self.host, self.port, deadline).await?;
        if self.encrypted {
            let stream = network::encrypt(stream, &self.host, deadline).await?;
            self.ask(stream, deadline).await
        } else {
            self.ask(stream, deadline).await
        }
    }

    async fn ask<S>(&self, stream: S, deadline: Instant) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let request = Request::get(&self.path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, "labrat")
            .body(Empty::<Bytes>::new())
            .map_err(|_| words::BAD_SETTING)?;
        let status = exchange(stream, request, async |response| response.status());
        match timeout_at(deadline, status).await {
            Ok(Ok(status)) => judge(status),
            Ok(Err(error)) if error.is_parse() => Err(words::WRONG_ANSWER),
            Ok(Err(_)) => Err(words::CLOSED),
            // The connection came about, and then nothing: over HTTP the two look the same.
            Err(_) => Err(words::SLOW),
        }
    }
}

fn judge(status: StatusCode) -> Result<(), Failure> {
    match status {
        StatusCode::UNAUTHORIZED => Err(words::WRONG_PASSWORD),
        StatusCode::FORBIDDEN => Err(words::FORBIDDEN),
        status if status.is_server_error() => Err(words::FAILED),
        status if status.is_client_error() => Err(words::WRONG_ANSWER),
        _ => Ok(()),
    }
}

impl Check for ApiUrl {
    fn run(&self, deadline: Instant) -> Checked<'_> {
        Box::pin(self.get(deadline))
    }
}
