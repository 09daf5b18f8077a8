//! `/lab`: the exercise itself.

use axum::body::Body;
use http::Response;
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// `POST /lab/reset`: undo every fault in this worker, and ask the others to do the same.
pub(super) fn reset(state: &AppState, _: &Query) -> Response<Body> {
    let freed = state.undo_faults();
    let asked = state.pool.request_reset();
    reply::json(&json!({
        "status": "reset",
        "freed_blocks": freed,
        "pid": std::process::id(),
        "workers_asked": asked,
    }))
}
