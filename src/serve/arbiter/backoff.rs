//! Pauses between starts that fail one after another.

use std::time::Duration;

/// Pause after the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// Longest pause: one pass of Gunicorn's loop.
const LONGEST: Duration = Duration::from_secs(1);
/// So long without a failure, and the next one is the first again.
const FORGIVEN: Duration = Duration::from_secs(5);

/// How long to wait before the next try. Times are durations since the arbiter started.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    pause: Duration,
    not_before: Duration,
}

impl Backoff {
    /// A start has failed. Several that fail in the same pause count as one.
    pub fn fail(&mut self, now: Duration) {
        if now < self.not_before {
            return;
        }
        self.pause = if now > self.not_before + FORGIVEN {
            FIRST
        } else {
            (self.pause * 2).clamp(FIRST, LONGEST)
        };
        self.not_before = now + self.pause;
    }

    /// Time until the next try; zero when it may begin.
    pub fn wait(&self, now: Duration) -> Duration {
        self.not_before.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_a_quiet_time_forgives() {
        let mut backoff = Backoff::default();
        let mut now = Duration::from_secs(7);
        assert!(backoff.wait(now).is_zero());
        for expected in [100, 200, 400, 800, 1000, 1000] {
            backoff.fail(now);
            backoff.fail(now);
            assert_eq!(backoff.wait(now), Duration::from_millis(expected));
            now += backoff.wait(now);
            assert!(backoff.wait(now).is_zero());
        }
        backoff.fail(now + FORGIVEN * 2);
        assert_eq!(backoff.wait(now + FORGIVEN * 2), FIRST);
    }
}
