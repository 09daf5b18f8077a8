//! The three routes as an axum router.

use axum::Json;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::registry::Readiness;

/// Seconds after which a client that was told "not yet" should ask again.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// `GET /ready`, `GET /warmup` and `GET /startup`, each with and without a slash behind it: 200,
/// or 503 with `Retry-After`.
pub fn routes<S: Clone + Send + Sync + 'static>(readiness: &Readiness) -> Router<S> {
    let mut router = Router::new();
    for path in ["/ready", "/ready/"] {
        let readiness = readiness.clone();
        let handler = async move || {
            let answer = readiness.ready().await;
            respond(answer.is_ready(), answer)
        };
        router = router.route(path, get(handler));
    }
    for path in ["/warmup", "/warmup/"] {
        let readiness = readiness.clone();
        let handler = async move || {
            let answer = readiness.warm_up().await;
            respond(answer.is_done(), answer)
        };
        router = router.route(path, get(handler));
    }
    for path in ["/startup", "/startup/"] {
        let readiness = readiness.clone();
        let handler = async move || {
            let answer = readiness.started();
            respond(answer.is_ready(), answer)
        };
        router = router.route(path, get(handler));
    }
    router
}

fn respond(is_good: bool, answer: impl Serialize) -> Response {
    let mut response = Json(answer).into_response();
    mark(&mut response, is_good);
    response
}

/// Give a probe's answer its status and headers: nobody between the program and its platform may
/// answer from memory, and who is told no is told when to ask again.
pub fn mark<B>(response: &mut http::Response<B>, is_good: bool) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_good {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
}
