//! The circuit breaker of one worker: after several failures in a row nothing is called for a
//! while, then one call tries.

use std::time::{Duration, Instant};

/// A circuit breaker.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made; of those after an open time only the first.
    pub(super) fn admits(&mut self, now: Instant, open: Duration) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // Half open: whoever comes next waits for what this one finds.
                self.open_until = Some(now + open);
                true
            }
            None => true,
        }
    }

    /// Note how a call ended; `threshold` 0 never opens.
    pub(super) fn note(&mut self, well: bool, threshold: u32, now: Instant, open: Duration) {
        if well {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if threshold > 0 && self.failures >= threshold {
            self.open_until = Some(now + open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(10);

    #[test]
    fn it_opens_after_the_threshold_and_lets_one_call_try_later() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..3 {
            assert!(breaker.admits(start, OPEN));
            breaker.note(false, 3, start, OPEN);
        }
        assert!(!breaker.admits(start, OPEN));
        let later = start + OPEN;
        assert!(breaker.admits(later, OPEN), "one call tries");
        assert!(!breaker.admits(later, OPEN), "the others wait for it");
        breaker.note(true, 3, later, OPEN);
        assert!(breaker.admits(later, OPEN));
    }

    #[test]
    fn without_a_threshold_it_never_opens() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            breaker.note(false, 0, now, OPEN);
        }
        assert!(breaker.admits(now, OPEN));
    }
}
