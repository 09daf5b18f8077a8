//! `/diag/workers`: the whole pool, whichever worker is asked.

use std::time::Duration;

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};

use super::proc::or_error;
use crate::app::pool::{AcceptQueue, Activity, WorkerSnapshot};
use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;
use crate::machine::memory;

/// `GET /diag/workers`.
pub(in crate::app) fn workers(state: &AppState, _: &Query) -> Response<Body> {
    let pool = state.pool.snapshot();
    let workers: Vec<Value> = if pool.workers.is_empty() {
        vec![worker_body(&alone(state))]
    } else {
        pool.workers.iter().map(worker_body).collect()
    };
    let busy = workers
        .iter()
        .filter(|worker| worker["state"] == "busy")
        .count();
    reply::json(&json!({
        "accept_queues": pool.accept_queues.iter().map(queue_body).collect::<Vec<_>>(),
        "answered_by": std::process::id(),
        "arbiter_pid": pool.arbiter,
        "busy": busy,
        "count": workers.len(),
        "requests_at_once": pool.requests_at_once,
        "workers": workers,
    }))
}

/// Without a pool the process that answers is the only worker, busy with this very request.
fn alone(state: &AppState) -> WorkerSnapshot {
    WorkerSnapshot {
        pid: std::process::id(),
        age: 1,
        activity: Activity::Busy {
            request: "GET /diag/workers".to_owned(),
            since: Duration::ZERO,
            in_flight: 1,
        },
        requests: state.request_count(),
        last_heartbeat: None,
        leak_blocks: state.leak_blocks(),
    }
}

fn worker_body(worker: &WorkerSnapshot) -> Value {
    let (state, busy) = match &worker.activity {
        Activity::Booting => ("booting", Value::Null),
        Activity::Idle => ("idle", Value::Null),
        Activity::Busy {
            request,
            since,
            in_flight,
        } => (
            "busy",
            json!({
                "in_flight": in_flight,
                "request": crate::redaction::redact(request),
                "since_seconds": seconds(*since),
            }),
        ),
    };
    json!({
        "age": worker.age,
        "busy_with": busy,
        "last_heartbeat_seconds": worker.last_heartbeat.map(seconds),
        "leak_blocks": worker.leak_blocks,
        "pid": worker.pid,
        "requests": worker.requests,
        "rss_bytes": or_error(memory::rss_of_process(worker.pid)),
        "state": state,
    })
}

fn queue_body(queue: &AcceptQueue) -> Value {
    let waiting = match &queue.waiting {
        Ok(waiting) => json!(waiting),
        Err(reason) => json!({"error": reason}),
    };
    json!({"listener": queue.listener, "waiting": waiting})
}

/// Seconds to three decimals.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
