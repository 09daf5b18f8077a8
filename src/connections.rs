//! Connections of a small HTTP server, held up to a bound: clients that only hold one silence nobody.
//!
//! A leaf: every room may use it, it uses none.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue};
use hyper::body::{Body, Frame};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
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

/// How long to wait where no connection can be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serve whoever comes until `stop` is ready, and end what is open then.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut connections = Connections::new(router, bounds);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.admit(stream).await,
                // No descriptor is free: those of clients that left are in a moment.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    connections.end().await;
}

/// A body that is sent as its pieces come.
#[derive(Debug)]
pub struct StreamedBody<E> {
    /// A piece that has come already.
    pub first: Option<Bytes>,
    /// Those that come.
    pub rest: mpsc::Receiver<Result<Bytes, E>>,
}

impl<E> Body for StreamedBody<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self
                .rest
                .poll_recv(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
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

/// Headers for a test.
#[cfg(test)]
pub(crate) fn headers_of(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    pairs.collect()
}

/// The token behind the scheme, whose case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}
