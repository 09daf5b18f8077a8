//! What every process of the pool can see of every worker: heartbeats, activity, counters.
//!
//! Gunicorn keeps a heartbeat file per worker; here each worker has a slot in a table of atomics
//! that the arbiter maps before it forks. A worker writes its own slot only; the arbiter clears a
//! slot when it has reaped the worker. Nothing in the table is trusted to be consistent across
//! two fields: it is for looking, and the heartbeat alone decides.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::clock;
use super::settings::MOST_WORKERS;
use crate::app::pool::{Activity, WorkerSnapshot};
use crate::machine::sys::SharedTable;

/// Workers that one pool can hold at the same time: during a reload the old ones and the new ones.
pub const SLOTS: usize = 2 * MOST_WORKERS;

/// Words of text that a slot keeps of the current request.
const TEXT_WORDS: usize = 8;
const TEXT_BYTES: usize = TEXT_WORDS * 8;

/// Fields of a slot, in words.
#[derive(Debug, Clone, Copy)]
enum Field {
    Pid,
    Age,
    /// Monotonic nanoseconds of the last heartbeat, 0 before the first.
    Heartbeat,
    InFlight,
    /// Monotonic nanoseconds at which the current request began.
    Since,
    Requests,
    LeakBlocks,
    /// 1 when the worker has done its warm-up.
    Warm,
    Text,
}

const WORDS: usize = Field::Text as usize + TEXT_WORDS;
/// Words of a line of the processor's cache.
const LINE: usize = 8;
/// Fields before the first slot, in words.
#[derive(Debug, Clone, Copy)]
enum Header {
    /// How often a reset was asked for.
    ResetGeneration,
    /// The arbiter's pid.
    Arbiter,
    /// Facts about the whole pool that, once true, stay true.
    Facts,
    /// Workers wanted.
    Wanted,
}
/// Words before the first slot: whole lines, as a slot has, or two workers that write each its own
/// slot would wait for each other.
const HEADER: usize = (Header::Wanted as usize + 1).next_multiple_of(LINE);
const _: () = assert!(WORDS.is_multiple_of(LINE));

/// A fact about the whole pool; one bit each.
#[derive(Debug, Clone, Copy)]
enum Fact {
    Draining = 1,
    Booted = 2,
    Warm = 4,
    WarmUpWanted = 8,
}

/// The table; clones share it.
#[derive(Debug, Clone)]
pub struct Scoreboard {
    table: Arc<SharedTable<AtomicU64>>,
}

impl Scoreboard {
    /// Map an empty scoreboard for a pool that wants so many workers.
    ///
    /// # Errors
    /// When the memory cannot be mapped.
    pub fn new(wanted: usize) -> Result<Self, Errno> {
        let scoreboard = Self {
            table: Arc::new(SharedTable::new(HEADER + SLOTS * WORDS)?),
        };
        let header = |word, value| scoreboard.header(word).store(value, Ordering::Relaxed);
        header(Header::Arbiter, u64::from(std::process::id()));
        header(Header::Wanted, u64::try_from(wanted).unwrap_or(u64::MAX));
        Ok(scoreboard)
    }

    fn header(&self, word: Header) -> &AtomicU64 {
        &self.table[word as usize]
    }

    fn is(&self, fact: Fact) -> bool {
        self.header(Header::Facts).load(Ordering::Acquire) & fact as u64 != 0
    }

    fn note(&self, fact: Fact) {
        self.header(Header::Facts)
            .fetch_or(fact as u64, Ordering::AcqRel);
    }

    /// So many workers are wanted now; none is nobody's wish, but a pool on its way out.
    pub fn want(&self, workers: usize) {
        if let Some(workers) = u64::try_from(workers).ok().filter(|workers| *workers > 0) {
            self.header(Header::Wanted)
                .store(workers, Ordering::Relaxed);
        }
    }

    /// Workers wanted.
    pub fn wanted(&self) -> usize {
        let wanted = self.header(Header::Wanted).load(Ordering::Relaxed);
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
        u32::try_from(self.header(Header::Arbiter).load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How often a reset was asked for.
    pub fn reset_generation(&self) -> u64 {
        self.header(Header::ResetGeneration).load(Ordering::Acquire)
    }

    /// Ask every worker to undo its faults.
    pub fn ask_for_reset(&self) {
        self.header(Header::ResetGeneration)
            .fetch_add(1, Ordering::AcqRel);
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
    fn field(&self, field: Field) -> &AtomicU64 {
        &self.scoreboard.table[HEADER + self.number * WORDS + field as usize]
    }

    fn text(&self) -> &[AtomicU64] {
        let start = HEADER + self.number * WORDS + Field::Text as usize;
        &self.scoreboard.table[start..start + TEXT_WORDS]
    }

    /// Number of the slot.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Give the slot to a worker that is about to be forked; the pid follows when it is known.
    pub fn assign(&self, age: u64) {
        self.clear();
        self.field(Field::Age).store(age, Ordering::Relaxed);
    }

    /// Say which process holds the slot.
    pub fn occupy(&self, pid: u32) {
        self.field(Field::Pid)
            .store(u64::from(pid), Ordering::Release);
    }

    /// Empty the slot.
    pub fn clear(&self) {
        let start = HEADER + self.number * WORDS;
        for word in &self.scoreboard.table[start..start + WORDS] {
            word.store(0, Ordering::Relaxed);
        }
    }

    fn is_taken(&self) -> bool {
        self.field(Field::Pid).load(Ordering::Acquire) != 0
    }

    /// Whether the worker has taken a request.
    pub fn has_served(&self) -> bool {
        self.field(Field::Requests).load(Ordering::Acquire) != 0
    }

    /// The worker has done its warm-up.
    pub fn note_warm(&self) {
        self.field(Field::Warm).store(1, Ordering::Release);
    }

    fn is_warm(&self) -> bool {
        self.field(Field::Warm).load(Ordering::Acquire) != 0
    }

    /// The worker is alive.
    pub fn beat(&self) {
        self.beat_at(clock::now_nanoseconds());
    }

    /// The worker was alive at this time of the monotonic clock, in nanoseconds.
    pub(super) fn beat_at(&self, nanoseconds: u64) {
        self.field(Field::Heartbeat)
            .store(nanoseconds, Ordering::Release);
    }

    /// Time since the last heartbeat; `None` before the first.
    pub fn heartbeat_age(&self) -> Option<Duration> {
        match self.field(Field::Heartbeat).load(Ordering::Acquire) {
            0 => None,
            beat => Some(clock::since(beat)),
        }
    }

    /// A connection was accepted: the worker is busy for as long as the guard lives.
    pub fn serve(&self) -> Serving<'_> {
        self.field(Field::Since)
            .store(clock::now_nanoseconds(), Ordering::Relaxed);
        self.text()[0].store(0, Ordering::Relaxed);
        self.field(Field::InFlight).fetch_add(1, Ordering::Release);
        Serving { slot: self }
    }

    /// Connections that the worker is serving.
    pub fn in_flight(&self) -> u64 {
        self.field(Field::InFlight).load(Ordering::Acquire)
    }

    /// How many leaked blocks the worker holds.
    pub fn note_leak_blocks(&self, blocks: u64) {
        self.field(Field::LeakBlocks)
            .store(blocks, Ordering::Relaxed);
    }

    /// What the slot shows; `None` when it is empty.
    pub fn snapshot(&self) -> Option<WorkerSnapshot> {
        let get = |field: Field| self.field(field).load(Ordering::Acquire);
        let pid = u32::try_from(get(Field::Pid))
            .ok()
            .filter(|&pid| pid != 0)?;
        let last_heartbeat = self.heartbeat_age();
        let in_flight = u32::try_from(get(Field::InFlight)).unwrap_or(u32::MAX);
        let activity = match (in_flight, last_heartbeat) {
            (0, None) => Activity::Booting,
            (0, Some(_)) => Activity::Idle,
            (in_flight, _) => Activity::Busy {
                request: self.request_text(),
                since: clock::since(get(Field::Since)),
                in_flight,
            },
        };
        Some(WorkerSnapshot {
            pid,
            age: get(Field::Age),
            activity,
            requests: get(Field::Requests),
            last_heartbeat,
            leak_blocks: get(Field::LeakBlocks),
        })
    }

    fn request_text(&self) -> String {
        let bytes: Vec<u8> = self
            .text()
            .iter()
            .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
            .take_while(|&byte| byte != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A connection that a worker is serving: until this is dropped, also by a panic.
#[derive(Debug)]
pub struct Serving<'a> {
    slot: &'a Slot,
}

impl Serving<'_> {
    /// The head of the request is read: say what it is.
    pub fn describe(&self, method: &str, target: &str) {
        let mut text = [0u8; TEXT_BYTES];
        // The last byte stays 0, so that the text has an end.
        let mut rest = &mut text[..TEXT_BYTES - 1];
        for part in [method, " ", target] {
            // What does not fit is left out, which is no error of a slice.
            let _ = rest.write(part.as_bytes());
        }
        for (word, chunk) in self.slot.text().iter().zip(text.chunks_exact(8)) {
            let mut bytes = [0u8; 8];
            bytes.copy_from_slice(chunk);
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        self.slot
            .field(Field::Requests)
            .fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Serving<'_> {
    /// The connection is done with, answered or not.
    fn drop(&mut self) {
        // Never below zero: a slot may have been cleared under a worker that is on its way out.
        let _ = self.slot.field(Field::InFlight).fetch_update(
            Ordering::AcqRel,
            Ordering::Relaxed,
            |count| count.checked_sub(1),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let serving = slot.serve();
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
        let serving = slot.serve();
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
