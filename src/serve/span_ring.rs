//! The answered requests of all workers on their way to whoever exports them as spans, in shared
//! memory that belongs to no worker: one that is killed takes none with it.
//!
//! Workers write without waiting for anybody: not for each other and not for the reader. There is one
//! reader. An entry is a ticket and what belongs to it. Who falls behind by more than the ring holds
//! finds younger tickets, and counts what is lost.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use nix::errno::Errno;

use super::{clock, shared_text};
use crate::machine::sys::{SharedMemory, shared_structs};

/// Requests that may wait for the reader.
pub const ENTRIES: usize = 4096;
/// In place of a ticket while an entry is being written.
const BEING_WRITTEN: u64 = u64::MAX;
/// After so long a writer counts as gone: it was killed between two instructions.
const PATIENCE: Duration = Duration::from_secs(1);

const PATH_WORDS: usize = 16;
/// Bytes of a path that are kept.
pub const PATH_BYTES: usize = PATH_WORDS * shared_text::WORD;

shared_structs! {
    struct Cells {
        /// Requests written so far: the last ticket.
        written: AtomicU64,
        /// The last ticket that was read, for the reader's successor.
        read: AtomicU64,
        entries: [EntryCells; ENTRIES],
    }

    struct EntryCells {
        ticket: AtomicU64,
        /// Monotonic nanoseconds.
        ended: AtomicU64,
        took: AtomicU64,
        /// As [`super::tally`] numbers a series.
        series: AtomicU64,
        worker: AtomicU32,
        /// 1 where there is a parent.
        has_parent: AtomicU32,
        /// The parent: two words of the trace, one of the span.
        parent: [AtomicU64; 3],
        path: [AtomicU64; PATH_WORDS],
    }
}

/// The span of a client, as `traceparent` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: u128,
    /// The span in it.
    pub span: u64,
    /// Whether the client records it; what it does not record is not recorded here.
    pub is_sampled: bool,
}

impl Parent {
    /// Read the header (W3C Trace Context, level 1, 3.2). What is not well-formed is no parent.
    #[must_use]
    pub fn read(header: &str) -> Option<Self> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let mut parts = header.trim().split('-');
        let mut part = |length: usize| {
            let part = parts.next()?;
            (part.len() == length && part.as_bytes().iter().all(is_digit)).then_some(part)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let parent = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            is_sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        };
        (parent.trace != 0 && parent.span != 0).then_some(parent)
    }
}

/// An answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When it ended, in monotonic nanoseconds.
    pub ended: u64,
    /// How long it took.
    pub took: Duration,
    /// Method, route and status, as [`super::tally`] numbers a series.
    pub series: u64,
    /// Its worker's process.
    pub worker: u32,
    /// The client's span.
    pub parent: Option<Parent>,
    /// Its path, cut to [`PATH_BYTES`].
    pub path: String,
}

/// What a look at the ring found.
#[derive(Debug, Default)]
pub struct Taken {
    /// What came since the last look, oldest first.
    pub answered: Vec<Answered>,
    /// How many more there were, whose places younger ones have.
    pub lost: u64,
}

/// The ring; clones share it.
#[derive(Debug, Clone)]
pub struct SpanRing {
    cells: Arc<SharedMemory<Cells>>,
}

impl SpanRing {
    /// Map an empty ring.
    ///
    /// # Errors
    /// When the memory cannot be mapped.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self {
            cells: Arc::new(SharedMemory::new()?),
        })
    }

    /// A request of this worker has just been answered, after so long.
    pub fn push(&self, series: u64, path: &str, took: Duration, parent: Option<Parent>) {
        if parent.is_some_and(|parent| !parent.is_sampled) {
            return;
        }
        let ticket = self.cells.written.fetch_add(1, Ordering::AcqRel) + 1;
        let entry = self.cells.entry(ticket);
        let before = entry.ticket.load(Ordering::Acquire);
        let is_mine = before < ticket
            && entry
                .ticket
                .compare_exchange(before, BEING_WRITTEN, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        // Somebody who was stopped a whole round ago holds the place: the reader misses the ticket.
        if is_mine {
            fence(Ordering::Release);
            entry.write(series, path, took, parent);
            entry.ticket.store(ticket, Ordering::Release);
        }
    }
}

impl Cells {
    fn entry(&self, ticket: u64) -> &EntryCells {
        &self.entries[usize::try_from(ticket % ENTRIES as u64).unwrap_or(0)]
    }
}

impl EntryCells {
    fn write(&self, series: u64, path: &str, took: Duration, parent: Option<Parent>) {
        self.ended
            .store(clock::now_nanoseconds(), Ordering::Relaxed);
        self.took.store(clock::nanoseconds(took), Ordering::Relaxed);
        self.series.store(series, Ordering::Relaxed);
        self.worker.store(std::process::id(), Ordering::Relaxed);
        self.has_parent
            .store(parent.is_some().into(), Ordering::Relaxed);
        if let Some(parent) = parent {
            let words = [
                (parent.trace >> 64) as u64,
                parent.trace as u64,
                parent.span,
            ];
            for (cell, word) in self.parent.iter().zip(words) {
                cell.store(word, Ordering::Relaxed);
            }
        }
        shared_text::store(&self.path, path.as_bytes());
    }

    fn read(&self) -> Answered {
        let [high, low, span] = [0, 1, 2].map(|at: usize| self.parent[at].load(Ordering::Relaxed));
        let parent = Parent {
            trace: u128::from(high) << 64 | u128::from(low),
            span,
            is_sampled: true,
        };
        Answered {
            ended: self.ended.load(Ordering::Relaxed),
            took: Duration::from_nanos(self.took.load(Ordering::Relaxed)),
            series: self.series.load(Ordering::Relaxed),
            worker: self.worker.load(Ordering::Relaxed),
            parent: (self.has_parent.load(Ordering::Relaxed) == 1).then_some(parent),
            path: whole_characters(&shared_text::load(&self.path)).into_owned(),
        }
    }
}

/// A text whose last character may be cut through.
fn whole_characters(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()])
        }
        _ => String::from_utf8_lossy(bytes),
    }
}

/// The one reader of a ring. It goes on where its predecessor was.
#[derive(Debug)]
pub struct SpanReader {
    ring: SpanRing,
    /// A ticket that is given and not written, and since when it is known.
    missing: Option<(u64, u64)>,
}

impl SpanReader {
    /// The reader of this ring.
    #[must_use]
    pub fn new(ring: SpanRing) -> Self {
        Self {
            ring,
            missing: None,
        }
    }

    /// What came since the last look. Once no writer lives (`is_over`), nothing is waited for.
    pub fn take(&mut self, is_over: bool) -> Taken {
        let mut taken = Taken::default();
        let cells = Arc::clone(&self.ring.cells);
        let last = cells.written.load(Ordering::Acquire);
        let read = cells.read.load(Ordering::Relaxed);
        let oldest = last.saturating_sub(ENTRIES as u64);
        taken.lost = oldest.saturating_sub(read);
        let mut next = read.max(oldest) + 1;
        while next <= last {
            let entry = cells.entry(next);
            let ticket = entry.ticket.load(Ordering::Acquire);
            if ticket == next {
                let answered = entry.read();
                fence(Ordering::Acquire);
                match entry.ticket.load(Ordering::Relaxed) == next {
                    true => taken.answered.push(answered),
                    false => taken.lost += 1,
                }
            } else if ticket > next && ticket != BEING_WRITTEN {
                taken.lost += 1;
            } else if is_over || self.is_given_up(next) {
                taken.lost += 1;
                // The place of a writer that was killed is free for others.
                let _ = entry.ticket.compare_exchange(
                    BEING_WRITTEN,
                    0,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
            } else {
                break;
            }
            next += 1;
        }
        cells.read.store(next - 1, Ordering::Relaxed);
        taken
    }

    fn is_given_up(&mut self, ticket: u64) -> bool {
        let now = clock::now_nanoseconds();
        match self.missing {
            Some((missing, since)) if missing == ticket => clock::since(since) >= PATIENCE,
            _ => {
                self.missing = Some((ticket, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> (SpanRing, SpanReader) {
        let ring = SpanRing::new().expect("shared memory");
        (ring.clone(), SpanReader::new(ring))
    }

    fn push(ring: &SpanRing, series: u64) {
        ring.push(series, "/slow", Duration::from_millis(3), None);
    }

    #[test]
    fn each_request_is_taken_once_in_its_order_also_by_a_second_reader() {
        let (ring, mut reader) = ring();
        (1..=3).for_each(|series| push(&ring, series));
        let taken = reader.take(false);
        let series: Vec<u64> = taken.answered.iter().map(|one| one.series).collect();
        assert_eq!((series, taken.lost), (vec![1, 2, 3], 0));
        assert_eq!(taken.answered[0].worker, std::process::id());
        assert_eq!(taken.answered[0].took, Duration::from_millis(3));
        push(&ring, 4);
        let taken = SpanReader::new(ring).take(false);
        assert_eq!((taken.answered.len(), taken.answered[0].series), (1, 4));
        assert!(reader.take(false).answered.is_empty());
    }

    #[test]
    fn a_reader_that_is_late_counts_what_it_has_lost() {
        let (ring, mut reader) = ring();
        (0..ENTRIES as u64 + 5).for_each(|series| push(&ring, series));
        let taken = reader.take(false);
        assert_eq!((taken.answered.len(), taken.lost), (ENTRIES, 5));
        assert_eq!(taken.answered[0].series, 5);
    }

    #[test]
    fn a_path_is_cut_at_a_character_and_a_shorter_one_has_nothing_of_it() {
        let (ring, mut reader) = ring();
        let long = format!("/{}", "\u{e4}".repeat(PATH_BYTES));
        for path in [long.as_str(), "/12345678", "/1234567"] {
            (0..ENTRIES).for_each(|_| ring.push(1, path, Duration::ZERO, None));
            let taken = reader.take(false);
            let shown = &taken.answered[0].path;
            assert!(path.starts_with(shown) && shown.len() >= path.len().min(PATH_BYTES - 1));
        }
    }

    #[test]
    fn writers_at_once_lose_nothing_and_mix_nothing() {
        let (ring, mut reader) = ring();
        let (mut seen, mut lost) = (0, 0);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let ring = &ring;
                    scope.spawn(move || {
                        for series in 0..20_000 {
                            let path = format!("/{thread}/{series}");
                            ring.push(series, &path, Duration::from_nanos(series), None);
                        }
                    })
                })
                .collect();
            loop {
                let are_done = threads.iter().all(|thread| thread.is_finished());
                let taken = reader.take(false);
                for one in &taken.answered {
                    assert!(one.path.ends_with(&format!("/{}", one.series)), "{one:?}");
                    assert_eq!(one.took.as_nanos(), u128::from(one.series));
                }
                seen += taken.answered.len() as u64;
                lost += taken.lost;
                if are_done && seen + lost >= 80_000 {
                    break;
                }
            }
        });
        assert_eq!(seen + lost, 80_000);
        assert!(seen > 0);
    }

    #[test]
    fn a_writer_that_is_killed_holds_up_its_ticket_alone() {
        let (ring, mut reader) = ring();
        push(&ring, 1);
        ring.cells
            .entry(1)
            .ticket
            .store(BEING_WRITTEN, Ordering::Release);
        push(&ring, 2);
        assert!(reader.take(false).answered.is_empty(), "it may still come");
        let taken = reader.take(true);
        assert_eq!((taken.lost, taken.answered.len()), (1, 1), "no more");
    }

    #[test]
    fn a_parent_is_read_as_the_standard_says() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let header =
            |version: &str, flags: &str| format!("{version}-{trace}-b7ad6b7169203331-{flags}");
        let parent = Parent::read(&header("00", "01")).unwrap();
        assert_eq!(format!("{:032x}", parent.trace), trace);
        assert_eq!(parent.span, 0xb7ad_6b71_6920_3331);
        assert!(parent.is_sampled);
        assert!(!Parent::read(&header("00", "02")).unwrap().is_sampled);
        assert!(Parent::read(&header("cc", "01-what-comes")).is_some());
        for wrong in [
            header("ff", "01"),
            header("00", "01-x"),
            header("00", "1"),
            header("00", "01").to_uppercase(),
            header("00", "01").replace(trace, &"0".repeat(32)),
            header("00", "01").replace("b7ad6b7169203331", &"0".repeat(16)),
            String::new(),
        ] {
            assert_eq!(Parent::read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_the_client_does_not_record_is_not_recorded() {
        let (ring, mut reader) = ring();
        for is_sampled in [false, true] {
            let parent = Parent {
                trace: 7 << 64 | 8,
                span: 9,
                is_sampled,
            };
            ring.push(1, "/", Duration::ZERO, Some(parent));
        }
        let [one] = reader.take(false).answered.try_into().unwrap();
        assert_eq!(
            one.parent.map(|parent| (parent.trace, parent.span)),
            Some((7 << 64 | 8, 9))
        );
    }
}
