//! `/leak`: memory that is kept for as long as the worker lives.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// Most blocks that one request may ask for.
const MOST_BLOCKS_PER_REQUEST: u64 = 100;

/// `GET /leak`, `GET /leak?blocks=N`.
pub(super) fn leak(state: &AppState, query: &Query) -> Response<Body> {
    let asked = match query.whole("blocks", 1..=MOST_BLOCKS_PER_REQUEST) {
        Ok(asked) => asked.unwrap_or(1),
        Err(bad) => return bad.reply(),
    };
    let grown = state.leak.lock().grow(asked, state.config.leak_max_blocks);
    match grown {
        Ok(blocks) => reply::json(&json!({"blocks": blocks, "status": "allocated"})),
        Err(refusal) => reply::json_with_status(
            StatusCode::INSUFFICIENT_STORAGE,
            &json!({
                "error": refusal.to_string(),
                "blocks": refusal.held,
                "requested": refusal.asked,
                "cap": refusal.cap,
                "status": "refused",
            }),
        ),
    }
}

/// `DELETE /leak`: free what this worker has leaked.
pub(super) fn free(state: &AppState, _: &Query) -> Response<Body> {
    let freed = state.free_leak();
    reply::json(&json!({"blocks": 0, "freed": freed, "status": "freed"}))
}
