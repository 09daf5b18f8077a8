//! The routes that only say that a worker answers.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// `GET /`.
pub(super) fn index(_: &AppState, _: &Query) -> Response<Body> {
    reply::text("OK")
}

/// `GET /health`: this worker runs. It asks nobody, so it costs the same whatever else is wrong.
pub(super) fn health(state: &AppState, _: &Query) -> Response<Body> {
    if state.pool.is_alive() {
        return reply::json(&json!({"status": "healthy"}));
    }
    let body = json!({"status": "no worker is alive"});
    reply::json_with_status(StatusCode::SERVICE_UNAVAILABLE, &body)
}

/// `GET /fast`: the request whose waiting time shows how long the queue is.
pub(super) fn fast(_: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({"endpoint": "fast", "message": "quick response"}))
}
