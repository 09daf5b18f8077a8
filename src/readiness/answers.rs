//! What the probes answer, as values and as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::check::Failure;

/// How one check went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckResult {
    ok: bool,
    latency_ms: f64,
    error: Option<&'static str>,
}

impl CheckResult {
    pub(super) fn new(outcome: Result<(), Failure>, took: Duration) -> Self {
        Self {
            ok: outcome.is_ok(),
            latency_ms: milliseconds(took),
            error: outcome.err().map(Failure::word),
        }
    }

    /// Whether it passed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ok
    }

    /// Why it did not.
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        self.error
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub fn latency_ms(&self) -> f64 {
        self.latency_ms
    }
}

/// All checks of one moment.
#[derive(Debug)]
pub(super) struct Checks {
    pub(super) results: BTreeMap<&'static str, CheckResult>,
    pub(super) at: Timestamp,
}

/// The answer of `/ready` and `/startup`.
///
/// ```json
/// {"ready":false,"checks":{"database":{"ok":false,"latency_ms":1.2,"error":"refused"}},
///  "latches":{"not_draining":true,"process_up":true,"warmed":true},
///  "timestamp":"2026-04-04T05:45:29.123Z"}
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct ReadyAnswer {
    pub(super) ready: bool,
    #[serde(serialize_with = "results")]
    pub(super) checks: Arc<Checks>,
    pub(super) latches: BTreeMap<&'static str, bool>,
    pub(super) timestamp: String,
}

impl ReadyAnswer {
    /// Whether every latch is open and every check passed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// The checks by name.
    #[must_use]
    pub fn checks(&self) -> &BTreeMap<&'static str, CheckResult> {
        &self.checks.results
    }

    /// The latches by name.
    #[must_use]
    pub fn latches(&self) -> &BTreeMap<&'static str, bool> {
        &self.latches
    }
}

fn results<S: serde::Serializer>(checks: &Arc<Checks>, to: S) -> Result<S::Ok, S::Error> {
    checks.results.serialize(to)
}

/// How one step of the warm-up went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepResult {
    pub(super) name: &'static str,
    pub(super) ok: bool,
    pub(super) duration_ms: f64,
    pub(super) error: Option<&'static str>,
}

impl StepResult {
    /// The step's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ok
    }

    /// Why it is not.
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        self.error
    }
}

/// The answer of `/warmup`.
///
/// ```json
/// {"done":true,"duration_ms":41.0,"timestamp":"2026-04-04T05:45:29.123Z",
///  "steps":[{"name":"database","ok":true,"duration_ms":41.0,"error":null}]}
/// ```
///
/// A step that is done keeps its result: asked again, the answer is the same.
#[derive(Debug, Clone, Serialize)]
pub struct WarmUpAnswer {
    pub(super) done: bool,
    pub(super) duration_ms: f64,
    pub(super) steps: Vec<StepResult>,
    pub(super) timestamp: String,
}

impl WarmUpAnswer {
    /// Whether every step is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The steps, in the order in which they are done.
    #[must_use]
    pub fn steps(&self) -> &[StepResult] {
        &self.steps
    }
}

/// To three decimals, as a number of JSON.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// RFC 3339 in UTC, to the millisecond.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
