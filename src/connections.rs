//! Connections of a small HTTP server, held up to a bound: clients that only hold one silence nobody.
//!
//! A leaf: every room may use it, it uses none.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tower::ServiceExt as _;

/// Between two looks whether a place is free, where every client has asked for something.
const PAUSE: Duration = Duration::from_millis(100);

/// How much a server holds, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at the same time.
    pub most: usize,
    /// What the head of a request may take.
    pub head: Duration,
    /// What one connection may take; `None` is for ever.
    pub whole: Option<Duration>,
}

/// The connections that are held, oldest first. Each serves one request.
#[derive(Debug)]
pub struct Connections {
    router: Router,
    bounds: Bounds,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    task: AbortHandle,
    /// A whole head was read on it.
    has_asked: Arc<AtomicBool>,
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(router: Router, bounds: Bounds) -> Self {
        Self {
            router,
            bounds,
            held: Vec::new(),
        }
    }

    /// Answer one connection in a task of its own. What goes wrong with it concerns its client
    /// alone. Where too many are held, the oldest that has not asked yet makes room.
    pub async fn admit<S>(&mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        loop {
            self.held.retain(|held| !held.task.is_finished());
            if self.held.len() < self.bounds.most {
                break;
            }
            let silent = |held: &Held| !held.has_asked.load(Ordering::Relaxed);
            match self.held.iter().position(silent) {
                Some(silent) => self.held.remove(silent).task.abort(),
                None => tokio::time::sleep(PAUSE).await,
            }
        }
        let has_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&has_asked);
        let router = self.router.clone();
        let service = service_fn(move |request| {
            asked.store(true, Ordering::Relaxed);
            router.clone().oneshot(request)
        });
        let Bounds { head, whole, .. } = self.bounds;
        let task = tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head)
                .title_case_headers(true)
                .half_close(true)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // Its client alone learns of an error.
            let _ = match whole {
                Some(whole) => tokio::time::timeout(whole, connection).await.ok(),
                None => Some(connection.await),
            };
        });
        self.held.push(Held {
            task: task.abort_handle(),
            has_asked,
        });
    }

    /// Let go who has not asked, and wait for the answers of the others.
    pub async fn end(self) {
        let (asked, silent): (Vec<_>, Vec<_>) = self
            .held
            .into_iter()
            .partition(|held| held.has_asked.load(Ordering::Relaxed));
        silent.iter().for_each(|held| held.task.abort());
        while asked.iter().any(|held| !held.task.is_finished()) {
            tokio::time::sleep(PAUSE / 10).await;
        }
    }
}

/// Whether the host is named by address or as `localhost`: whatever else is named may be anybody's,
/// and point here.
#[must_use]
pub fn is_for_an_address(headers: &HeaderMap) -> bool {
    let Some(Ok(host)) = headers.get(HOST).map(HeaderValue::to_str) else {
        return false;
    };
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Whether a request brings the token, in a time that does not tell how much of it is right.
#[must_use]
pub fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| bearer(value.as_bytes()))
        .unwrap_or_default();
    bool::from(given.ct_eq(token.as_bytes()))
}

/// The token behind the scheme, whose case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}
