//! The pool as its application sees it: the scoreboard and the listeners' accept queues.

use std::os::fd::AsFd;

use crate::app::pool::{AcceptQueue, Pool, PoolSnapshot};
use crate::machine::accept_queue;
use crate::serve::listener::Listener;
use crate::serve::scoreboard::{Scoreboard, Seat};

use super::watch;

/// Answers the application's questions about the pool.
#[derive(Debug)]
pub(super) struct View {
    pub board: Scoreboard,
    pub listeners: std::sync::Arc<Vec<Listener>>,
    /// This worker's own.
    pub seat: Seat,
    /// Requests that a worker serves at the same time.
    pub requests_at_once: usize,
}

impl Pool for View {
    fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            arbiter: Some(self.board.arbiter()),
            workers: self.board.workers(),
            accept_queues: accept_queues(&self.listeners),
            requests_at_once: Some(self.requests_at_once),
        }
    }

    fn request_reset(&self) -> usize {
        ask_for_reset(&self.board, Some(std::process::id()))
    }

    fn has_booted(&self) -> bool {
        self.board.has_booted()
    }

    fn is_draining(&self) -> bool {
        self.board.is_draining()
    }

    fn note_warm(&self) {
        self.seat.note_warm();
    }

    fn request_warm_up(&self) {
        ask_for_warm_up(&self.board, Some(std::process::id()));
    }

    fn warm_workers(&self, _: bool) -> (usize, usize) {
        (self.board.warm_workers(), self.board.wanted())
    }

    fn is_warm(&self, _: bool) -> bool {
        self.board.is_warm()
    }
}

/// Length of every listener's accept queue, as the kernel reports it.
pub(in crate::serve) fn accept_queues(listeners: &[Listener]) -> Vec<AcceptQueue> {
    listeners
        .iter()
        .map(|listener| AcceptQueue {
            listener: listener.name(),
            waiting: if listener.is_local() {
                Err("the kernel does not report it for local sockets".to_owned())
            } else {
                accept_queue::of_socket(&listener.as_fd()).map_err(|error| error.to_string())
            },
        })
        .collect()
}

/// Ask every worker but `except` to warm up, and those that come later.
pub(in crate::serve) fn ask_for_warm_up(board: &Scoreboard, except: Option<u32>) {
    board.ask_for_warm_up();
    nudge_all_but(except, board);
}

/// Ask every worker but `except` to undo its faults; returns how many were asked.
pub(in crate::serve) fn ask_for_reset(board: &Scoreboard, except: Option<u32>) -> usize {
    board.ask_for_reset();
    nudge_all_but(except, board)
}

/// Have every worker but `except` look at what is asked of it; returns how many that are.
fn nudge_all_but(except: Option<u32>, board: &Scoreboard) -> usize {
    let mut others = board.workers();
    others.retain(|worker| Some(worker.pid) != except);
    for worker in &others {
        watch::nudge(worker.pid);
    }
    others.len()
}
