//! The service's routes.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::service::{Knobs, Service};

/// Every route: `/calls` tells the counters, `/knobs` tells the knobs (GET), turns them (POST) or
/// turns them back (DELETE), and every other path is a call of the service.
pub fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/calls", get(calls))
        .route("/knobs", get(knobs).post(turn).delete(undo))
        .fallback(call)
        .layer(middleware::from_fn(refuse_foreign_pages))
        .with_state(service)
}

/// Whoever may turn the knobs, a page of another site in somebody's browser may not.
async fn refuse_foreign_pages(request: Request, next: Next) -> Response {
    let from = request.headers().get("sec-fetch-site");
    match from.is_some_and(|site| site == "cross-site") {
        true => StatusCode::FORBIDDEN.into_response(),
        false => next.run(request).await,
    }
}

async fn call(State(service): State<Arc<Service>>) -> (StatusCode, Json<Value>) {
    match service.take().await {
        true => (StatusCode::OK, Json(json!({"status": "ok"}))),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "failed"})),
        ),
    }
}

async fn calls(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(json!(service.counted()))
}

async fn knobs(State(service): State<Arc<Service>>) -> Json<Knobs> {
    Json(service.knobs())
}

async fn turn(State(service): State<Arc<Service>>, Query(knobs): Query<Knobs>) -> Response {
    match service.turn(knobs) {
        Ok(()) => Json(service.knobs()).into_response(),
        Err(error) => {
            let body = Json(json!({"error": error.to_string()}));
            (StatusCode::BAD_REQUEST, body).into_response()
        }
    }
}

async fn undo(State(service): State<Arc<Service>>) -> Json<Knobs> {
    // Without latency and failures the knobs are always within their bounds.
    let _ = service.turn(Knobs::default());
    Json(service.knobs())
}
