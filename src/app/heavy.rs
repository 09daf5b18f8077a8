//! `/heavy`: a request that uses the processor and, for a moment, memory.

use axum::body::Body;
use http::Response;
use serde_json::json;

use super::integers;
use super::query::Query;
use super::reply;
use super::state::AppState;
use crate::machine::sys::release_free_memory;

/// `GET /heavy`, `GET /heavy?rounds=N`: one round is the labs' whole request.
pub(super) fn heavy(state: &AppState, query: &Query) -> Response<Body> {
    let rounds = match query.whole("rounds", 1..=state.config.heavy_max_rounds) {
        Ok(rounds) => rounds.unwrap_or(1),
        Err(bad) => return bad.reply(),
    };
    let mut largest = [0; 3];
    for _ in 0..rounds {
        largest = integers::three_largest();
        // CPython gives the emptied arenas back; glibc keeps chunks of this size until told.
        release_free_memory();
    }
    reply::json(&json!({
        "count": integers::COUNT,
        "max_values": largest,
        "status": "computed",
    }))
}
