//! How calls are made, as the knobs say.

use std::time::Duration;

/// A call without a time budget ends here all the same: every fault has a cap.
const LONGEST_CALL: Duration = Duration::from_secs(300);
/// The longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How calls are made.
#[derive(Clone, PartialEq)]
pub struct OutboundPolicy {
    /// The service that is called; `None` where none is set.
    pub base_url: Option<String>,
    /// The time budget of one attempt; `None` waits for ever, which is 300 s here.
    pub budget: Option<Duration>,
    /// Attempts after the first.
    pub retries: u32,
    /// The pause before the first retry; it doubles with each, up to 30 s.
    pub backoff: Duration,
    /// Whether each pause is drawn between nothing and its full length.
    pub jitter: bool,
    /// Failures in a row after which no call is made for a while; 0 never.
    pub breaker_failures: u32,
    /// How long that while is.
    pub breaker_open: Duration,
    /// Whether a connection is used again.
    pub reuse: bool,
    /// Local ports that all workers together may use for one destination; 0 is no limit.
    pub ports: u16,
    /// How long a connection that is not used again stays open, and its port taken.
    pub hold: Duration,
}

/// Without the service's address, in which there may be a key.
impl std::fmt::Debug for OutboundPolicy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OutboundPolicy")
            .field("budget", &self.budget)
            .field("retries", &self.retries)
            .field("backoff", &self.backoff)
            .field("jitter", &self.jitter)
            .field("breaker_failures", &self.breaker_failures)
            .field("breaker_open", &self.breaker_open)
            .field("reuse", &self.reuse)
            .field("ports", &self.ports)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

impl Default for OutboundPolicy {
    fn default() -> Self {
        Self {
            base_url: None,
            budget: None,
            retries: 0,
            backoff: Duration::ZERO,
            jitter: false,
            breaker_failures: 0,
            breaker_open: Duration::from_secs(30),
            reuse: true,
            ports: 0,
            hold: Duration::from_secs(240),
        }
    }
}

impl OutboundPolicy {
    /// How long one attempt may take.
    pub(super) fn longest_call(&self) -> Duration {
        self.budget.unwrap_or(LONGEST_CALL).min(LONGEST_CALL)
    }

    /// The pause before a retry, counted from 0.
    pub(super) fn pause(&self, retry: u32) -> Duration {
        let full = self.backoff.saturating_mul(1 << retry.min(16));
        let full = full.min(LONGEST_PAUSE);
        match self.jitter {
            true => full.mul_f64(fastrand::f64()),
            false => full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_capped_and_are_drawn_with_jitter() {
        let mut policy = OutboundPolicy {
            backoff: Duration::from_secs(1),
            ..OutboundPolicy::default()
        };
        let pauses: Vec<u64> = (0..7).map(|retry| policy.pause(retry).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        policy.jitter = true;
        let drawn: Vec<Duration> = (0..50).map(|_| policy.pause(2)).collect();
        assert!(drawn.iter().all(|pause| *pause <= Duration::from_secs(4)));
        assert!(drawn.iter().any(|pause| *pause != drawn[0]));
    }

    #[test]
    fn a_call_without_a_budget_is_capped() {
        assert_eq!(OutboundPolicy::default().longest_call(), LONGEST_CALL);
        let policy = OutboundPolicy {
            budget: Some(Duration::from_secs(2)),
            ..OutboundPolicy::default()
        };
        assert_eq!(policy.longest_call(), Duration::from_secs(2));
    }
}
