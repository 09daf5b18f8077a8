//! `/dependency` and `/outbound`.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::client::Called;
use super::failure::{ConsoleText, Failure};
use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;

/// Most calls that one request may ask for.
const MOST_CALLS: u64 = 100;

/// `GET /dependency`: one call of the service, as the policy says.
pub(in crate::app) async fn dependency(state: Arc<AppState>, _: Query) -> Response<Body> {
    calls(state, "dependency", 1).await
}

/// `GET /outbound`, `GET /outbound?calls=N`: several calls one after another.
pub(in crate::app) async fn outbound(state: Arc<AppState>, query: Query) -> Response<Body> {
    match query.whole("calls", 1..=MOST_CALLS) {
        Ok(calls_wanted) => calls(state, "outbound", calls_wanted.unwrap_or(1)).await,
        Err(bad) => bad.reply(),
    }
}

async fn calls(state: Arc<AppState>, endpoint: &'static str, wanted: u64) -> Response<Body> {
    let began = Instant::now();
    let work = tokio::task::spawn_blocking(move || {
        let mut attempts = 0;
        for _ in 0..wanted {
            let called = state.outbound.call();
            attempts += called.attempts;
            if called.outcome.is_err() {
                return Called { attempts, ..called };
            }
        }
        Called {
            attempts,
            outcome: Ok(()),
            lines: Vec::new(),
        }
    });
    let Ok(called) = work.await else {
        return reply::json_with_status(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"endpoint": endpoint, "error": "the call was cut short"}),
        );
    };
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut body = json!({
        "attempts": called.attempts,
        "duration_ms": duration_ms,
        "endpoint": endpoint,
    });
    let Err(failure) = &called.outcome else {
        return reply::json(&body);
    };
    body["error"] = json!(failure.to_string());
    let status = match failure {
        Failure::BreakerOpen => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    };
    let mut response = reply::json_with_status(status, &body);
    if *failure == Failure::BreakerOpen {
        let soon = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    // A call that was not made leaves nothing in the console.
    if called.attempts > 0 {
        let text = format!(
            "ERROR in app: Exception on /{endpoint} [GET]\nTraceback (most recent call last):\n{}\n",
            called.lines.join("\n")
        );
        response.extensions_mut().insert(ConsoleText(text));
    }
    response
}
