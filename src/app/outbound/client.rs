//! The client of one worker: its connections, its counters, its breaker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::breaker::Breaker;
use super::call::{Attempt, SLICE, destination};
use super::failure::{Destination, Failure};
use super::policy::OutboundPolicy;
use super::ports::PortRange;
use super::stream::Stream;

/// The most connections that a worker leaves open unused.
const MOST_HELD: usize = 512;

/// The client of one worker.
#[derive(Debug)]
pub(crate) struct Client {
    policy: OutboundPolicy,
    to: Option<Destination>,
    ports: Option<PortRange>,
    breaker: Mutex<Breaker>,
    /// Connections that wait for their next call.
    idle: Mutex<Vec<Stream>>,
    /// Connections that nobody will use again, and until when they stay open.
    held: Mutex<VecDeque<(Instant, Stream)>>,
    calls: AtomicU64,
    failures: AtomicU64,
    connections: AtomicU64,
    refused_by_breaker: AtomicU64,
    /// Grows with every undo: calls under way that began before end at once.
    undone: AtomicU64,
}

/// How a call of the application ended, with all its attempts.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) attempts: u32,
    pub(super) outcome: Result<(), Failure>,
    /// What goes to the console.
    pub(super) lines: Vec<String>,
}

impl Client {
    /// The client that this policy describes. `pool` is the same number in every worker of a pool.
    pub(crate) fn new(policy: OutboundPolicy, pool: u32) -> Self {
        let to = policy.base_url.as_deref().and_then(destination);
        let ports = (policy.ports > 0).then(|| PortRange::new(policy.ports, pool));
        Self {
            to,
            ports,
            policy,
            breaker: Mutex::default(),
            idle: Mutex::default(),
            held: Mutex::default(),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            refused_by_breaker: AtomicU64::new(0),
            undone: AtomicU64::new(0),
        }
    }

    /// Close every connection and end every call under way.
    pub(crate) fn undo(&self) {
        self.undone.fetch_add(1, Ordering::Relaxed);
        self.idle.lock().clear();
        self.held.lock().clear();
        *self.breaker.lock() = Breaker::default();
    }

    /// The counters; `None` where no service is set.
    pub(crate) fn counted(&self) -> Option<Value> {
        self.to.as_ref()?;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut counted = json!({
            "calls": of(&self.calls),
            "connections_opened": of(&self.connections),
            "failures": of(&self.failures),
            "refused_by_breaker": of(&self.refused_by_breaker),
        });
        if let Some(ports) = &self.ports {
            counted["port_limit"] = json!({
                "kept_by": ports.kept_by(),
                "ports": self.policy.ports,
            });
        }
        Some(counted)
    }

    /// Call the service as the policy says. Blocks.
    pub(super) fn call(&self) -> Called {
        let mut called = Called {
            attempts: 0,
            outcome: Err(Failure::NotConfigured),
            lines: Vec::new(),
        };
        let Some(to) = &self.to else {
            return called;
        };
        let began = self.undone.load(Ordering::Relaxed);
        for retry in 0..=self.policy.retries {
            called.outcome = self.attempt(to, began);
            let Err(failure) = &called.outcome else {
                called.attempts += 1;
                return called;
            };
            let budget = self.policy.longest_call().as_secs_f64();
            called.lines.push(failure.in_python(to, budget));
            if *failure == Failure::BreakerOpen || self.undone.load(Ordering::Relaxed) != began {
                return called;
            }
            called.attempts += 1;
            if retry < self.policy.retries {
                self.sleep(self.policy.pause(retry), began);
            }
        }
        called
    }

    /// Sleep, unless everything is undone meanwhile.
    fn sleep(&self, pause: Duration, began: u64) {
        let until = Instant::now() + pause;
        while self.undone.load(Ordering::Relaxed) == began {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    fn attempt(&self, to: &Destination, began: u64) -> Result<(), Failure> {
        let open = self.policy.breaker_open;
        if !self.breaker.lock().admits(Instant::now(), open) {
            self.refused_by_breaker.fetch_add(1, Ordering::Relaxed);
            return Err(Failure::BreakerOpen);
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let outcome = self.exchange(&Attempt {
            to,
            deadline: Instant::now() + self.policy.longest_call(),
            ports: self.ports.as_ref(),
            called_off: &|| self.undone.load(Ordering::Relaxed) != began,
        });
        if outcome.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        let threshold = self.policy.breaker_failures;
        self.breaker
            .lock()
            .note(outcome.is_ok(), threshold, Instant::now(), open);
        outcome
    }

    fn exchange(&self, attempt: &Attempt<'_>) -> Result<(), Failure> {
        if self.policy.reuse {
            let known = self.idle.lock().pop();
            if let Some(mut stream) = known {
                match attempt.ask(&mut stream) {
                    // The service may have closed it meanwhile.
                    Err(Failure::BrokenOff) => {}
                    outcome => return self.keep(outcome, stream),
                }
            }
        }
        self.close_what_is_over();
        let mut stream = attempt.connect()?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        let outcome = attempt.ask(&mut stream);
        self.keep(outcome, stream)
    }

    /// Keep the connection, for the next call or for nobody.
    fn keep(&self, outcome: Result<bool, Failure>, stream: Stream) -> Result<(), Failure> {
        let whole = matches!(outcome, Ok(true));
        if self.policy.reuse {
            if whole {
                self.idle.lock().push(stream);
            }
        } else if !self.policy.hold.is_zero() {
            let mut held = self.held.lock();
            held.push_back((Instant::now() + self.policy.hold, stream));
            if held.len() > MOST_HELD {
                held.pop_front();
            }
        }
        outcome.map(|_| ())
    }

    fn close_what_is_over(&self) {
        let now = Instant::now();
        let mut held = self.held.lock();
        while held.front().is_some_and(|(until, _)| *until <= now) {
            held.pop_front();
        }
        if let Some(ports) = &self.ports {
            ports.now_open(held.len());
        }
    }
}
