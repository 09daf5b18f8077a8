//! What the application may ask of the pool it runs in, without knowing how the pool is made.
//!
//! `serve` answers these questions from its scoreboard. Under a plain axum server, or in a unit
//! test, [`NoPool`] answers for the one process there is.

use std::time::Duration;

/// What one worker is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Activity {
    /// Forked, and not yet ready for its first connection.
    Booting,
    /// Waiting for a connection.
    Idle,
    /// Holding one or more connections.
    Busy {
        /// Method and path of the request that began last; empty while its head is still unread.
        request: String,
        /// How long that request has been in this worker's hands.
        since: Duration,
        /// Requests in flight: at most one in a sync worker.
        in_flight: u32,
    },
}

/// One worker, as the pool's scoreboard shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerSnapshot {
    /// Process id.
    pub pid: u32,
    /// Gunicorn's `age`: the how-manieth worker this arbiter has forked, from 1.
    pub age: u64,
    /// Idle or busy, with what and since when.
    pub activity: Activity,
    /// Requests taken since the worker was forked.
    pub requests: u64,
    /// Time since the worker last proved that it is alive; `None` before it first did.
    pub last_heartbeat: Option<Duration>,
    /// Leaked blocks that the worker holds.
    pub leak_blocks: u64,
}

/// Connections that wait in the kernel for a worker, for one listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptQueue {
    /// The listener, as in `Listening at:`.
    pub listener: String,
    /// Waiting connections, or why they cannot be counted here.
    pub waiting: Result<u32, String>,
    /// How many may wait, where the kernel says so.
    pub backlog: Option<u32>,
}

/// The whole pool at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSnapshot {
    /// The arbiter's process id; `None` when there is no arbiter.
    pub arbiter: Option<u32>,
    /// Every worker, oldest first.
    pub workers: Vec<WorkerSnapshot>,
    /// Every listener's accept queue.
    pub accept_queues: Vec<AcceptQueue>,
    /// Requests that one worker serves at the same time; `None` where nobody bounds them.
    pub requests_at_once: Option<usize>,
}

/// The pool, as the application sees it.
pub trait Pool: Send + Sync + std::fmt::Debug {
    /// The pool at this moment.
    fn snapshot(&self) -> PoolSnapshot;

    /// Ask every other worker to undo its faults; the caller undoes its own. Returns at once with
    /// the number of workers that were asked.
    fn request_reset(&self) -> usize;

    /// Whether every worker that is wanted has booted. Stays true when one of them is replaced
    /// later.
    fn has_booted(&self) -> bool {
        true
    }

    /// Whether the pool was told to stop and only finishes what it has.
    fn is_draining(&self) -> bool {
        false
    }

    /// Whether any worker has shown lately that it is alive. A pool whose workers are all silent
    /// for longer than it allows them has nobody left to replace them.
    fn is_alive(&self) -> bool {
        true
    }

    /// How long one request may hold the caller's worker before the arbiter takes the worker for
    /// hung; `None` where nobody does.
    fn longest_request(&self) -> Option<Duration> {
        None
    }

    /// The caller's worker has done its warm-up.
    fn note_warm(&self) {}

    /// Ask every other worker to do its warm-up, and those that come later. Returns at once.
    fn request_warm_up(&self) {}

    /// Warm workers, and how many are wanted. `own` is whether the caller's is.
    fn warm_workers(&self, own: bool) -> (usize, usize) {
        (usize::from(own), 1)
    }

    /// Whether every worker that is wanted has been warm. Stays true when one of them is replaced
    /// later: the new one warms itself up.
    fn is_warm(&self, own: bool) -> bool {
        own
    }
}

/// A pool of nobody else: the application under a plain server or in a test.
#[derive(Debug, Default)]
pub struct NoPool;

impl Pool for NoPool {
    fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            arbiter: None,
            workers: Vec::new(),
            accept_queues: Vec::new(),
            requests_at_once: None,
        }
    }

    fn request_reset(&self) -> usize {
        0
    }
}
