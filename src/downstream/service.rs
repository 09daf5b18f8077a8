//! The service's state: its knobs and its counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// The longest latency that can be set.
pub const MOST_LATENCY: Duration = Duration::from_secs(300);

/// What can be turned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Knobs {
    /// How long every answer takes, in seconds.
    #[serde(default)]
    pub latency_seconds: f64,
    /// Which share of the answers is 503, from 0 to 1.
    #[serde(default)]
    pub fail_share: f64,
}

/// A knob outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum KnobError {
    /// The latency.
    #[error("a latency of {0} s is not accepted\n\nhint: 0 to {most}", most = MOST_LATENCY.as_secs())]
    Latency(f64),
    /// The share.
    #[error("a share of {0} is not accepted\n\nhint: 0 to 1")]
    Share(f64),
}

impl Knobs {
    /// These knobs, if they are within their bounds.
    ///
    /// # Errors
    /// When one is not.
    pub fn checked(self) -> Result<Self, KnobError> {
        if !(0.0..=MOST_LATENCY.as_secs_f64()).contains(&self.latency_seconds) {
            return Err(KnobError::Latency(self.latency_seconds));
        }
        if !(0.0..=1.0).contains(&self.fail_share) {
            return Err(KnobError::Share(self.fail_share));
        }
        Ok(self)
    }
}

/// The state of the service.
#[derive(Debug, Default)]
pub struct Service {
    knobs: Mutex<Knobs>,
    /// Wakes every answer that waits, when the knobs are turned.
    turned: Notify,
    calls: AtomicU64,
    failed: AtomicU64,
}

/// What the service counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    /// Calls that reached it.
    pub(super) calls: u64,
    /// Calls that it answered with 503.
    pub(super) failed: u64,
}

impl Service {
    /// A service with these knobs.
    ///
    /// # Errors
    /// When one is out of bounds.
    pub fn new(knobs: Knobs) -> Result<Self, KnobError> {
        let service = Self::default();
        service.turn(knobs)?;
        Ok(service)
    }

    pub(super) fn knobs(&self) -> Knobs {
        *self.knobs.lock()
    }

    /// Turn the knobs; whoever waits for an answer is answered now.
    pub(super) fn turn(&self, knobs: Knobs) -> Result<(), KnobError> {
        *self.knobs.lock() = knobs.checked()?;
        self.turned.notify_waiters();
        Ok(())
    }

    pub(super) fn counted(&self) -> Counted {
        Counted {
            calls: self.calls.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Take one call: wait as long as the knob says, and give back whether it is answered well.
    /// The share that fails is spread evenly, without chance, so that a run can be repeated.
    pub(super) async fn take(&self) -> bool {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let knobs = self.knobs();
        if knobs.latency_seconds > 0.0 {
            let turned = self.turned.notified();
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(knobs.latency_seconds)) => {}
                () = turned => {}
            }
        }
        let well = !fails(number, knobs.fail_share);
        if !well {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        well
    }
}

/// Whether the call of that number is among the share that fails.
fn fails(number: u64, share: f64) -> bool {
    let before = (number as f64 * share).floor();
    ((number + 1) as f64 * share).floor() > before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_fails_is_exact_and_spread() {
        for (share, expected) in [(0.0, 0), (0.25, 25), (0.5, 50), (1.0, 100)] {
            let failing = (0..100).filter(|number| fails(*number, share)).count();
            assert_eq!(failing, expected, "{share}");
        }
        assert!(!fails(0, 0.5) && fails(1, 0.5));
    }

    #[test]
    fn knobs_are_bounded() {
        let knobs = |latency_seconds, fail_share| Knobs {
            latency_seconds,
            fail_share,
        };
        assert!(knobs(300.0, 1.0).checked().is_ok());
        for bad in [
            knobs(301.0, 0.0),
            knobs(-1.0, 0.0),
            knobs(f64::NAN, 0.0),
            knobs(0.0, 1.1),
        ] {
            assert!(bad.checked().is_err(), "{bad:?}");
        }
    }
}
