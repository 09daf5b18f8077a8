//! What every process of the pool can see of every worker: heartbeats, activity, counters.
//!
//! Gunicorn keeps a heartbeat file per worker; here each worker has a slot in a table of atomics
//! that the arbiter maps before it forks. A worker writes its own slot only; the arbiter clears a
//! slot when it has reaped the worker. Nothing in the table is trusted to be consistent across
//! two fields: it is for looking, and the heartbeat alone decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::clock;
use super::request_ring::{Entry, RingCells};
use super::settings::MOST_WORKERS;
use super::span_ring::SpanRing;
use super::tally::Tally;
use crate::app::pool::{Activity, WorkerSnapshot};
use crate::machine::sys::{SharedMemory, shared_structs};

/// Workers that one pool can hold at the same time: during a reload the old ones and the new ones.
pub const SLOTS: usize = 2 * MOST_WORKERS;

shared_structs! {
    /// The table, as it lies in the shared memory.
    struct Cells {
        pool: PoolCells,
        slots: [SlotCells; SLOTS],
    }

    /// What is of the whole pool.
    struct PoolCells {
        /// How often a reset was asked for.
        reset_generation: AtomicU64,
        arbiter: AtomicU32,
        /// Facts that, once true, stay true: bits of [`Fact`].
        facts: AtomicU32,
        /// Workers wanted.
        wanted: AtomicU32,
    }

    /// What a worker writes of itself.
    struct SlotCells {
        /// 0 while the slot is free.
        pid: AtomicU32,
        in_flight: AtomicU32,
        age: AtomicU64,
        /// Monotonic nanoseconds of the last heartbeat, 0 before the first.
        heartbeat: AtomicU64,
        requests: AtomicU64,
        leak_blocks: AtomicU64,
        /// The worker has done its warm-up.
        is_warm: AtomicBool,
        /// The last requests.
        ring: RingCells,
    }
}

/// A fact about the whole pool; one bit each.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
enum Fact {
    Draining = 1,
    Booted = 2,
    Warm = 4,
    WarmUpWanted = 8,
    Over = 16,
}

/// The table; clones share it.
#[derive(Debug, Clone)]
pub struct Scoreboard {
    cells: Arc<SharedMemory<Cells>>,
    tally: Tally,
}

impl Scoreboard {
    /// Map an empty scoreboard for a pool that wants so many workers.
    ///
    /// # Errors
    /// When the memory cannot be mapped.
    pub fn new(wanted: usize) -> Result<Self, Errno> {
        let scoreboard = Self {
            cells: Arc::new(SharedMemory::new()?),
            tally: Tally::new()?,
        };
        let pool = &scoreboard.cells.pool;
        pool.arbiter.store(std::process::id(), Ordering::Relaxed);
        scoreboard.want(wanted);
        Ok(scoreboard)
    }

    /// The same scoreboard, whose tally tells of each request in this ring.
    #[must_use]
    pub fn telling(mut self, spans: SpanRing) -> Self {
        self.tally = self.tally.telling(spans);
        self
    }

    /// What the pool counts, whoever of its workers lives.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn is(&self, fact: Fact) -> bool {
        self.cells.pool.facts.load(Ordering::Acquire) & fact as u32 != 0
    }

    fn note(&self, fact: Fact) {
        let facts = &self.cells.pool.facts;
        facts.fetch_or(fact as u32, Ordering::AcqRel);
    }

    /// Publish the number of workers wanted; 0 only occurs during shutdown and is ignored.
    pub fn want(&self, workers: usize) {
        if workers > 0 {
            let workers = u32::try_from(workers).unwrap_or(u32::MAX);
            self.cells.pool.wanted.store(workers, Ordering::Relaxed);
        }
    }

    /// Workers wanted.
    pub fn wanted(&self) -> usize {
        let wanted = self.cells.pool.wanted.load(Ordering::Relaxed);
        usize::try_from(wanted).unwrap_or(usize::MAX)
    }

    /// The pool was told to stop.
    pub fn begin_draining(&self) {
        self.note(Fact::Draining);
    }

    /// Whether the pool was told to stop.
    pub fn is_draining(&self) -> bool {
        self.is(Fact::Draining)
    }

    /// The last worker has gone, and no other comes.
    pub fn end(&self) {
        self.note(Fact::Over);
    }

    /// Whether the last worker has gone for good.
    pub fn is_over(&self) -> bool {
        self.is(Fact::Over)
    }

    /// Whether as many workers as wanted have beaten at the same time once.
    pub fn has_booted(&self) -> bool {
        self.has_been(Fact::Booted, |slot| slot.heartbeat_age().is_some())
    }

    /// Whether as many workers as wanted have been warm at the same time once.
    pub fn is_warm(&self) -> bool {
        self.has_been(Fact::Warm, Slot::is_warm)
    }

    /// How many workers are warm.
    pub fn warm_workers(&self) -> usize {
        self.count(Slot::is_warm)
    }

    /// Let every worker warm up, those too that come later.
    pub fn ask_for_warm_up(&self) {
        self.note(Fact::WarmUpWanted);
    }

    /// Whether somebody asked for a warm-up.
    pub fn is_warm_up_wanted(&self) -> bool {
        self.is(Fact::WarmUpWanted)
    }

    fn has_been(&self, fact: Fact, holds: impl Fn(&Slot) -> bool) -> bool {
        if self.is(fact) {
            return true;
        }
        let all = self.count(holds) >= self.wanted();
        if all {
            self.note(fact);
        }
        all
    }

    fn count(&self, holds: impl Fn(&Slot) -> bool) -> usize {
        (0..SLOTS)
            .map(|number| self.slot(number))
            .filter(|slot| slot.is_taken() && holds(slot))
            .count()
    }

    /// The slot of that number; the caller keeps `number` below [`SLOTS`].
    pub fn slot(&self, number: usize) -> Slot {
        Slot {
            scoreboard: self.clone(),
            number: number.min(SLOTS - 1),
        }
    }

    /// The arbiter's pid.
    pub fn arbiter(&self) -> u32 {
        self.cells.pool.arbiter.load(Ordering::Relaxed)
    }

    /// How often a reset was asked for.
    pub fn reset_generation(&self) -> u64 {
        self.cells.pool.reset_generation.load(Ordering::Acquire)
    }

    /// Ask every worker to undo its faults.
    pub fn ask_for_reset(&self) {
        let generation = &self.cells.pool.reset_generation;
        generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Every taken slot, oldest worker first.
    pub fn workers(&self) -> Vec<WorkerSnapshot> {
        let mut workers: Vec<WorkerSnapshot> = (0..SLOTS)
            .filter_map(|number| self.slot(number).snapshot())
            .collect();
        workers.sort_by_key(|worker| worker.age);
        workers
    }
}

/// One worker's place in the table.
#[derive(Debug, Clone)]
pub struct Slot {
    scoreboard: Scoreboard,
    number: usize,
}

impl Slot {
    fn cells(&self) -> &SlotCells {
        &self.scoreboard.cells.slots[self.number]
    }

    /// Number of the slot.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Give the slot to a worker that is about to be forked; the pid follows when it is known.
    pub fn assign(&self, age: u64) {
        self.clear();
        self.cells().age.store(age, Ordering::Relaxed);
    }

    /// Say which process holds the slot.
    pub fn occupy(&self, pid: u32) {
        self.cells().pid.store(pid, Ordering::Release);
    }

    /// Empty the slot.
    pub fn clear(&self) {
        // Named one by one: a field that is forgotten here does not compile.
        let SlotCells {
            pid,
            in_flight,
            age,
            heartbeat,
            requests,
            leak_blocks,
            is_warm,
            ring,
        } = self.cells();
        pid.store(0, Ordering::Relaxed);
        in_flight.store(0, Ordering::Relaxed);
        is_warm.store(false, Ordering::Relaxed);
        for word in [age, heartbeat, requests, leak_blocks] {
            word.store(0, Ordering::Relaxed);
        }
        ring.clear();
    }

    fn is_taken(&self) -> bool {
        self.cells().pid.load(Ordering::Acquire) != 0
    }

    /// Whether the worker has taken a request.
    pub fn has_served(&self) -> bool {
        self.cells().requests.load(Ordering::Acquire) != 0
    }

    /// The worker has done its warm-up.
    pub fn note_warm(&self) {
        self.cells().is_warm.store(true, Ordering::Release);
    }

    fn is_warm(&self) -> bool {
        self.cells().is_warm.load(Ordering::Acquire)
    }

    /// The worker is alive.
    pub fn beat(&self) {
        self.beat_at(clock::now_nanoseconds());
    }

    /// The worker was alive at this time of the monotonic clock, in nanoseconds.
    pub(super) fn beat_at(&self, nanoseconds: u64) {
        self.cells().heartbeat.store(nanoseconds, Ordering::Release);
    }

    /// Time since the last heartbeat; `None` before the first.
    pub fn heartbeat_age(&self) -> Option<Duration> {
        match self.cells().heartbeat.load(Ordering::Acquire) {
            0 => None,
            beat => Some(clock::since(beat)),
        }
    }

    /// A connection of this client was accepted: the worker is busy for as long as the guard lives.
    pub fn serve(&self, peer: Option<SocketAddr>) -> Serving<'_> {
        let cells = self.cells();
        let ticket = cells.ring.begin(peer);
        cells.in_flight.fetch_add(1, Ordering::Release);
        Serving { cells, ticket }
    }

    /// Requests that the worker has begun, those without a head as well.
    pub(super) fn begun(&self) -> u64 {
        self.cells().ring.begun()
    }

    /// The requests after this ticket.
    pub(super) fn requests_since(&self, ticket: u64) -> Vec<Entry> {
        self.cells().ring.since(ticket)
    }

    /// The request with this ticket, while it is remembered.
    pub(super) fn request(&self, ticket: u64) -> Option<Entry> {
        self.cells().ring.read(ticket)
    }

    /// Connections that the worker is serving.
    pub fn in_flight(&self) -> u32 {
        self.cells().in_flight.load(Ordering::Acquire)
    }

    /// How many leaked blocks the worker holds.
    pub fn note_leak_blocks(&self, blocks: u64) {
        self.cells().leak_blocks.store(blocks, Ordering::Relaxed);
    }

    /// What the slot shows; `None` when it is empty.
    pub fn snapshot(&self) -> Option<WorkerSnapshot> {
        let cells = self.cells();
        let pid = cells.pid.load(Ordering::Acquire);
        if pid == 0 {
            return None;
        }
        let last_heartbeat = self.heartbeat_age();
        let activity = match (self.in_flight(), last_heartbeat) {
            (0, None) => Activity::Booting,
            (0, Some(_)) => Activity::Idle,
            (in_flight, _) => {
                let youngest = cells.ring.youngest();
                let since = youngest.as_ref().map(|entry| clock::since(entry.began));
                Activity::Busy {
                    request: youngest.map(|entry| entry.text).unwrap_or_default(),
                    since: since.unwrap_or_default(),
                    in_flight,
                }
            }
        };
        Some(WorkerSnapshot {
            pid,
            age: cells.age.load(Ordering::Acquire),
            activity,
            requests: cells.requests.load(Ordering::Acquire),
            last_heartbeat,
            leak_blocks: cells.leak_blocks.load(Ordering::Acquire),
        })
    }
}

/// A connection that a worker is serving: until this is dropped, also by a panic.
#[derive(Debug)]
pub struct Serving<'a> {
    cells: &'a SlotCells,
    ticket: u64,
}

impl Serving<'_> {
    /// The head of the request is read: say what it is.
    pub fn describe(&self, method: &str, target: &str) {
        self.cells.ring.describe(self.ticket, method, target);
        self.cells.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The application has answered with this status.
    pub fn note_status(&self, status: u16) {
        self.cells.ring.note_status(self.ticket, status);
    }
}

impl Drop for Serving<'_> {
    /// The connection is done with, answered or not.
    fn drop(&mut self) {
        self.cells.ring.end(self.ticket);
        // Never below zero: a slot may have been cleared under a worker that is on its way out.
        let _ = self
            .cells
            .in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| {
                count.checked_sub(1)
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::request_ring::TEXT_BYTES;

    #[test]
    fn a_seat_shows_what_its_worker_does() {
        let scoreboard = Scoreboard::new(1).unwrap();
        assert!(scoreboard.workers().is_empty());
        let slot = scoreboard.slot(3);
        slot.assign(9);
        slot.occupy(4242);
        assert_eq!(slot.snapshot().unwrap().activity, Activity::Booting);
        slot.beat();
        assert_eq!(slot.snapshot().unwrap().activity, Activity::Idle);
        let serving = slot.serve(None);
        serving.describe("GET", "/slow?seconds=3");
        let snapshot = scoreboard.workers().remove(0);
        assert_eq!(
            (snapshot.pid, snapshot.age, snapshot.requests),
            (4242, 9, 1)
        );
        match snapshot.activity {
            Activity::Busy {
                request, in_flight, ..
            } => {
                assert_eq!((request.as_str(), in_flight), ("GET /slow?seconds=3", 1));
            }
            other => panic!("busy expected, got {other:?}"),
        }
        drop(serving);
        assert_eq!(slot.snapshot().unwrap().activity, Activity::Idle);
        slot.clear();
        assert!(scoreboard.workers().is_empty());
    }

    #[test]
    fn a_long_target_is_cut_and_never_spills_into_the_next_seat() {
        let scoreboard = Scoreboard::new(1).unwrap();
        for number in [0, 1] {
            scoreboard.slot(number).assign(1);
            scoreboard.slot(number).occupy(1);
            scoreboard.slot(number).beat();
        }
        let slot = scoreboard.slot(0);
        let serving = slot.serve(None);
        serving.describe("GET", &"x".repeat(500));
        match scoreboard.slot(0).snapshot().unwrap().activity {
            Activity::Busy { request, .. } => assert_eq!(request.len(), TEXT_BYTES - 1),
            other => panic!("busy expected, got {other:?}"),
        }
        assert_eq!(
            scoreboard.slot(1).snapshot().unwrap().activity,
            Activity::Idle
        );
    }

    #[test]
    fn what_the_whole_pool_has_been_stays_true_when_a_worker_is_replaced() {
        let scoreboard = Scoreboard::new(2).unwrap();
        for number in [0, 1] {
            assert!(!scoreboard.has_booted() && !scoreboard.is_warm());
            scoreboard.slot(number).assign(1);
            scoreboard.slot(number).occupy(1);
            scoreboard.slot(number).beat();
            scoreboard.slot(number).note_warm();
        }
        assert!(scoreboard.has_booted() && scoreboard.is_warm());
        assert_eq!(scoreboard.warm_workers(), 2);
        scoreboard.slot(0).clear();
        assert!(scoreboard.has_booted() && scoreboard.is_warm());
        assert_eq!(scoreboard.warm_workers(), 1);
        assert!(!scoreboard.is_draining() && !scoreboard.is_warm_up_wanted());

        let fewer = Scoreboard::new(2).unwrap();
        fewer.slot(0).assign(1);
        fewer.slot(0).occupy(1);
        fewer.slot(0).beat();
        fewer.want(0);
        assert!(!fewer.has_booted(), "one of two");
        fewer.want(1);
        assert!(fewer.has_booted(), "all that are wanted now");
        scoreboard.begin_draining();
        scoreboard.ask_for_warm_up();
        assert!(scoreboard.is_draining() && scoreboard.is_warm_up_wanted());
    }
}
