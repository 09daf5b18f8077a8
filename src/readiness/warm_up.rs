//! The warm-up: what the first requests would have to wait for, done once and before them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::answers::{StepResult, WarmUpAnswer, written};
use super::evaluation::Registered;

/// The steps, and how far they are.
pub(super) struct WarmUp {
    steps: Vec<Registered>,
    /// Held while steps are being done: whoever comes second waits here.
    turn: tokio::sync::Mutex<()>,
    /// What is done, by the step's number.
    done: Mutex<Vec<Option<StepResult>>>,
    is_done: AtomicBool,
    /// Whether somebody has begun, and not failed since.
    begun: AtomicBool,
    /// Called when everything is done, once.
    when_done: Box<dyn Fn() + Send + Sync>,
}

impl WarmUp {
    pub(super) fn new(steps: Vec<Registered>, when_done: Box<dyn Fn() + Send + Sync>) -> Self {
        if steps.is_empty() {
            when_done();
        }
        Self {
            when_done,
            turn: tokio::sync::Mutex::new(()),
            done: Mutex::new(vec![None; steps.len()]),
            is_done: AtomicBool::new(steps.is_empty()),
            begun: AtomicBool::new(false),
            steps,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Whether the caller is the one who shall begin.
    pub(super) fn shall_begin(&self) -> bool {
        !self.is_done() && !self.begun.swap(true, Ordering::AcqRel)
    }

    /// Do every step that is not done yet, in order; a step that fails does not keep the next
    /// ones from being tried.
    pub(super) async fn run(&self) -> WarmUpAnswer {
        let _turn = self.turn.lock().await;
        let _attempt = Attempt::begin(self);
        let mut steps = Vec::with_capacity(self.steps.len());
        for (number, step) in self.steps.iter().enumerate() {
            let earlier = self.done.lock()[number].clone();
            steps.push(match earlier {
                Some(result) => result,
                None => self.take(number, step).await,
            });
        }
        let done = steps.iter().all(StepResult::is_ok);
        if done && !self.is_done.swap(true, Ordering::AcqRel) {
            (self.when_done)();
        }
        let total: f64 = steps.iter().map(|step| step.duration_ms).sum();
        WarmUpAnswer {
            done,
            duration_ms: (total * 1000.0).round() / 1000.0,
            steps,
            timestamp: written(Timestamp::now()),
        }
    }

    async fn take(&self, number: usize, step: &Registered) -> StepResult {
        let result = step.ask().await;
        let result = StepResult {
            name: step.name,
            ok: result.is_ok(),
            duration_ms: result.latency_ms(),
            error: result.error(),
        };
        if result.ok {
            self.done.lock()[number] = Some(result.clone());
        }
        result
    }

    /// The sum of all budgets: no warm-up takes longer.
    pub(super) fn budget(&self) -> Duration {
        self.steps.iter().map(|step| step.budget).sum()
    }
}

/// Lets somebody else begin when an attempt ends without having done everything, also where it
/// was dropped in the middle.
struct Attempt<'a>(&'a WarmUp);

impl<'a> Attempt<'a> {
    fn begin(warm_up: &'a WarmUp) -> Self {
        warm_up.begun.store(true, Ordering::Release);
        Self(warm_up)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.0.begun.store(false, Ordering::Release);
    }
}
