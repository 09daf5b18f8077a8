//! What the pool counts for its metrics: requests by method, route and status, and the workers' starts
//! and ends.
//!
//! The counters lie in memory that the arbiter mapped before its first fork, and belong to no worker:
//! one that is killed takes none of them with it. All workers write the same cells, by atomic additions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::clock;
use super::span_ring::{Parent, SpanRing};
use crate::app::RouteLabel;
use crate::machine::sys::{SharedMemory, shared_structs};
use crate::metrics::{BUCKETS, Histogram, bucket_of};

/// Series of requests that a pool can count apart: methods, routes and statuses that occur together
/// are some dozens.
const SERIES: usize = 256;
const BUCKET_COUNT: usize = BUCKETS.len() + 1;

/// Methods as labels (OpenTelemetry's known methods); the last is every other one.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "_OTHER",
];

shared_structs! {
    struct Cells {
        worker_starts: AtomicU64,
        invalid_requests: AtomicU64,
        worker_exits: [AtomicU64; ExitReason::ALL.len()],
        /// Which series each row is of; 0 while it is free. Rows are taken in order and never given
        /// back.
        keys: [AtomicU64; SERIES],
        rows: [RowCells; SERIES],
        /// What found no free row.
        overflow: RowCells,
    }

    struct RowCells {
        nanoseconds: AtomicU64,
        buckets: [AtomicU64; BUCKET_COUNT],
    }
}

/// Why a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// It left by itself: told to stop, or after `--max-requests`.
    Finished,
    /// It was silent for longer than `--timeout`.
    Timeout,
    /// It, or the application in it, could not start.
    BootFailed,
    /// The kernel killed it for its memory.
    OutOfMemory,
    /// Signal 9 of somebody else.
    Sigkill,
    /// Another signal.
    Signal,
    /// Another exit code.
    ExitCode,
}

impl ExitReason {
    /// All of them, in the order of their cells.
    pub const ALL: [Self; 7] = [
        Self::Finished,
        Self::Timeout,
        Self::BootFailed,
        Self::OutOfMemory,
        Self::Sigkill,
        Self::Signal,
        Self::ExitCode,
    ];

    /// The label of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Timeout => "timeout",
            Self::BootFailed => "boot_failed",
            Self::OutOfMemory => "out_of_memory",
            Self::Sigkill => "sigkill",
            Self::Signal => "signal",
            Self::ExitCode => "exit_code",
        }
    }
}

/// The counters; clones share them.
#[derive(Debug, Clone)]
pub struct Tally {
    cells: Arc<SharedMemory<Cells>>,
    /// Where each request is told of as well, where somebody exports it.
    spans: Option<SpanRing>,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, which may have a query behind it.
    pub target: &'a str,
    /// The route of the application.
    pub route: RouteLabel,
    /// What was answered.
    pub status: u16,
    /// After how long.
    pub took: Duration,
    /// The client's span, see [`Tally::parent`].
    pub parent: Option<Parent>,
}

/// A series of requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Method of the requests, or `_OTHER`.
    pub method: &'static str,
    /// Their route, or `other`.
    pub route: &'static str,
    /// Their status, or `other` where there were more series than the table holds.
    pub status: String,
    /// How long they took.
    pub durations: Histogram,
}

impl Tally {
    /// Map counters that all are zero.
    ///
    /// # Errors
    /// When the memory cannot be mapped.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self {
            cells: Arc::new(SharedMemory::new()?),
            spans: None,
        })
    }

    /// The same counters, which tell of each request there.
    #[must_use]
    pub fn telling(mut self, spans: SpanRing) -> Self {
        self.spans = Some(spans);
        self
    }

    /// Where each request is told of.
    pub fn spans(&self) -> Option<&SpanRing> {
        self.spans.as_ref()
    }

    /// The client's span, from its `traceparent`, which is looked for where it is wanted only.
    pub fn parent<'a>(&self, header: impl FnOnce() -> Option<&'a str>) -> Option<Parent> {
        self.spans.as_ref()?;
        Parent::read(header()?)
    }

    /// A request was answered.
    pub fn count_request(&self, request: &Request<'_>) {
        let (key, took) = (key(request), request.took);
        if let Some(spans) = &self.spans {
            let path = request.target.split('?').next().unwrap_or_default();
            spans.push(key, path, took, request.parent);
        }
        let row = self.row(key);
        row.buckets[bucket_of(took.as_secs_f64())].fetch_add(1, Ordering::Relaxed);
        row.nanoseconds
            .fetch_add(clock::nanoseconds(took), Ordering::Relaxed);
    }

    /// A request was refused for its head.
    pub fn count_invalid_request(&self) {
        self.cells.invalid_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker was forked.
    pub fn count_start(&self) {
        self.cells.worker_starts.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker ended.
    pub fn count_exit(&self, reason: ExitReason) {
        self.cells.worker_exits[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Workers forked.
    pub fn starts(&self) -> u64 {
        self.cells.worker_starts.load(Ordering::Relaxed)
    }

    /// Workers that ended for this reason.
    pub fn exits(&self, reason: ExitReason) -> u64 {
        self.cells.worker_exits[reason as usize].load(Ordering::Relaxed)
    }

    /// Requests refused for their head.
    pub fn invalid_requests(&self) -> u64 {
        self.cells.invalid_requests.load(Ordering::Relaxed)
    }

    /// Every series that has counted something.
    pub fn series(&self) -> Vec<Series> {
        let keys = self
            .cells
            .keys
            .iter()
            .map(|key| key.load(Ordering::Acquire));
        let taken = keys.zip(&self.cells.rows).take_while(|(key, _)| *key != 0);
        let mut series: Vec<Series> = taken
            .map(|(key, row)| {
                let (method, route, status) = of_key(key);
                Series {
                    method,
                    route: route.name(),
                    status: status.to_string(),
                    durations: row.durations(),
                }
            })
            .collect();
        series.push(Series {
            method: "_OTHER",
            route: "other",
            status: "other".to_owned(),
            durations: self.cells.overflow.durations(),
        });
        series.retain(|series| series.durations.counts.iter().any(|count| *count > 0));
        series
    }

    fn row(&self, wanted: u64) -> &RowCells {
        for (key, row) in self.cells.keys.iter().zip(&self.cells.rows) {
            let found = match key.load(Ordering::Acquire) {
                0 => key
                    .compare_exchange(0, wanted, Ordering::AcqRel, Ordering::Acquire)
                    // Another worker was quicker, perhaps with the same series.
                    .map_or_else(|other| other, |_| wanted),
                other => other,
            };
            if found == wanted {
                return row;
            }
        }
        &self.cells.overflow
    }
}

impl RowCells {
    fn durations(&self) -> Histogram {
        let mut counts = [0; BUCKET_COUNT];
        for (count, cell) in counts.iter_mut().zip(&self.buckets) {
            *count = cell.load(Ordering::Relaxed);
        }
        Histogram {
            counts,
            sum: self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9,
        }
    }
}

/// A series as a number that is not 0.
fn key(request: &Request<'_>) -> u64 {
    let other = METHODS.len() - 1;
    let known = METHODS[..other]
        .iter()
        .position(|known| *known == request.method);
    let method = u8::try_from(known.unwrap_or(other)).unwrap_or(u8::MAX);
    let [low, high] = request.status.to_le_bytes();
    u64::from_le_bytes([low, high, request.route.number(), method, 1, 0, 0, 0])
}

/// Method, route and status of such a number.
pub(super) fn of_key(key: u64) -> (&'static str, RouteLabel, u16) {
    let [low, high, route, method, ..] = key.to_le_bytes();
    let method = METHODS.get(usize::from(method));
    (
        method.copied().unwrap_or("_OTHER"),
        RouteLabel::numbered(route),
        u16::from_le_bytes([low, high]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(tally: &Tally, target: &str, status: u16) {
        count_as(tally, "GET", target, status, Duration::from_millis(250));
    }

    fn count_as(tally: &Tally, method: &str, path: &str, status: u16, took: Duration) {
        tally.count_request(&Request {
            method,
            target: path,
            route: RouteLabel::of(path),
            status,
            took,
            parent: None,
        });
    }

    #[test]
    fn every_reason_has_a_cell_of_its_own() {
        let tally = Tally::new().unwrap();
        for (number, reason) in ExitReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            (0..=number).for_each(|_| tally.count_exit(reason));
        }
        let counts = ExitReason::ALL.map(|reason| tally.exits(reason));
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let tally = Tally::new().unwrap();
        assert!(tally.series().is_empty());
        count(&tally, "/slow?seconds=1", 200);
        count(&tally, "/slow", 200);
        count(&tally, "/slow", 500);
        count_as(&tally, "BREW", "/pot", 405, Duration::ZERO);
        let counted: Vec<_> = tally
            .series()
            .into_iter()
            .map(|series| {
                let count: u64 = series.durations.counts.iter().sum();
                (
                    series.method,
                    series.route,
                    series.status,
                    count,
                    series.durations.sum,
                )
            })
            .collect();
        let row = |method, route, status: &str, count, sum| {
            (method, route, status.to_owned(), count, sum)
        };
        assert_eq!(
            counted,
            [
                row("GET", "/slow", "200", 2, 0.5),
                row("GET", "/slow", "500", 1, 0.25),
                row("_OTHER", "other", "405", 1, 0.0),
            ]
        );
    }

    #[test]
    fn more_series_than_the_table_holds_are_counted_together_and_none_is_lost() {
        let tally = Tally::new().unwrap();
        for status in 0..400 {
            count(&tally, "/fast", status);
        }
        let series = tally.series();
        assert_eq!(series.len(), SERIES + 1);
        let last = series.last().unwrap();
        assert_eq!(last.status, "other");
        let all = series.iter().flat_map(|series| series.durations.counts);
        assert_eq!(all.sum::<u64>(), 400);
    }

    #[test]
    fn threads_that_begin_the_same_series_at_once_share_its_row() {
        let tally = Tally::new().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..500).for_each(|status| count(&tally, "/", status % 5)));
            }
        });
        let series = tally.series();
        assert_eq!(series.len(), 5);
        for series in series {
            assert_eq!(series.durations.counts.iter().sum::<u64>(), 800);
        }
    }
}
