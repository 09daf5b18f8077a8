//! The pool as its application sees it: the scoreboard and the listeners' accept queues.

use std::os::fd::AsFd;
use std::time::Duration;

use crate::app::pool::{AcceptQueue, Pool, PoolSnapshot};
use crate::machine::accept_queue;
use crate::serve::listener::Listener;
use crate::serve::scoreboard::{Scoreboard, Slot};

use super::signal_thread;

/// Answers the application's questions about the pool.
#[derive(Debug)]
pub(super) struct WorkerPool {
    pub scoreboard: Scoreboard,
    pub listeners: std::sync::Arc<Vec<Listener>>,
    /// This worker's own.
    pub slot: Slot,
    /// Requests that a worker serves at the same time.
    pub requests_at_once: usize,
    /// `--timeout`; zero for none.
    pub timeout: Duration,
}

impl Pool for WorkerPool {
    fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            arbiter: Some(self.scoreboard.arbiter()),
            workers: self.scoreboard.workers(),
            accept_queues: accept_queues(&self.listeners),
            requests_at_once: Some(self.requests_at_once),
        }
    }

    fn request_reset(&self) -> usize {
        ask_for_reset(&self.scoreboard, Some(std::process::id()))
    }

    fn has_booted(&self) -> bool {
        self.scoreboard.has_booted()
    }

    fn is_draining(&self) -> bool {
        self.scoreboard.is_draining()
    }

    fn longest_request(&self) -> Option<Duration> {
        // The heartbeat of the other classes does not wait for their requests.
        (self.requests_at_once == 1 && !self.timeout.is_zero()).then_some(self.timeout)
    }

    fn note_warm(&self) {
        self.slot.note_warm();
    }

    fn request_warm_up(&self) {
        ask_for_warm_up(&self.scoreboard, Some(std::process::id()));
    }

    fn warm_workers(&self, _: bool) -> (usize, usize) {
        (self.scoreboard.warm_workers(), self.scoreboard.wanted())
    }

    fn is_warm(&self, _: bool) -> bool {
        self.scoreboard.is_warm()
    }
}

/// Every listener's accept queue, as the kernel reports it.
pub(in crate::serve) fn accept_queues(listeners: &[Listener]) -> Vec<AcceptQueue> {
    let queue = |listener: &Listener| {
        if listener.is_local() {
            return Err("the kernel does not report it for local sockets".to_owned());
        }
        accept_queue::of_socket(&listener.as_fd()).map_err(|error| error.to_string())
    };
    let row = |listener: &Listener| {
        let queue = queue(listener);
        AcceptQueue {
            listener: listener.name(),
            backlog: queue.as_ref().ok().map(|queue| queue.backlog),
            waiting: queue.map(|queue| queue.waiting),
        }
    };
    listeners.iter().map(row).collect()
}

/// Ask every worker but `except` to warm up, and those that come later.
pub(in crate::serve) fn ask_for_warm_up(scoreboard: &Scoreboard, except: Option<u32>) {
    scoreboard.ask_for_warm_up();
    wake_all_but(except, scoreboard);
}

/// Ask every worker but `except` to undo its faults; returns how many were asked.
pub(in crate::serve) fn ask_for_reset(scoreboard: &Scoreboard, except: Option<u32>) -> usize {
    scoreboard.ask_for_reset();
    wake_all_but(except, scoreboard)
}

/// Have every worker but `except` look at what is asked of it; returns how many that are.
fn wake_all_but(except: Option<u32>, scoreboard: &Scoreboard) -> usize {
    let mut others = scoreboard.workers();
    others.retain(|worker| Some(worker.pid) != except);
    for worker in &others {
        signal_thread::wake(worker.pid);
    }
    others.len()
}
