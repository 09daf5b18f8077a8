//! The routes that only say that a worker answers.

use axum::body::Body;
use http::Response;
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// `GET /`.
pub(super) fn index(_: &AppState, _: &Query) -> Response<Body> {
    reply::text("OK")
}

/// `GET /health`: this worker runs.
pub(super) fn health(_: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({"status": "healthy"}))
}

/// `GET /ready`: this worker takes requests. It answers only after start-up is over, so that it is
/// what a warm-up ping should ask for.
pub(super) fn ready(_: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({"status": "ready"}))
}

/// `GET /fast`: the request whose waiting time shows how long the queue is.
pub(super) fn fast(_: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({"endpoint": "fast", "message": "quick response"}))
}
