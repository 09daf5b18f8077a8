//! How long `/slow` takes when nobody says how long.

use parking_lot::Mutex;

use super::app_config::AppConfig;
use super::seed;

/// The random delays of one worker.
#[derive(Debug)]
pub(super) struct Delays {
    minimum: f64,
    maximum: f64,
    random: Mutex<fastrand::Rng>,
}

impl Delays {
    /// The delays that `config` asks for. Without a seed, processes forked from one parent still
    /// draw differently.
    pub(super) fn new(config: &AppConfig) -> Self {
        let seed = config.slow_seed.unwrap_or_else(seed::of_this_process);
        Self {
            minimum: config.slow_min_seconds,
            maximum: config.slow_max_seconds,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// The next delay, in seconds: whole, both ends included, where both bounds are whole; else
    /// to the millisecond.
    pub(super) fn draw(&self) -> f64 {
        let mut random = self.random.lock();
        if self.minimum.fract() == 0.0 && self.maximum.fract() == 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bounds are checked to lie between 0 and a day"
            )]
            let drawn = random.u32(self.minimum as u32..=self.maximum as u32);
            return f64::from(drawn);
        }
        let drawn = self.minimum + random.f64() * (self.maximum - self.minimum);
        (drawn * 1000.0).round() / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn drawn(minimum: f64, maximum: f64) -> BTreeSet<String> {
        let delays = Delays::new(&AppConfig {
            slow_min_seconds: minimum,
            slow_max_seconds: maximum,
            ..AppConfig::default()
        });
        (0..2000).map(|_| delays.draw().to_string()).collect()
    }

    #[test]
    fn whole_bounds_give_every_whole_number_between_them_and_nothing_else() {
        let expected: BTreeSet<_> = (5..=15).map(|number| number.to_string()).collect();
        assert_eq!(drawn(5.0, 15.0), expected);
        assert_eq!(drawn(3.0, 3.0), BTreeSet::from(["3".to_owned()]));
    }

    #[test]
    fn fractional_bounds_give_milliseconds_within_them() {
        let drawn = drawn(0.5, 1.0);
        assert!(drawn.len() > 100);
        for delay in drawn {
            let delay: f64 = delay.parse().unwrap();
            assert!((0.5..=1.0).contains(&delay), "{delay}");
        }
    }

    #[test]
    fn processes_without_a_seed_draw_differently() {
        let sequence = || {
            let delays = Delays::new(&AppConfig::default());
            (0..32)
                .map(|_| delays.draw().to_string())
                .collect::<String>()
        };
        assert_ne!(sequence(), sequence());
    }
}
