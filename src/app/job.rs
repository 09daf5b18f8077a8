//! `/job`: work that goes on behind the answer, for what would outlast the front end's limit.
//!
//! A job lasts as long as a `/slow`, in a thread of its own, and is asked about at `/job/status`. Jobs
//! are this worker's: with several workers they belong into a queue that all of them reach.

use std::time::Duration;

use axum::body::Body;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// Where jobs are asked about.
pub(super) const STATUS: &str = "/job/status";
/// After how many seconds to ask again.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// `GET /job`, `GET /job?seconds=N`: begin a job, and answer 202 at once.
pub(super) fn begin(state: &AppState, query: &Query) -> Response<Body> {
    let asked = match query.seconds("seconds", state.config.slow_limit_seconds) {
        Ok(asked) => asked,
        Err(bad) => return bad.reply(),
    };
    let lasts = asked.unwrap_or_else(|| state.delays.draw());
    let begun = state
        .jobs
        .begin(state.config.jobs_max, Duration::from_secs_f64(lasts));
    match begun {
        Ok(()) => accepted(json!({"delaySeconds": lasts, "endpoint": "job", "status": "accepted"})),
        Err(why) => reply::json_with_status(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"error": why.to_string(), "status": "refused"}),
        ),
    }
}

/// `GET /job/status`: 202 while a job of this worker is under way, 200 when none is.
pub(super) fn status(state: &AppState, _: &Query) -> Response<Body> {
    let (under_way, finished) = state.jobs.counted();
    let body = json!({"finished": finished, "under_way": under_way});
    match under_way {
        0 => reply::json(&body),
        _ => accepted(body),
    }
}

fn accepted(body: serde_json::Value) -> Response<Body> {
    let mut response = reply::json_with_status(StatusCode::ACCEPTED, &body);
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static(STATUS));
    headers.insert(RETRY_AFTER, ASK_AGAIN);
    response
}
