//! Where the load goes.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use http::Uri;

use crate::redaction::redact;

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is not the URL of a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The text is no URL at all.
    #[error("bad URL {url:?}: {source}")]
    Malformed {
        /// The text as given.
        url: String,
        /// What is wrong with it.
        source: http::uri::InvalidUri,
    },
    /// It has no `http://` or `https://`.
    #[error("bad URL {url:?}: it must begin with http:// or https://")]
    Scheme {
        /// The text as given.
        url: String,
    },
    /// It names no host.
    #[error("bad URL {url:?}: no host")]
    NoHost {
        /// The text as given.
        url: String,
    },
    /// It carries a user name or a password, which would end up in files.
    #[error("bad URL: it carries a user name or password before the host")]
    Credentials,
    /// It has a query, which would be lost: the paths are the scenario's.
    #[error("bad URL {url:?}: a target has no query")]
    Query {
        /// The text as given.
        url: String,
    },
}

/// The base URL of a target: scheme, host, port, and a path before every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    host: String,
    port: u16,
    prefix: String,
}

impl Target {
    /// Read a base URL, such as `http://127.0.0.1:8000` or `https://name.azurewebsites.net`.
    ///
    /// # Errors
    /// When the text is not an http or https URL with a host, or carries credentials or a query.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let url = url.trim();
        let uri: Uri = url.parse().map_err(|source| TargetError::Malformed {
            url: without_userinfo(url),
            source,
        })?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(TargetError::Credentials);
        }
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => {
                return Err(TargetError::Scheme {
                    url: without_userinfo(url),
                });
            }
        };
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(TargetError::NoHost {
                url: without_userinfo(url),
            });
        }
        if uri.query().is_some() {
            return Err(TargetError::Query {
                url: without_userinfo(url),
            });
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(scheme.default_port()),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// How it is spoken to.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What the Host header says: the port is left out where the scheme implies it.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            return self.host.clone();
        }
        format!("{}:{}", self.host, self.port)
    }

    /// What the request line says for `path`.
    #[must_use]
    pub fn request_path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The whole URL of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!(
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority(),
            self.request_path(path)
        )
    }

    /// The addresses of the host, in the resolver's order.
    ///
    /// # Errors
    /// When the name has none, or the resolver cannot be asked.
    pub async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host().parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let found: Vec<SocketAddr> = tokio::net::lookup_host((self.host(), self.port))
            .await?
            .collect();
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ));
        }
        Ok(found)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url(""))
    }
}

/// The text without what stands before an `@` in its authority: an error message must not carry a
/// password either.
fn without_userinfo(url: &str) -> String {
    let url = redact(url);
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => url.into_owned(),
    }
}
