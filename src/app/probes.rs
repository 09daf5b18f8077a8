//! The probes that answer for more than the worker that is asked: `/ready`, `/startup`, `/warmup`.
//!
//! `/health` is not among them: see [`super::health`].

use std::sync::Arc;

use axum::body::Body;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::reply;
use super::state::AppState;
use crate::readiness::RETRY_AFTER_SECONDS;

/// `GET /ready`: whether requests are welcome now.
pub(super) async fn ready(state: Arc<AppState>) -> Response<Body> {
    if state.readiness.is_plain() {
        let answer = state.readiness.ready().await;
        return respond(answer.is_ready(), &answer);
    }
    let readiness = state.readiness.clone();
    match state
        .engine
        .run(async move { readiness.ready().await })
        .await
    {
        Some(answer) => respond(answer.is_ready(), &answer),
        None => no_engine(),
    }
}

/// `GET /startup`: whether the start is over. Once it is, it stays so.
pub(super) async fn startup(state: Arc<AppState>) -> Response<Body> {
    if !state.readiness.is_warm() {
        begin_warm_up(&state);
    }
    let answer = state.readiness.started();
    respond(answer.is_ready(), &answer)
}

/// `GET /warmup`: do what the first requests would have to wait for.
pub(super) async fn warm_up(state: Arc<AppState>) -> Response<Body> {
    let readiness = state.readiness.clone();
    if readiness.is_warm() {
        let answer = readiness.warm_up().await;
        return respond(answer.is_done(), &answer);
    }
    match state
        .engine
        .run(async move { readiness.warm_up().await })
        .await
    {
        Some(answer) => respond(answer.is_done(), &answer),
        None => no_engine(),
    }
}

/// What a request that needs the caches does in a worker that nobody has warmed up: fill them
/// first. Everybody else waits with it.
pub(super) async fn wait_until_warm(state: &AppState) {
    if state.config.warm_up_time.is_zero() || state.readiness.is_warm() {
        return;
    }
    let readiness = state.readiness.clone();
    // Without the engine there are no caches; the request is answered as it would be without.
    let _ = state
        .engine
        .run(async move { readiness.warm_up().await })
        .await;
}

/// Begin in the engine, and do not wait.
pub(super) fn begin_warm_up(state: &AppState) {
    if let Some(handle) = state.engine.handle() {
        let _inside = handle.enter();
        state.readiness.begin_warm_up();
    }
}

fn respond(is_good: bool, answer: &impl Serialize) -> Response<Body> {
    // A struct of texts, numbers and maps with text keys always is a value.
    let value = serde_json::to_value(answer).unwrap_or_default();
    let status = match is_good {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = reply::json_with_status(status, &value);
    let headers = response.headers_mut();
    // Nobody between the pool and its platform may answer from memory.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_good {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    response
}

/// The process may have no more threads.
fn no_engine() -> Response<Body> {
    respond(false, &json!({"ready": false, "error": "no_thread"}))
}
