//! What a run should show, reckoned from the topology alone, before anything is sent.
//!
//! The value of an estimate is that it was there before: found beside expected shows whether the
//! mechanism is understood. Everything here is a pure function.

use serde::Serialize;

/// Points of time on which the renewal function is reckoned: within one part in a hundred of the
/// exact value.
const GRID: u32 = 512;

/// A queue in front of a pool: slow requests first, quick ones behind them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Saturation {
    /// Requests that the pool works on at a time; `None` where there is no bound (`async`).
    pub lanes: Option<u32>,
    /// Worker processes.
    pub workers: u32,
    /// Shortest time that a slow request takes, in seconds.
    pub shortest_seconds: f64,
    /// Longest time that a slow request takes, in seconds.
    pub longest_seconds: f64,
    /// Slow requests that are sent at once.
    pub slow_clients: u32,
    /// How long a client of a slow request waits, in seconds.
    pub slow_limit_seconds: f64,
    /// Quick requests, sent one after another.
    pub fast_requests: u32,
    /// How long a client of a quick request waits, in seconds.
    pub fast_limit_seconds: f64,
    /// The arbiter's `--timeout`, in seconds; `None` where a busy worker still beats.
    pub worker_timeout_seconds: Option<f64>,
}

/// What is to be expected of a saturation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SaturationOutcome {
    /// Slow requests that are answered.
    pub slow_answered: u32,
    /// Clients of slow requests that give up.
    pub slow_give_ups: u32,
    /// Clients of quick requests that give up.
    pub fast_give_ups: u32,
    /// Whole seconds until the pool has worked off every slow request, abandoned ones included.
    pub drain_seconds: u32,
    /// Whether one request alone can outlast the arbiter's timeout.
    pub worker_timeout: bool,
}

impl Saturation {
    fn mean(&self) -> f64 {
        f64::midpoint(self.shortest_seconds, self.longest_seconds)
    }

    fn never_full(&self) -> bool {
        self.lanes.is_none_or(|lanes| lanes > self.slow_clients)
    }

    /// Reckon.
    ///
    /// Requests take times that are spread evenly between the shortest and the longest. A lane that
    /// works without pause has finished as many of them by the time t as the renewal function says;
    /// and no more clients can be answered by then than have a request that short. An abandoned
    /// request is worked off like any other, so that the queue is empty after clients x mean /
    /// lanes. A quick request that is sent one limit or more before that gives up; they are sent one
    /// after another, each when the one before has ended.
    #[must_use]
    pub fn outcome(&self) -> SaturationOutcome {
        let mean = self.mean().max(f64::MIN_POSITIVE);
        let lanes = self.lanes.unwrap_or(self.slow_clients);
        let lanes = f64::from(lanes.min(self.slow_clients).max(1));
        let clients = f64::from(self.slow_clients);
        let drain = (clients * mean / lanes).max(mean);
        let limit = self.slow_limit_seconds;
        let answered = (lanes * self.finished_by(limit)).min(clients * self.share_within(limit));
        let slow_answered = whole(answered).min(self.slow_clients);
        let fast_give_ups = if self.never_full() {
            0
        } else {
            whole((drain / self.fast_limit_seconds - 1.0).ceil()).min(self.fast_requests)
        };
        SaturationOutcome {
            slow_answered,
            slow_give_ups: self.slow_clients - slow_answered,
            fast_give_ups,
            drain_seconds: whole(drain),
            worker_timeout: self
                .worker_timeout_seconds
                .is_some_and(|timeout| self.longest_seconds > timeout),
        }
    }

    /// The share of requests that take no longer than this.
    fn share_within(&self, seconds: f64) -> f64 {
        let spread = self.longest_seconds - self.shortest_seconds;
        if spread <= 0.0 {
            return if seconds >= self.longest_seconds {
                1.0
            } else {
                0.0
            };
        }
        ((seconds - self.shortest_seconds) / spread).clamp(0.0, 1.0)
    }

    /// The renewal function: how many requests one lane has finished by then, on average. Reckoned
    /// on a grid of time, each point from those before it.
    fn finished_by(&self, seconds: f64) -> f64 {
        let step = seconds / f64::from(GRID);
        let ended: Vec<f64> = (0..=GRID)
            .map(|point| self.share_within(f64::from(point) * step))
            .collect();
        let mut finished: Vec<f64> = Vec::with_capacity(ended.len());
        for point in 0..ended.len() {
            let renewed: f64 = (1..=point)
                .map(|first| (ended[first] - ended[first - 1]) * finished[point - first])
                .sum();
            finished.push(ended[point] + renewed);
        }
        finished.last().copied().unwrap_or(0.0)
    }

    /// The estimate in sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let outcome = self.outcome();
        let lanes = match self.lanes {
            None => "no bound on requests at a time".to_owned(),
            Some(lanes) if lanes == self.workers => plural(lanes, "worker"),
            Some(lanes) => format!(
                "{} in {}",
                plural(lanes, "thread"),
                plural(self.workers, "worker")
            ),
        };
        let timeout = if outcome.worker_timeout {
            "worker timeouts, for one request alone can outlast --timeout"
        } else {
            "no worker timeout"
        };
        vec![
            format!(
                "{lanes} x {} s, {}, {} s limit: expect about {}, {} giving up, {timeout}.",
                number(self.mean()),
                plural(self.slow_clients, "client"),
                number(self.slow_limit_seconds),
                plural(outcome.slow_answered, "answer"),
                plural(outcome.slow_give_ups, "client"),
            ),
            format!(
                "{} one after another, {} s limit: expect about {} giving up; the queue is worked \
                 off after about {} s.",
                plural(self.fast_requests, "quick request"),
                number(self.fast_limit_seconds),
                outcome.fast_give_ups,
                outcome.drain_seconds,
            ),
        ]
    }
}

/// Memory that stays, and memory that is needed for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// Worker processes.
    pub workers: u32,
    /// Requests that leak.
    pub requests: u32,
    /// What each retains, in kB.
    pub block_kilobytes: u32,
    /// The most blocks that one worker may hold, where that is known.
    pub most_blocks: Option<u32>,
    /// Heavy requests at a time.
    pub heavy_at_a_time: u32,
    /// What a heavy request needs at its peak, in kB.
    pub heavy_kilobytes: u32,
    /// MemAvailable, or the room in the cgroup, before the load, in kB, where that is known.
    pub available_kilobytes: Option<u64>,
}

impl Leak {
    /// What all workers retain in the end, in kB.
    #[must_use]
    pub fn retained_kilobytes(&self) -> u64 {
        let bound = self
            .most_blocks
            .map_or(u64::MAX, |most| u64::from(most) * u64::from(self.workers));
        u64::from(self.requests).min(bound) * u64::from(self.block_kilobytes)
    }

    /// What the heavy requests need beside it at their peak, in kB.
    #[must_use]
    pub fn transient_kilobytes(&self) -> u64 {
        let at_a_time = self.heavy_at_a_time.min(self.workers);
        u64::from(at_a_time) * u64::from(self.heavy_kilobytes)
    }

    /// The estimate in sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let retained = self.retained_kilobytes();
        let mut sentences = vec![format!(
            "{} x {} kB over {}: expect about {} MB retained, {} MB more while heavy requests run.",
            plural(self.requests, "leak"),
            self.block_kilobytes,
            plural(self.workers, "worker"),
            retained / 1024,
            self.transient_kilobytes() / 1024,
        )];
        if let Some(available) = self.available_kilobytes {
            let peak = retained + self.transient_kilobytes();
            sentences.push(if peak > available {
                format!(
                    "{} MB are available: about {} MB must come out of reclaim and swap.",
                    available / 1024,
                    (peak - available) / 1024
                )
            } else {
                format!(
                    "{} MB are available: no pressure is to be expected.",
                    available / 1024
                )
            });
        }
        sentences
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of u32 before"
)]
fn whole(value: f64) -> u32 {
    value.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// A number of seconds without needless digits.
fn number(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn plural(count: u32, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
