//! The registry: what was registered, and the answers computed from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::answers::{Checks, ReadyAnswer, WarmUpAnswer, written};
use super::check::Check;
use super::evaluation::{Registered, ask_all};
use super::latch::Latched;
use super::warm_up::WarmUp;

/// How long the results of the checks are kept: probes more frequent than this cost nothing.
pub const KEPT_FOR: Duration = Duration::from_secs(1);

/// Names of the latches that every registry has.
const PROCESS_UP: &str = "process_up";
const WARMED: &str = "warmed";

/// Latches, checks and steps; clones share them.
#[derive(Clone)]
pub struct Readiness {
    inner: Arc<Inner>,
}

struct Inner {
    latches: BTreeMap<&'static str, Box<dyn Latched>>,
    checks: Vec<Registered>,
    warm_up: Arc<WarmUp>,
    /// Locked while checks run: one evaluation serves everybody who asks meanwhile.
    last: Mutex<Option<(Instant, Arc<Checks>)>>,
    /// Whether all latches have been open once.
    started: AtomicBool,
}

/// Names only: what was registered is code.
impl std::fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let checks: Vec<_> = self.inner.checks.iter().map(|check| check.name).collect();
        formatter
            .debug_struct("Readiness")
            .field("latches", &self.inner.latches.keys())
            .field("checks", &checks)
            .finish_non_exhaustive()
    }
}

/// Registers what readiness depends on.
#[derive(Default)]
pub struct Builder {
    latches: BTreeMap<&'static str, Box<dyn Latched>>,
    checks: Vec<Registered>,
    steps: Vec<Registered>,
    when_warm: Vec<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// A condition that must hold. One that is called `warmed` takes the place of the built-in
    /// latch, which is open when every step is done here.
    #[must_use]
    pub fn latch(mut self, name: &'static str, latch: impl Latched) -> Self {
        self.latches.insert(name, Box::new(latch));
        self
    }

    /// A question that is asked for readiness, and how long its answer may take.
    #[must_use]
    pub fn check(mut self, name: &'static str, budget: Duration, check: impl Check) -> Self {
        self.checks.push(registered(name, budget, check));
        self
    }

    /// A step of the warm-up, after those registered before, and how long it may take.
    #[must_use]
    pub fn step(mut self, name: &'static str, budget: Duration, step: impl Check) -> Self {
        self.steps.push(registered(name, budget, step));
        self
    }

    /// Called once, when every step is done; at once where there is no step.
    #[must_use]
    pub fn when_warm(mut self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        self.when_warm.push(Box::new(tell));
        self
    }

    /// The registry.
    #[must_use]
    pub fn build(mut self) -> Readiness {
        let tell_all = self.when_warm;
        let when_done = Box::new(move || tell_all.iter().for_each(|tell| tell()));
        let warm_up = Arc::new(WarmUp::new(self.steps, when_done));
        self.latches.insert(PROCESS_UP, Box::new(|| true));
        let own = Arc::clone(&warm_up);
        self.latches
            .entry(WARMED)
            .or_insert_with(|| Box::new(move || own.is_done()));
        Readiness {
            inner: Arc::new(Inner {
                latches: self.latches,
                checks: self.checks,
                warm_up,
                last: Mutex::new(None),
                started: AtomicBool::new(false),
            }),
        }
    }
}

fn registered(name: &'static str, budget: Duration, check: impl Check) -> Registered {
    Registered {
        name,
        budget,
        check: Arc::new(check),
    }
}

impl Readiness {
    /// An empty registry to fill.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Whether anything has to be asked or done at all: without it, every answer is ready at the
    /// first poll, and no runtime is needed.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.inner.checks.is_empty() && self.inner.warm_up.is_done()
    }

    /// Whether every step of the warm-up is done.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.inner.warm_up.is_done()
    }

    /// Whether the program should get requests now.
    ///
    /// Latches are read at once; checks are asked unless their last answers are younger than
    /// [`KEPT_FOR`]. Begins the warm-up where nobody has yet, and does not wait for it.
    pub async fn ready(&self) -> ReadyAnswer {
        self.begin_warm_up();
        let checks = self.checks().await;
        let latches = self.latches();
        let is_open = latches.values().all(|open| *open);
        let all_pass = checks.results.values().all(super::CheckResult::is_ok);
        ReadyAnswer {
            ready: is_open && all_pass,
            timestamp: written(checks.at),
            checks,
            latches,
        }
    }

    /// Whether the program has started: every latch has been open at the same time once. Checks
    /// are not asked, so that a dependency that is away delays no start.
    pub fn started(&self) -> ReadyAnswer {
        self.begin_warm_up();
        let latches = self.latches();
        let is_open = latches.values().all(|open| *open);
        let before = self.inner.started.fetch_or(is_open, Ordering::AcqRel);
        let now = Timestamp::now();
        ReadyAnswer {
            ready: before || is_open,
            checks: Arc::new(Checks {
                results: BTreeMap::new(),
                at: now,
            }),
            latches,
            timestamp: written(now),
        }
    }

    /// Do what is left of the warm-up, and say how each step went.
    pub async fn warm_up(&self) -> WarmUpAnswer {
        self.inner.warm_up.run().await
    }

    /// How long a warm-up takes at most.
    #[must_use]
    pub fn warm_up_budget(&self) -> Duration {
        self.inner.warm_up.budget()
    }

    /// Begin the warm-up in a task of its own, unless somebody has. Needs a tokio runtime where
    /// there is a step to do.
    pub fn begin_warm_up(&self) {
        if self.inner.warm_up.shall_begin() {
            let warm_up = Arc::clone(&self.inner.warm_up);
            tokio::spawn(async move { warm_up.run().await });
        }
    }

    fn latches(&self) -> BTreeMap<&'static str, bool> {
        self.inner
            .latches
            .iter()
            .map(|(name, latch)| (*name, latch.is_open()))
            .collect()
    }

    async fn checks(&self) -> Arc<Checks> {
        if self.inner.checks.is_empty() {
            return Arc::new(Checks {
                results: BTreeMap::new(),
                at: Timestamp::now(),
            });
        }
        let mut last = self.inner.last.lock().await;
        if let Some((at, checks)) = last.as_ref()
            && at.elapsed() < KEPT_FOR
        {
            return Arc::clone(checks);
        }
        let checks = Arc::new(ask_all(&self.inner.checks).await);
        *last = Some((Instant::now(), Arc::clone(&checks)));
        checks
    }
}
