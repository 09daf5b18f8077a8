//! The page that shows a stream, and the few requests it makes.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /`, `/page.css`, `/page.js`, ... | the page; nothing in it is secret |
//! | `GET /events?from=N` | the events from number N on, as server-sent events, for as long as the client stays |
//! | `GET /levers` | what can be done, and whether the stream is live |
//! | `POST /levers/NAME` | do it; the levers for settings take `{"name": ..., "value": ...}` |
//!
//! All but the page needs the token, in a header that no page of another site can send; a request
//! for a host that is not this address is refused: a name that somebody has pointed here.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::lever::{Input, Levers};
use super::{Event, Feed, What};
use crate::connections::{self, Bounds, StreamedBody, has_token, is_for_an_address};

/// A stream lasts as long as somebody looks; the head of a request does not.
const BOUNDS: Bounds = Bounds {
    most: 64,
    head: Duration::from_secs(5),
    whole: None,
};
/// After so long without an event a comment shows who has gone.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Bytes of what a lever is told.
const MOST_INPUT: usize = 16 * 1024;

/// Everything comes from here; nothing is inline, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FILES: [(&str, &str, &str); 5] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_str!("page/page.css"),
    ),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/model.js", SCRIPT, include_str!("page/model.js")),
    ("/draw.js", SCRIPT, include_str!("page/draw.js")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page is served from.
#[derive(Clone)]
pub struct Page {
    /// The events.
    pub feed: Arc<Feed>,
    /// What can be done.
    pub levers: Arc<dyn Levers>,
    /// What opens it.
    pub token: Arc<str>,
    /// Whether more is to come; else the page plays what there is.
    pub is_live: bool,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Page");
        shown
            .field("is_live", &self.is_live)
            .finish_non_exhaustive()
    }
}

/// The URL that opens the page: the token is behind the `#`, which a browser sends to nobody.
#[must_use]
pub fn url(address: SocketAddr, token: &str) -> String {
    format!("http://{address}/#{token}")
}

/// Serve the page for ever.
pub async fn serve(listener: TcpListener, page: Page) {
    connections::serve(listener, router(page), BOUNDS, std::future::pending()).await;
}

/// The page's routes.
pub fn router(page: Page) -> Router {
    let token = Arc::clone(&page.token);
    let closed = Router::new()
        .route("/events", get(events))
        .route("/levers", get(levers))
        .route("/levers/{name}", post(pull))
        .layer(DefaultBodyLimit::max(MOST_INPUT))
        .with_state(page)
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let token = Arc::clone(&token);
            async move {
                match has_token(request.headers(), &token) {
                    true => next.run(request).await,
                    false => refused(StatusCode::UNAUTHORIZED, "the token is missing or wrong"),
                }
            }
        }));
    let open = FILES.iter().fold(Router::new(), |router, file| {
        router.route(
            file.0,
            get(move || async move { ([(CONTENT_TYPE, file.1)], file.2) }),
        )
    });
    open.merge(closed)
        .layer(middleware::from_fn(|request: Request, next: Next| async {
            match is_for_this_address(request.headers()) {
                true => next.run(request).await,
                false => refused(
                    StatusCode::MISDIRECTED_REQUEST,
                    "the page is asked by its address, or as localhost",
                ),
            }
        }))
        .layer(middleware::from_fn(|request: Request, next: Next| async {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            for (name, value) in [
                (CONTENT_SECURITY_POLICY, POLICY),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (REFERRER_POLICY, "no-referrer"),
                (CACHE_CONTROL, "no-store"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            response
        }))
}

fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}

/// Whether the request is for an address, and the asking page, if one asks, is this one.
fn is_for_this_address(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let own = [b"http://", host.unwrap_or_default()].concat();
    let is_own = |origin: &HeaderValue| origin.as_bytes() == own;
    is_for_an_address(headers) && headers.get(ORIGIN).is_none_or(is_own)
}

#[derive(Debug, Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

async fn events(State(page): State<Page>, Query(from): Query<From>) -> Response {
    let (send, rest) = mpsc::channel(16);
    tokio::spawn(async move {
        // It ends when the client has gone.
        let _ = send_events(&page, from.from, &send).await;
    });
    (
        [(CONTENT_TYPE, "text/event-stream")],
        Body::new(StreamedBody { first: None, rest }),
    )
        .into_response()
}

/// A piece of a stream, which has no error of its own.
type Piece = Result<Bytes, Infallible>;

/// Send what there is and what comes, each event with the number behind it as its id.
async fn send_events(
    page: &Page,
    mut from: u64,
    send: &mpsc::Sender<Piece>,
) -> Result<(), mpsc::error::SendError<Piece>> {
    let mut news = page.feed.news();
    loop {
        news.borrow_and_update();
        let (lines, next) = page.feed.since(from);
        let first = next - lines.len() as u64;
        let mut text = String::new();
        for (number, line) in (first + 1..).zip(&lines) {
            text.push_str(&format!("id: {number}\ndata: {line}\n\n"));
        }
        from = next;
        if !lines.is_empty() {
            send.send(Ok(text.into())).await?;
        }
        if !page.is_live {
            return send.send(Ok("event: end\ndata: {}\n\n".into())).await;
        }
        match tokio::time::timeout(KEEP_ALIVE, news.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(()),
            Err(_) => send.send(Ok(":\n\n".into())).await?,
        }
    }
}

async fn levers(State(page): State<Page>) -> Response {
    Json(json!({
        "live": page.is_live,
        "levers": page.levers.all(),
        "settings": page.levers.settings(),
    }))
    .into_response()
}

async fn pull(State(page): State<Page>, Path(name): Path<String>, body: Bytes) -> Response {
    let Some(input) = Input::parse(&body) else {
        return refused(StatusCode::BAD_REQUEST, "a name and a value are needed");
    };
    let levers = Arc::clone(&page.levers);
    let slot = levers.slot();
    let forecast = levers.change(&name).map(|change| {
        // As of now: a lever may take as long as a swap does.
        change.forecast(page.feed.last_look(slot.as_deref()).as_ref())
    });
    let asked = name.clone();
    let pulled = tokio::task::spawn_blocking(move || levers.pull(&asked, &input)).await;
    match pulled.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(said) => {
            page.feed.push(&Event {
                slot,
                ..Event::now(What::Lever {
                    name,
                    said: said.clone(),
                    predicted: forecast.and_then(Result::ok),
                    unpredicted: forecast.and_then(Result::err).map(str::to_owned),
                })
            });
            Json(json!({ "said": said })).into_response()
        }
        Err(error) => refused(StatusCode::CONFLICT, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::headers_of;

    #[test]
    fn only_the_pages_own_address_and_its_own_page_are_answered() {
        for (headers, expected) in [
            (&[("host", "127.0.0.1:90")][..], true),
            (&[("host", "localhost:90")], true),
            (&[("host", "evil.example:90")], false),
            (&[], false),
            (&[("host", "[::1]:90"), ("origin", "http://[::1]:90")], true),
            (
                &[("host", "127.0.0.1:90"), ("origin", "http://evil.example")],
                false,
            ),
        ] {
            assert_eq!(
                is_for_this_address(&headers_of(headers)),
                expected,
                "{headers:?}"
            );
        }
    }
}
