//! The probes that answer for more than the worker that is asked: `/ready`, `/startup`, `/warmup`.
//!
//! `/health` is not among them: see [`super::health`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Response;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::pool::Pool;
use super::reply;
use super::state::AppState;
use crate::readiness::{self, WarmUpAnswer};

/// How long `/warmup` waits where nobody minds: App Service gives a ping before a swap 90 s, and ends
/// the swap when the status that comes is not a listed one.
const LONGEST_WAIT: Duration = Duration::from_secs(85);
/// Pause between two looks at the other workers.
const PASS: Duration = Duration::from_millis(10);

/// `GET /ready`: whether requests are welcome now.
pub(super) async fn ready(state: Arc<AppState>) -> Response<Body> {
    begin_warm_up_everywhere(&state);
    if state.readiness.is_plain() {
        let answer = state.readiness.ready().await;
        return respond(answer.is_ready(), &answer);
    }
    let readiness = state.readiness.clone();
    match state
        .check_runtime
        .run(async move { readiness.ready().await })
        .await
    {
        Some(answer) => respond(answer.is_ready(), &answer),
        None => no_engine(),
    }
}

/// Have every other worker warm up as long as the pool is not warm: the kernel chooses who gets a
/// probe, and may choose the same worker every time. One whose warm-up failed tries it again.
fn begin_warm_up_everywhere(state: &AppState) {
    if !state.pool.is_warm(state.readiness.is_warm()) {
        state.pool.request_warm_up();
    }
}

/// `GET /startup`: whether the start is over. Once it is, it stays so.
pub(super) async fn startup(state: Arc<AppState>) -> Response<Body> {
    state.begin_warm_up();
    begin_warm_up_everywhere(&state);
    let answer = state.readiness.started();
    respond(answer.is_ready(), &answer)
}

/// `GET /warmup`: do what the first requests would have to wait for, in every worker. Answers 200
/// when all are done, and 503 when that takes longer than the ping before a swap waits, or half of
/// what a sync worker's heartbeat allows; the warm-up then goes on.
pub(super) async fn warm_up(state: Arc<AppState>) -> Response<Body> {
    if state.readiness.is_warm() && state.pool.is_warm(true) {
        return warm_up_answer(&state.readiness.warm_up().await, &*state.pool);
    }
    state.pool.request_warm_up();
    let (readiness, pool) = (state.readiness.clone(), Arc::clone(&state.pool));
    let waited = state.check_runtime.run(async move {
        let limit = pool.longest_request().map(|limit| limit / 2);
        let deadline = Instant::now() + limit.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        let own = timeout_at(deadline, readiness.warm_up()).await;
        let is_done = own.as_ref().is_ok_and(WarmUpAnswer::is_done);
        while is_done && !pool.is_warm(true) && Instant::now() < deadline {
            tokio::time::sleep(PASS).await;
        }
        own
    });
    match waited.await {
        Some(Ok(answer)) => warm_up_answer(&answer, &*state.pool),
        Some(Err(_)) => {
            state.begin_warm_up();
            respond(false, &json!({"done": false, "error": "still_warming_up"}))
        }
        None => no_engine(),
    }
}

fn warm_up_answer(answer: &WarmUpAnswer, pool: &dyn Pool) -> Response<Body> {
    let done = answer.is_done() && pool.is_warm(answer.is_done());
    let (warm, wanted) = pool.warm_workers(answer.is_done());
    // A struct of texts, numbers and lists always is a value.
    let mut value = serde_json::to_value(answer).unwrap_or_default();
    value["done"] = Value::Bool(done);
    value["workers"] = json!({"warm": warm, "wanted": wanted});
    respond(done, &value)
}

/// What a request that needs the caches does in a worker that nobody has warmed up: fill them
/// first. Everybody else waits with it.
pub(super) async fn wait_until_warm(state: &AppState) {
    if state.config.warm_up_time.is_zero() || state.readiness.is_warm() {
        return;
    }
    let readiness = state.readiness.clone();
    // Without the runtime there are no caches; the request is answered as it would be without.
    let _ = state
        .check_runtime
        .run(async move { readiness.warm_up().await })
        .await;
}

fn respond(is_good: bool, answer: &impl Serialize) -> Response<Body> {
    // A struct of texts, numbers and maps with text keys always is a value.
    let value = serde_json::to_value(answer).unwrap_or_default();
    let mut response = reply::json(&value);
    readiness::mark(&mut response, is_good);
    response
}

/// The process may have no more threads.
fn no_engine() -> Response<Body> {
    respond(false, &json!({"ready": false, "error": "no_thread"}))
}
