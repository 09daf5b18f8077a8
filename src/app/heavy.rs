//! `/heavy`: a request that uses the processor and, for a moment, memory.

use axum::body::Body;
use http::Response;
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// How many integers one round builds and sorts.
const COUNT: u64 = 500_000;

/// `GET /heavy`, `GET /heavy?rounds=N`.
pub(super) fn heavy(state: &AppState, query: &Query) -> Response<Body> {
    let rounds = match query.whole("rounds", 1..=state.config.heavy_max_rounds) {
        Ok(rounds) => rounds.unwrap_or(1),
        Err(bad) => return bad.reply(),
    };
    let mut largest = Vec::new();
    for _ in 0..rounds {
        largest = round();
    }
    reply::json(&json!({"count": COUNT, "max_values": largest, "status": "computed"}))
}

fn round() -> Vec<u64> {
    #[expect(
        clippy::vec_box,
        reason = "every integer is an object of its own, as in CPython"
    )]
    let mut values: Vec<Box<u64>> = (0..COUNT)
        .map(|i| Box::new((i * 97) % 10_000_019))
        .collect();
    values.sort_unstable_by(|left, right| right.cmp(left));
    values.iter().take(3).map(|value| **value).collect()
}
