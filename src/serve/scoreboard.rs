//! What every process of the pool can see of every worker: heartbeats, activity, counters.
//!
//! Gunicorn keeps a heartbeat file per worker; here each worker has a seat in a table of atomics
//! that the arbiter maps before it forks. A worker writes its own seat only; the arbiter clears a
//! seat when it has reaped the worker. Nothing in the table is trusted to be consistent across
//! two fields: it is for looking, and the heartbeat alone decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::clock;
use crate::app::pool::{Activity, WorkerSnapshot};
use crate::machine::sys::SharedTable;

/// Workers that one pool can hold at the same time, those on their way out included.
pub const SEATS: usize = 256;

/// Words of text that a seat keeps of the current request.
const TEXT_WORDS: usize = 8;
const TEXT_BYTES: usize = TEXT_WORDS * 8;

/// Fields of a seat, in words.
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
    Text,
}

const WORDS: usize = Field::Text as usize + TEXT_WORDS;
/// Words before the first seat: the reset generation and the arbiter's pid.
const HEADER: usize = 2;

/// The table; clones share it.
#[derive(Debug, Clone)]
pub struct Scoreboard {
    table: Arc<SharedTable<AtomicU64>>,
}

impl Scoreboard {
    /// Map an empty scoreboard.
    ///
    /// # Errors
    /// When the memory cannot be mapped.
    pub fn new() -> Result<Self, Errno> {
        let board = Self {
            table: Arc::new(SharedTable::new(HEADER + SEATS * WORDS)?),
        };
        board.table[1].store(u64::from(std::process::id()), Ordering::Relaxed);
        Ok(board)
    }

    /// The seat of that number; the caller keeps `number` below [`SEATS`].
    pub fn seat(&self, number: usize) -> Seat {
        Seat {
            board: self.clone(),
            number: number.min(SEATS - 1),
        }
    }

    /// The arbiter's pid.
    pub fn arbiter(&self) -> u32 {
        u32::try_from(self.table[1].load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How often a reset was asked for.
    pub fn reset_generation(&self) -> u64 {
        self.table[0].load(Ordering::Acquire)
    }

    /// Ask every worker to undo its faults.
    pub fn ask_for_reset(&self) {
        self.table[0].fetch_add(1, Ordering::AcqRel);
    }

    /// Every taken seat, oldest worker first.
    pub fn workers(&self) -> Vec<WorkerSnapshot> {
        let mut workers: Vec<WorkerSnapshot> = (0..SEATS)
            .filter_map(|number| self.seat(number).snapshot())
            .collect();
        workers.sort_by_key(|worker| worker.age);
        workers
    }
}

/// One worker's place in the table.
#[derive(Debug, Clone)]
pub struct Seat {
    board: Scoreboard,
    number: usize,
}

impl Seat {
    fn field(&self, field: Field) -> &AtomicU64 {
        &self.board.table[HEADER + self.number * WORDS + field as usize]
    }

    fn text(&self) -> &[AtomicU64] {
        let start = HEADER + self.number * WORDS + Field::Text as usize;
        &self.board.table[start..start + TEXT_WORDS]
    }

    /// Number of the seat.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Give the seat to a worker that is about to be forked; the pid follows when it is known.
    pub fn assign(&self, age: u64) {
        self.clear();
        self.field(Field::Age).store(age, Ordering::Relaxed);
    }

    /// Say which process holds the seat.
    pub fn occupy(&self, pid: u32) {
        self.field(Field::Pid)
            .store(u64::from(pid), Ordering::Release);
    }

    /// Empty the seat.
    pub fn clear(&self) {
        let start = HEADER + self.number * WORDS;
        for word in &self.board.table[start..start + WORDS] {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// The worker is alive.
    pub fn beat(&self) {
        self.field(Field::Heartbeat)
            .store(clock::now_nanoseconds(), Ordering::Release);
    }

    /// Time since the last heartbeat; `None` before the first.
    pub fn heartbeat_age(&self) -> Option<Duration> {
        match self.field(Field::Heartbeat).load(Ordering::Acquire) {
            0 => None,
            beat => Some(clock::since(beat)),
        }
    }

    /// A connection was accepted: the worker is busy from now on.
    pub fn begin(&self) {
        self.field(Field::Since)
            .store(clock::now_nanoseconds(), Ordering::Relaxed);
        self.text()[0].store(0, Ordering::Relaxed);
        self.field(Field::InFlight).fetch_add(1, Ordering::Release);
    }

    /// The head of the request is read: say what it is.
    pub fn describe(&self, method: &str, target: &str) {
        let mut text = [0u8; TEXT_BYTES];
        let words = method.bytes().chain([b' ']).chain(target.bytes());
        // The last byte stays 0, so that the text has an end.
        for (place, byte) in text[..TEXT_BYTES - 1].iter_mut().zip(words) {
            *place = byte;
        }
        for (word, chunk) in self.text().iter().zip(text.chunks_exact(8)) {
            let mut bytes = [0u8; 8];
            bytes.copy_from_slice(chunk);
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        self.field(Field::Requests).fetch_add(1, Ordering::Relaxed);
    }

    /// The connection is done with, answered or not.
    pub fn end(&self) {
        // Never below zero: a seat may have been cleared under a worker that is on its way out.
        let _ = self.field(Field::InFlight).fetch_update(
            Ordering::AcqRel,
            Ordering::Relaxed,
            |count| count.checked_sub(1),
        );
    }

    /// How many leaked blocks the worker holds.
    pub fn note_leak_blocks(&self, blocks: u64) {
        self.field(Field::LeakBlocks)
            .store(blocks, Ordering::Relaxed);
    }

    /// What the seat shows; `None` when it is empty.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_shows_what_its_worker_does() {
        let board = Scoreboard::new().unwrap();
        assert!(board.workers().is_empty());
        let seat = board.seat(3);
        seat.assign(9);
        seat.occupy(4242);
        assert_eq!(seat.snapshot().unwrap().activity, Activity::Booting);
        seat.beat();
        assert_eq!(seat.snapshot().unwrap().activity, Activity::Idle);
        seat.begin();
        seat.describe("GET", "/slow?seconds=3");
        let snapshot = board.workers().remove(0);
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
        seat.end();
        seat.end();
        assert_eq!(seat.snapshot().unwrap().activity, Activity::Idle);
        seat.clear();
        assert!(board.workers().is_empty());
    }

    #[test]
    fn a_long_target_is_cut_and_never_spills_into_the_next_seat() {
        let board = Scoreboard::new().unwrap();
        for number in [0, 1] {
            board.seat(number).assign(1);
            board.seat(number).occupy(1);
            board.seat(number).beat();
        }
        board.seat(0).begin();
        board.seat(0).describe("GET", &"x".repeat(500));
        match board.seat(0).snapshot().unwrap().activity {
            Activity::Busy { request, .. } => assert_eq!(request.len(), TEXT_BYTES - 1),
            other => panic!("busy expected, got {other:?}"),
        }
        assert_eq!(board.seat(1).snapshot().unwrap().activity, Activity::Idle);
    }
}
