//! Running checks: all at the same time, each within its own budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::answers::{CheckResult, Checks};
use super::check::{Check, Failure};

/// A registered check or step.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) name: &'static str,
    pub(super) budget: Duration,
    pub(super) check: Arc<dyn Check>,
}

impl Registered {
    /// Ask within the budget.
    ///
    /// The check is a task of its own, so that its panic is its own as well.
    pub(super) async fn ask(&self) -> CheckResult {
        let check = Arc::clone(&self.check);
        let began = Instant::now();
        let deadline = began + self.budget;
        let mut task = JoinSet::new();
        // A check that keeps the deadline itself comes first, and says what it waited for.
        task.spawn(async move {
            timeout_at(deadline, check.run(deadline))
                .await
                .unwrap_or(Err(Failure::OUT_OF_TIME))
        });
        let outcome = match task.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) | None => Err(Failure::PANICKED),
        };
        CheckResult::new(outcome, began.elapsed())
    }
}

/// Ask all at the same time.
pub(super) async fn ask_all(registered: &[Registered]) -> Checks {
    let mut tasks = JoinSet::new();
    for one in registered {
        let one = one.clone();
        tasks.spawn(async move { (one.name, one.ask().await) });
    }
    let mut results = BTreeMap::new();
    while let Some(finished) = tasks.join_next().await {
        if let Ok((name, result)) = finished {
            results.insert(name, result);
        }
    }
    Checks {
        results,
        at: Timestamp::now(),
    }
}
