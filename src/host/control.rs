//! The control API of the emulator: small JSON over HTTP, for the command line and for scripts.
//!
//! | Request | What it does |
//! |---|---|
//! | `GET /status` | state, address and container of each slot |
//! | `GET`, `PUT`, `DELETE /slots/SLOT/settings` | list, set, remove settings; values of credentials are blotted out |
//! | `POST /slots/SLOT/startup-command` | change the command: `{"command": ...}` |
//! | `POST /slots/SLOT/restart`, `/stop` | |
//! | `POST /slots/SLOT/wait` | wait until it is warm: `{"seconds": ...}` |
//! | `GET /comparison?source=SLOT&intended=A,B` | what a swap would do to each setting, and what speaks against it |
//! | `POST /swap` | `{"source": ..., "preview": ...}` |
//! | `POST /swap/complete`, `/swap/cancel` | end a swap with preview |
//! | `GET /logs/TABLE?from=OFFSET` | rows from a byte offset on; `x-next-offset` says where to go on |
//! | `GET /query/NAME` | a typed query over the tables |
//! | `GET /metrics` | figures of the front ends and sites, for Prometheus |
//!
//! Every request needs the token, on loopback as well: other users of this machine reach that too. What
//! a page in a browser sends is refused, and so is a request for a host that is not this address: a
//! name that somebody has pointed here.

use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Host, HostError, Setting, SlotName, SwapOptions, Table, TableQuery, intended};
use crate::connections::{self, Bounds, StreamedBody, has_token, is_for_an_address};
use crate::redaction::redact;

/// The header that says where to read on.
pub const NEXT_OFFSET: &str = "x-next-offset";

/// Bytes of a table that one answer holds at most.
const MOST_LOG_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of a list that are sent at once, and how many such pieces may wait for a slow client.
const CHUNK: usize = 64 * 1024;
const CHUNKS_UNSENT: usize = 4;

/// A swap takes as long as its starts do, so a connection is not bounded in time; its head is.
const BOUNDS: Bounds = Bounds {
    most: 64,
    head: Duration::from_secs(5),
    whole: None,
};

/// A control API that listens.
#[derive(Debug)]
pub struct ControlApi {
    listener: TcpListener,
    token: String,
}

/// The new startup command.
#[derive(Debug, Serialize, Deserialize)]
pub struct StartupCommand {
    /// The command, as it would be typed.
    pub command: String,
}

/// How long to wait for a warm slot.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wait {
    /// Seconds.
    pub seconds: f64,
}

/// A swap.
#[derive(Debug, Serialize, Deserialize)]
pub struct Swap {
    /// The slot that is swapped in.
    pub source: SlotName,
    /// Pause before routing is switched.
    #[serde(default)]
    pub preview: bool,
}

#[derive(Debug, Deserialize)]
struct Sides {
    source: SlotName,
    #[serde(default)]
    intended: String,
}

#[derive(Debug, Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

impl ControlApi {
    /// Listen on `address`.
    ///
    /// # Errors
    /// When the address cannot be had, or the token is empty.
    pub async fn bind(address: SocketAddr, token: String) -> Result<Self, HostError> {
        if token.is_empty() {
            return Err(HostError::TokenNeeded(address));
        }
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| HostError::Listen { address, source })?;
        Ok(Self { listener, token })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serve until `stop` is ready.
    pub async fn serve(self, host: Arc<Host>, stop: impl Future<Output = ()> + Send + 'static) {
        let token = Arc::new(self.token);
        let guard = middleware::from_fn(move |request: Request, next: Next| {
            let token = Arc::clone(&token);
            async move {
                match refusal(request.headers(), &token) {
                    Some(refusal) => refusal,
                    None => next.run(request).await,
                }
            }
        });
        connections::serve(self.listener, router(host).layer(guard), BOUNDS, stop).await;
    }
}

/// The header in which a browser says where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

fn refusal(headers: &HeaderMap, token: &str) -> Option<Response> {
    if !is_for_an_address(headers) {
        return Some(refused(
            StatusCode::MISDIRECTED_REQUEST,
            "the emulator is asked by its address, or as localhost",
        ));
    }
    if headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE) {
        return Some(refused(
            StatusCode::FORBIDDEN,
            "pages in a browser may not talk to the emulator",
        ));
    }
    match has_token(headers, token) {
        true => None,
        false => Some(refused(
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong",
        )),
    }
}

fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}

/// An error as an answer.
struct Failed(HostError);

impl std::convert::From<HostError> for Failed {
    fn from(error: HostError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            HostError::NoSlot(_) | HostError::Unknown { .. } => StatusCode::NOT_FOUND,
            HostError::Setting { .. } => StatusCode::BAD_REQUEST,
            HostError::SwapReverted { .. }
            | HostError::SwapState(_)
            | HostError::StartFailed { .. }
            | HostError::NotWarm { .. } => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        refused(status, &self.0.to_string())
    }
}

type Answer = Result<Json<Value>, Failed>;
type Stand = State<Arc<Host>>;

fn router(host: Arc<Host>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/metrics", get(super::show_metrics::show))
        .route(
            "/slots/{slot}/settings",
            get(list_settings).put(set_settings).delete(remove_settings),
        )
        .route("/slots/{slot}/startup-command", post(set_startup_command))
        .route("/slots/{slot}/restart", post(restart))
        .route("/slots/{slot}/stop", post(stop))
        .route("/slots/{slot}/wait", post(wait))
        .route("/comparison", get(comparison))
        .route("/swap", post(swap))
        .route("/swap/complete", post(complete_swap))
        .route("/swap/cancel", post(cancel_swap))
        .route("/logs/{table}", get(logs))
        .route("/query/{name}", get(run_query))
        .with_state(host)
}

fn done() -> Answer {
    Ok(Json(json!({ "done": true })))
}

async fn status(State(host): Stand) -> Answer {
    let mut slots = Vec::new();
    for slot in host.slots() {
        let mut value = serde_json::to_value(host.status(slot)?).unwrap_or_default();
        value["slot"] = json!(slot);
        value["url"] = json!(host.url(slot)?);
        let command = host.configuration(slot)?.startup_command;
        value["startup_command"] = json!(redact(&command));
        slots.push(value);
    }
    Ok(Json(
        json!({ "slots": slots, "tables": host.tables_folder() }),
    ))
}

async fn list_settings(State(host): Stand, Path(slot): Path<SlotName>) -> Answer {
    Ok(Json(json!(host.shown_settings(slot)?)))
}

async fn set_settings(
    State(host): Stand,
    Path(slot): Path<SlotName>,
    Json(settings): Json<Vec<Setting>>,
) -> Answer {
    host.set_settings(slot, settings)?;
    done()
}

async fn remove_settings(
    State(host): Stand,
    Path(slot): Path<SlotName>,
    Json(names): Json<Vec<String>>,
) -> Answer {
    host.remove_settings(slot, &names)?;
    done()
}

async fn set_startup_command(
    State(host): Stand,
    Path(slot): Path<SlotName>,
    Json(wanted): Json<StartupCommand>,
) -> Answer {
    host.set_startup_command(slot, &wanted.command)?;
    done()
}

async fn restart(State(host): Stand, Path(slot): Path<SlotName>) -> Answer {
    host.restart(slot)?;
    done()
}

async fn stop(State(host): Stand, Path(slot): Path<SlotName>) -> Answer {
    host.stop_site(slot)?;
    done()
}

async fn wait(State(host): Stand, Path(slot): Path<SlotName>, Json(wait): Json<Wait>) -> Answer {
    let limit = Duration::try_from_secs_f64(wait.seconds).unwrap_or_default();
    host.wait_until_warm(slot, limit).await?;
    done()
}

async fn comparison(State(host): Stand, Query(sides): Query<Sides>) -> Answer {
    let intended = intended(&sides.intended);
    Ok(Json(json!(host.compare(sides.source, &intended)?)))
}

async fn swap(State(host): Stand, Json(swap): Json<Swap>) -> Answer {
    // A swap that was begun is ended, whether or not who asked for it stays.
    let options = SwapOptions {
        source: swap.source,
        preview: swap.preview,
    };
    let swap = tokio::spawn(async move { host.swap(options).await });
    swap.await.map_err(|_| HostError::Stopping)??;
    done()
}

async fn complete_swap(State(host): Stand) -> Answer {
    let ended = tokio::spawn(async move { host.end_preview(true).await });
    ended.await.map_err(|_| HostError::Stopping)??;
    done()
}

async fn cancel_swap(State(host): Stand) -> Answer {
    let ended = tokio::spawn(async move { host.end_preview(false).await });
    ended.await.map_err(|_| HostError::Stopping)??;
    done()
}

async fn logs(
    State(host): Stand,
    Path(table): Path<String>,
    Query(from): Query<From>,
) -> Result<Response, Failed> {
    let table: Table = table.parse()?;
    let path = host.tables_folder().join(table.file());
    let read = read_lines(&path, from.from);
    let (lines, next) = read.map_err(|source| HostError::Folder { path, source })?;
    let headers = [
        ("content-type", "application/x-ndjson".to_owned()),
        (NEXT_OFFSET, next.to_string()),
    ];
    Ok((headers, lines).into_response())
}

/// The whole lines of a file from an offset on, and the offset behind them.
fn read_lines(path: &std::path::Path, from: u64) -> std::io::Result<(Vec<u8>, u64)> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    // Beyond the end there is nothing yet; a larger number is no place in a file at all.
    let from = from.min(file.metadata()?.len());
    file.seek(SeekFrom::Start(from))?;
    let mut lines = Vec::new();
    file.take(MOST_LOG_BYTES).read_to_end(&mut lines)?;
    let whole = lines
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    lines.truncate(whole);
    Ok((lines, from + whole as u64))
}

async fn run_query(State(host): Stand, Path(name): Path<String>) -> Result<Response, Failed> {
    let query = TableQuery::named(host.tables_folder(), &name)?;
    let (sender, mut rest) = mpsc::channel(CHUNKS_UNSENT);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(CHUNK, Chunks(sender.clone()));
        if let Err(error) = query.answer(&mut out) {
            // Who asked has left, or learns it.
            let _ = sender.blocking_send(Err(error));
        }
    });
    // What fails at once is an answer of its own; what fails later cuts the list.
    let first = rest.recv().await.transpose()?;
    let headers = [("content-type", "application/json")];
    Ok((headers, Body::new(StreamedBody { first, rest })).into_response())
}

/// A writer into an answer that waits where the client reads more slowly.
struct Chunks(mpsc::Sender<Result<Bytes, HostError>>);

impl io::Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = Bytes::copy_from_slice(bytes);
        match self.0.blocking_send(Ok(chunk)) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::headers_of;

    #[test]
    fn only_who_has_the_token_and_is_no_page_and_asks_for_this_address_is_let_in() {
        let good = ("authorization", "Bearer right");
        let lower = ("authorization", "bearer right");
        for (headers, expected) in [
            (&[("host", "127.0.0.1:8790"), good][..], None),
            (&[("host", "localhost:8790"), lower], None),
            (&[("host", "[::1]:8790"), good], None),
            (&[("host", "127.0.0.1")], Some(401)),
            (
                &[("host", "127.0.0.1"), ("authorization", "Bearer no")],
                Some(401),
            ),
            (&[("host", "evil.example:8790"), good], Some(421)),
            (&[good], Some(421)),
            (
                &[("host", "127.0.0.1"), good, ("origin", "http://x")],
                Some(403),
            ),
            (
                &[
                    ("host", "127.0.0.1"),
                    good,
                    ("sec-fetch-site", "cross-site"),
                ],
                Some(403),
            ),
        ] {
            let refused = refusal(&headers_of(headers), "right");
            let status = refused.map(|response| response.status().as_u16());
            assert_eq!(status, expected, "{headers:?}");
        }
    }
}
