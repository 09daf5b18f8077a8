//! `/job`: work that goes on behind the answer, for what would outlast the front end's limit.
//!
//! A job lasts as long as a `/slow`, in a thread of its own, and is asked about at `/job/status`. Jobs
//! are this worker's: with several workers they belong into a queue that all of them reach.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use parking_lot::{Condvar, Mutex};
use serde_json::json;

use super::query::Query;
use super::reply;
use super::state::AppState;

/// Where jobs are asked about.
pub(super) const STATUS: &str = "/job/status";
/// After how many seconds to ask again.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// The jobs of one worker.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    under_way: u64,
    finished: u64,
    /// Grows with every undo: jobs that began before end at once.
    undone: u64,
}

/// Why a job was not begun.
#[derive(Debug, thiserror::Error)]
enum NoJob {
    /// As many are under way as may be.
    #[error("{0} jobs are under way, and no more are taken")]
    Full(u64),
    /// The system has no thread left.
    #[error("no thread for a job: {0}")]
    Thread(#[from] std::io::Error),
}

impl Jobs {
    /// Begin one, unless `most` are under way.
    fn begin(self: &Arc<Self>, most: u64, lasts: Duration) -> Result<(), NoJob> {
        let began = {
            let mut counts = self.counts.lock();
            if counts.under_way >= most {
                return Err(NoJob::Full(counts.under_way));
            }
            counts.under_way += 1;
            counts.undone
        };
        let jobs = Arc::clone(self);
        let thread = thread::Builder::new().name("job".to_owned());
        if let Err(error) = thread.spawn(move || jobs.work(began, lasts)) {
            self.counts.lock().under_way -= 1;
            return Err(error.into());
        }
        Ok(())
    }

    /// The work of a job: it takes its time.
    fn work(&self, began: u64, lasts: Duration) {
        let until = Instant::now() + lasts;
        let mut counts = self.counts.lock();
        while counts.undone == began && !self.changed.wait_until(&mut counts, until).timed_out() {}
        counts.under_way -= 1;
        counts.finished += u64::from(counts.undone == began);
    }

    /// End every job there and then, and forget those that are finished.
    pub(super) fn undo(&self) {
        let mut counts = self.counts.lock();
        counts.undone += 1;
        counts.finished = 0;
        self.changed.notify_all();
    }
}

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
    let counts = *state.jobs.counts.lock();
    let body = json!({"finished": counts.finished, "under_way": counts.under_way});
    match counts.under_way {
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
