//! `/diag/slots`.

use axum::body::Body;
use http::Response;
use serde_json::json;

use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;

/// `GET /diag/slots`.
pub(in crate::app) fn slots(_: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({}))
}
