//! `/diag/stats`: this worker's counters, since it was forked.

use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};

use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;

/// `GET /diag/stats`.
pub(in crate::app) fn stats(state: &AppState, _: &Query) -> Response<Body> {
    let snapshot = state.last_config_snapshot.lock().clone();
    let mut stats = json!({
        "active_slow_requests": state.active_slow_requests.load(Ordering::Relaxed),
        "endpoint_counters": state.endpoint_counters(),
        "last_config_snapshot": snapshot.unwrap_or(Value::Null),
        "leak_block_count": state.leak_blocks(),
        "pid": std::process::id(),
        "process_start_time": state.started_isoformat(),
        "request_count": state.request_count(),
        "uptime_seconds": state.uptime_seconds(),
    });
    // An application that calls nobody has no such counters.
    if let Some(counted) = state.outbound.counted() {
        stats["outbound"] = counted;
    }
    reply::json(&stats)
}
