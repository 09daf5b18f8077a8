//! `/slow`: a request that holds its worker without using it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Response;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::app_config::AppConfig;
use super::query::Query;
use super::reply;
use super::state::AppState;

/// The random delays of one worker.
#[derive(Debug)]
pub(super) struct Delays {
    minimum: f64,
    maximum: f64,
    random: Mutex<fastrand::Rng>,
}

impl Delays {
    /// The delays that `config` asks for. Without a seed, processes forked from one parent still
    /// draw differently: the process id goes into the seed.
    pub(super) fn new(config: &AppConfig) -> Self {
        let random = match config.slow_seed {
            Some(seed) => fastrand::Rng::with_seed(seed),
            None => {
                let own = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                fastrand::Rng::with_seed(fastrand::u64(..) ^ own)
            }
        };
        Self {
            minimum: config.slow_min_seconds,
            maximum: config.slow_max_seconds,
            random: Mutex::new(random),
        }
    }

    /// The next delay, in seconds: whole, both ends included, where both bounds are whole; else
    /// to the millisecond.
    fn draw(&self) -> f64 {
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

/// Counts a request as slow for as long as it lives, however it ends.
struct Active<'a>(&'a AtomicU64);

impl<'a> Active<'a> {
    fn enter(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /slow`, `GET /slow?seconds=N`.
pub(super) async fn slow(state: Arc<AppState>, query: Query) -> Response<Body> {
    let asked = match query.seconds("seconds", state.config.slow_limit_seconds) {
        Ok(asked) => asked,
        Err(bad) => return bad.reply(),
    };
    let delay = asked.unwrap_or_else(|| state.delays.draw());
    let _active = Active::enter(&state.active_slow_requests);
    let cut_short = tokio::select! {
        biased;
        () = state.cut_short.notified() => true,
        () = tokio::time::sleep(Duration::from_secs_f64(delay)) => false,
    };
    let mut body = json!({"delaySeconds": seconds(delay), "endpoint": "slow"});
    if cut_short {
        body["cut_short"] = Value::Bool(true);
    }
    reply::json(&body)
}

/// Whole seconds as an integer, as the labs show them; others as a fraction.
fn seconds(delay: f64) -> Value {
    if delay.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "delays are checked to lie between 0 and a day"
        )]
        return Value::from(delay as u64);
    }
    Value::from(delay)
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
        (0..2000)
            .map(|_| seconds(delays.draw()).to_string())
            .collect()
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
