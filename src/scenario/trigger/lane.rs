//! The observing lane: snapshots at fixed intervals while the load lasts.
//!
//! It has connections of its own, yet no way round the queue: a sync pool whose workers are all
//! held makes it wait like everybody else. That is worth knowing, so it says when it waited.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::capture::{Look, look_at};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::record::Snapshot;
use crate::load::{Client, StopSignal, Target};

/// How often the lane looks, before the pace is applied.
const INTERVAL: Duration = Duration::from_secs(5);
/// The lane never looks more often than this, whatever the pace.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);
/// How long one look waits. Not paced: what it waits for is the target's queue.
const PATIENCE: Duration = Duration::from_secs(180);
/// A look that took longer than so many times its baseline has waited for a worker ...
const QUEUED_TIMES: f64 = 5.0;
/// ... if it also took longer than this, in seconds.
const QUEUED_FLOOR: f64 = 0.1;

/// The routes that the lane looks at.
pub const ROUTES: [(&str, &str); 3] = [
    ("/diag/workers", "diag-workers"),
    ("/diag/proc", "diag-proc"),
    ("/diag/stats", "diag-stats"),
];

/// How long a route took before the load.
#[derive(Debug, Clone, Default)]
pub struct Baseline(pub Vec<(&'static str, f64)>);

impl Baseline {
    /// Whether a look at `path` that took so long had to wait for a worker.
    #[must_use]
    pub fn queued(&self, path: &str, seconds: f64) -> bool {
        let usual = self
            .0
            .iter()
            .find(|(known, _)| *known == path)
            .map_or(0.0, |(_, usual)| *usual);
        seconds > (usual * QUEUED_TIMES).max(QUEUED_FLOOR)
    }
}

/// What the lane has to tell.
#[derive(Debug)]
pub struct Sighting {
    /// The route.
    pub path: &'static str,
    /// The number of the look.
    pub number: u32,
    /// The snapshot, with its file name; `None` where nothing usable was answered.
    pub snapshot: Option<Snapshot>,
    /// Seconds that the look took.
    pub seconds: f64,
}

/// The interval at a pace.
#[must_use]
pub fn interval_at(pace: f64) -> Duration {
    Duration::try_from_secs_f64(INTERVAL.as_secs_f64() * pace)
        .unwrap_or(INTERVAL)
        .max(SHORTEST_INTERVAL)
}

/// Look until told to stop; a look that is under way is waited for, since it stands in the queue
/// before anything that comes later. `first` numbers the first look, so that several phases do not
/// overwrite each other's files.
///
/// No route waits for another: a look at the workers that was answered before the burst is followed
/// by one that stands in the queue of the burst, however long /diag/proc stands there.
pub async fn observe(
    client: Client,
    target: Target,
    every: Duration,
    first: u32,
    sightings: UnboundedSender<Sighting>,
    stop: StopSignal,
) {
    let lane = Lane {
        client,
        target,
        every,
        sightings,
    };
    let mut routes = JoinSet::new();
    for (path, name) in ROUTES {
        routes.spawn(lane.clone().observe(path, name, first, stop.clone()));
    }
    while routes.join_next().await.is_some() {}
}

#[derive(Debug, Clone)]
struct Lane {
    client: Client,
    target: Target,
    every: Duration,
    sightings: UnboundedSender<Sighting>,
}

impl Lane {
    async fn observe(
        self,
        path: &'static str,
        name: &'static str,
        first: u32,
        mut stop: StopSignal,
    ) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in first.. {
            tokio::select! {
                biased;
                () = stop.stopped() => return,
                _ = ticks.tick() => {}
            }
            let (client, target) = (&self.client, &self.target);
            let look = look_at(client, target, path, PhaseKind::Trigger, PATIENCE).await;
            let missing = matches!(&look.usable, Err(why) if why == "answered 404");
            let unheard = self.sightings.send(sighting(path, name, number, look));
            // A target without this route is not asked again.
            if missing || unheard.is_err() {
                return;
            }
        }
    }
}

fn sighting(path: &'static str, name: &str, number: u32, look: Look) -> Sighting {
    let seconds = look.snapshot.seconds;
    let snapshot = look.usable.is_ok().then(|| Snapshot {
        file: format!("trigger/{name}-during-{number:04}.json"),
        ..look.snapshot
    });
    Sighting {
        path,
        number,
        snapshot,
        seconds,
    }
}

/// How late this process's own clock ticks: a load generator that starves says nothing about its
/// target. It measures until it is dropped.
#[derive(Debug)]
pub struct Lag {
    longest_micros: Arc<AtomicU64>,
    measuring: JoinHandle<()>,
}

impl Lag {
    /// A delay beyond which the client itself is the bottleneck.
    pub const BEARABLE: Duration = Duration::from_millis(250);
    const TICK: Duration = Duration::from_millis(50);

    /// Begin to measure, on the runtime that this is called in.
    #[must_use]
    pub fn measure() -> Self {
        let longest_micros = Arc::new(AtomicU64::new(0));
        let longest = Arc::clone(&longest_micros);
        let measuring = tokio::spawn(async move {
            loop {
                let due = Instant::now() + Self::TICK;
                tokio::time::sleep_until(due).await;
                let late = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                longest.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self {
            longest_micros,
            measuring,
        }
    }

    /// The longest delay so far.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_micros.load(Ordering::Relaxed))
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.measuring.abort();
    }
}
