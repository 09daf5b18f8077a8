//! The answer to a scrape of the emulator.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Host;
use crate::metrics;

/// `GET /metrics` of the control API.
pub(super) async fn show(State(host): State<Arc<Host>>, asked: HeaderMap) -> Response {
    metrics::answer(&asked, &host.metrics())
}
