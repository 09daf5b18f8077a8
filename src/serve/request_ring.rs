//! The last requests of one worker, in the shared memory: what it has in its hands and what it has
//! just done with, for whoever looks several times a second.
//!
//! Only the worker writes, without a lock and without waiting. An entry is a ticket and what belongs
//! to it; a reader that finds another ticket afterwards than before has read a mixture, and lets it
//! be. Where more requests are in flight than there are entries, the oldest are overwritten.

use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::{clock, shared_text};
use crate::machine::accept_queue::canonical;
use crate::machine::sys::shared_structs;

/// Requests that are remembered: what a worker of 500 requests a second does in a tenth of one.
pub(super) const ENTRIES: usize = 64;

/// Words of text that an entry keeps.
const TEXT_WORDS: usize = 8;
pub(super) const TEXT_BYTES: usize = TEXT_WORDS * shared_text::WORD;

shared_structs! {
    /// The ring, as it lies in the shared memory.
    pub(super) struct RingCells {
        /// Requests begun so far: the last ticket.
        begun: AtomicU64,
        entries: [EntryCells; ENTRIES],
    }

    /// One request.
    pub(super) struct EntryCells {
        /// 0 while it is being written.
        ticket: AtomicU64,
        /// Monotonic nanoseconds.
        began: AtomicU64,
        /// Monotonic nanoseconds; 0 while it is in flight.
        ended: AtomicU64,
        /// 0 before the answer.
        status: AtomicU32,
        /// Port of the client; 0 for none.
        port: AtomicU32,
        /// Its address as one of IPv6, in two halves.
        address: [AtomicU64; 2],
        /// Method and target, ended by a zero byte.
        text: [AtomicU64; TEXT_WORDS],
    }
}

/// A request, as somebody else reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Number of the request among those of this worker, from 1.
    pub ticket: u64,
    /// Monotonic nanoseconds.
    pub began: u64,
    /// Monotonic nanoseconds; `None` while it is in flight.
    pub ended: Option<u64>,
    /// What was answered.
    pub status: Option<u16>,
    /// The client.
    pub peer: Option<SocketAddr>,
    /// Method and target; empty before the head is read.
    pub text: String,
}

impl RingCells {
    /// Forget everything.
    pub fn clear(&self) {
        for entry in &self.entries {
            entry.ticket.store(0, Ordering::Relaxed);
        }
        self.begun.store(0, Ordering::Relaxed);
    }

    /// A request begins; returns its ticket.
    pub fn begin(&self, peer: Option<SocketAddr>) -> u64 {
        let ticket = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let entry = self.entry(ticket);
        entry.ticket.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        entry
            .began
            .store(clock::now_nanoseconds(), Ordering::Relaxed);
        entry.ended.store(0, Ordering::Relaxed);
        entry.status.store(0, Ordering::Relaxed);
        entry.text[0].store(0, Ordering::Relaxed);
        entry.note_peer(peer);
        entry.ticket.store(ticket, Ordering::Release);
        ticket
    }

    /// The head is read.
    pub fn describe(&self, ticket: u64, method: &str, target: &str) {
        let mut text = [0u8; TEXT_BYTES];
        let mut rest = &mut text[..TEXT_BYTES - 1];
        for part in [method, " ", target] {
            // What does not fit is left out, which is no error of a slice.
            let _ = rest.write(part.as_bytes());
        }
        let length = TEXT_BYTES - 1 - rest.len();
        if let Some(entry) = self.own(ticket) {
            shared_text::store(&entry.text, &text[..length]);
        }
    }

    /// The answer is known.
    pub fn note_status(&self, ticket: u64, status: u16) {
        if let Some(entry) = self.own(ticket) {
            entry.status.store(u32::from(status), Ordering::Relaxed);
        }
    }

    /// The worker is done with it.
    pub fn end(&self, ticket: u64) {
        if let Some(entry) = self.own(ticket) {
            entry
                .ended
                .store(clock::now_nanoseconds(), Ordering::Release);
        }
    }

    /// Requests begun so far.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Every request after ticket `after` that is still there, oldest first.
    pub fn since(&self, after: u64) -> Vec<Entry> {
        let last = self.begun();
        let first = last.saturating_sub(ENTRIES as u64 - 1).max(after + 1);
        (first..=last)
            .filter_map(|ticket| self.read(ticket))
            .collect()
    }

    /// The request with this ticket, if it is still there.
    pub fn read(&self, ticket: u64) -> Option<Entry> {
        let cells = self.own(ticket)?;
        let entry = Entry {
            ticket,
            began: cells.began.load(Ordering::Relaxed),
            ended: Some(cells.ended.load(Ordering::Acquire)).filter(|ended| *ended != 0),
            status: u16::try_from(cells.status.load(Ordering::Relaxed))
                .ok()
                .filter(|status| *status != 0),
            peer: cells.peer(),
            text: cells.request_text(),
        };
        fence(Ordering::Acquire);
        self.own(ticket).map(|_| entry)
    }

    /// The youngest request in flight.
    pub fn youngest(&self) -> Option<Entry> {
        let last = self.begun();
        let first = last.saturating_sub(ENTRIES as u64 - 1).max(1);
        let in_flight = |ticket| {
            let cells = self.own(ticket)?;
            (cells.ended.load(Ordering::Acquire) == 0).then_some(ticket)
        };
        let ticket = (first..=last).rev().find_map(in_flight)?;
        self.read(ticket)
    }

    fn entry(&self, ticket: u64) -> &EntryCells {
        &self.entries[usize::try_from(ticket % ENTRIES as u64).unwrap_or(0)]
    }

    /// The entry of this ticket, unless a younger one has it.
    fn own(&self, ticket: u64) -> Option<&EntryCells> {
        let entry = self.entry(ticket);
        (entry.ticket.load(Ordering::Acquire) == ticket).then_some(entry)
    }
}

impl EntryCells {
    fn note_peer(&self, peer: Option<SocketAddr>) {
        let port = peer.map_or(0, |peer| u32::from(peer.port()));
        self.port.store(port, Ordering::Relaxed);
        let Some(peer) = peer else { return };
        let bits = match peer.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        self.address[0].store((bits >> 64) as u64, Ordering::Relaxed);
        self.address[1].store(bits as u64, Ordering::Relaxed);
    }

    fn peer(&self) -> Option<SocketAddr> {
        let port = u16::try_from(self.port.load(Ordering::Relaxed)).ok()?;
        let half = |at: usize| u128::from(self.address[at].load(Ordering::Relaxed));
        let address = Ipv6Addr::from_bits(half(0) << 64 | half(1));
        (port != 0).then(|| canonical(SocketAddr::from((address, port))))
    }

    fn request_text(&self) -> String {
        String::from_utf8_lossy(&shared_text::load(&self.text)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::sys::SharedMemory;

    #[test]
    fn a_request_is_told_from_its_beginning_to_its_answer() {
        let ring = SharedMemory::<RingCells>::new().unwrap();
        let peer = "127.0.0.1:4000".parse().ok();
        let ticket = ring.begin(peer);
        ring.describe(ticket, "GET", "/slow");
        let [begun] = ring.since(0).try_into().unwrap();
        assert_eq!((begun.peer, begun.text.as_str()), (peer, "GET /slow"));
        assert_eq!((begun.ended, begun.status), (None, None));
        assert_eq!(ring.youngest(), Some(begun.clone()));
        ring.note_status(ticket, 200);
        ring.end(ticket);
        let ended = ring.read(ticket).unwrap();
        assert_eq!(ended.status, Some(200));
        assert!(ended.ended.is_some_and(|ended| ended >= begun.began));
        assert!(ring.since(ticket).is_empty() && ring.youngest().is_none());
    }

    #[test]
    fn the_oldest_makes_room_and_touches_its_successor_no_more() {
        let ring = SharedMemory::<RingCells>::new().unwrap();
        let tickets: Vec<u64> = (0..ENTRIES + 1).map(|_| ring.begin(None)).collect();
        assert_eq!(ring.read(tickets[0]), None);
        ring.note_status(tickets[0], 500);
        ring.end(tickets[0]);
        let all = ring.since(0);
        assert_eq!(all.len(), ENTRIES);
        assert!(
            all.iter()
                .all(|entry| entry.ended.is_none() && entry.status.is_none())
        );
        let ipv6 = "[2001:db8::1]:80".parse().ok();
        assert_eq!(ring.read(ring.begin(ipv6)).unwrap().peer, ipv6);
    }
}
