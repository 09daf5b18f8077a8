//! `/slow`: a request that holds its worker without using it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};

use super::query::Query;
use super::reply;
use super::state::AppState;

/// Counts a request as slow for as long as it lives, however it ends.
struct Active<'a>(&'a AtomicU64);

impl<'a> Active<'a> {
    fn enter(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /slow`, `GET /slow?seconds=N`.
pub(super) async fn slow(state: Arc<AppState>, query: Query) -> Response<Body> {
    let asked = match query.seconds("seconds", state.config.slow_limit_seconds) {
        Ok(asked) => asked,
        Err(bad) => return bad.reply(),
    };
    let delay = asked.unwrap_or_else(|| state.delays.draw());
    let _active = Active::enter(&state.active_slow_requests);
    let cut_short = tokio::select! {
        biased;
        () = state.cut_short.notified() => true,
        () = tokio::time::sleep(Duration::from_secs_f64(delay)) => false,
    };
    let mut body = json!({"delaySeconds": seconds(delay), "endpoint": "slow"});
    if cut_short {
        body["cut_short"] = Value::Bool(true);
    }
    reply::json(&body)
}

/// Whole seconds as an integer, as the labs show them; others as a fraction.
fn seconds(delay: f64) -> Value {
    if delay.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "delays are checked to lie between 0 and a day"
        )]
        return Value::from(delay as u64);
    }
    Value::from(delay)
}
