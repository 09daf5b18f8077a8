//! The clients of a pool: who waits, whom a worker has, and who has left, from one reading of the
//! kernel's connections to the next.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::machine::accept_queue::Connection;
use crate::timeline::What;

/// The clients that are known, by their address.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: HashMap<SocketAddr, Client>,
    next: u64,
}

/// A client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// Number of its connection.
    pub number: u64,
    /// Seconds since 1970, when it asked; `None` where a worker had it at once.
    pub queued: Option<f64>,
    is_accepted: bool,
    /// A worker tells of it.
    has_begun: bool,
    /// The last reading showed it.
    is_shown: bool,
    /// The last reading showed that it has closed its end.
    has_closed: bool,
    /// That it has left is told.
    has_left: bool,
}

impl Clients {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Take a reading of the kernel's connections.
    pub fn read(&mut self, seen: &[Connection], now: f64, events: &mut Vec<What>) {
        for client in self.known.values_mut() {
            client.is_shown = false;
        }
        for connection in seen {
            let is_new = !self.known.contains_key(&connection.peer);
            if is_new && connection.is_accepted {
                // Accepted before anybody could see it wait: its worker tells.
                continue;
            }
            // It came when its last data did, or before: nobody has answered it yet.
            let came = now - connection.silence.as_secs_f64();
            let client = self.client(connection.peer, Some(came));
            client.is_shown = true;
            client.has_closed = connection.has_left;
            let number = client.number;
            let was_accepted = std::mem::replace(&mut client.is_accepted, connection.is_accepted);
            if is_new {
                events.push(What::Queued { connection: number });
            } else if connection.is_accepted && !was_accepted && !client.has_begun {
                events.push(What::Accepted { connection: number });
            }
        }
    }

    /// Tell who has left, after the workers have told what they are done with: a connection that
    /// is over because it was answered is no client that left. One that the kernel no longer shows
    /// was reset; in the queue it keeps its place.
    pub fn tell_left(&mut self, events: &mut Vec<What>) {
        for client in self.known.values_mut() {
            let is_gone = client.has_closed || !client.is_shown;
            if is_gone && !std::mem::replace(&mut client.has_left, is_gone) {
                events.push(What::Left {
                    connection: client.number,
                });
            }
        }
    }

    /// Whether a client that has asked from there is known.
    pub fn knows(&self, peer: SocketAddr) -> bool {
        self.known.contains_key(&peer)
    }

    /// Requests were too many to be told one by one: who is not seen any more, and did not leave before
    /// anybody took it, may have been answered by one of them.
    pub fn take_unseen(&mut self, events: &mut Vec<What>) {
        let mut taken: Vec<u64> = Vec::new();
        self.known.retain(|_, client| {
            let may_be_answered = !client.is_shown && !client.has_begun && !client.has_left;
            if may_be_answered {
                taken.push(client.number);
            }
            !may_be_answered
        });
        taken.sort_unstable();
        let accepted = taken
            .into_iter()
            .map(|connection| What::Accepted { connection });
        events.extend(accepted);
    }

    /// A worker has the client's request.
    pub fn begin(&mut self, peer: SocketAddr) -> Client {
        let client = self.client(peer, None);
        (client.has_begun, client.is_accepted) = (true, true);
        *client
    }

    /// A worker is done with it.
    pub fn end(&mut self, peer: SocketAddr) {
        self.known.remove(&peer);
    }

    /// Clients in the queue that have left.
    pub fn left(&self) -> usize {
        let left = |client: &&Client| client.has_left && !client.is_accepted;
        self.known.values().filter(left).count()
    }

    /// Who is in nobody's hands and can be in no queue of this length was dropped: the kernel gives
    /// nobody a connection that was reset, and the last worker's end resets all.
    pub fn drop_lost(&mut self, waiting: Option<u32>, events: &mut Vec<What>) {
        let queued = self.known.values().filter(|client| !client.is_accepted);
        let excess = queued.count().saturating_sub(waiting.unwrap_or(0) as usize);
        let mut lost: Vec<(u64, SocketAddr)> = self
            .known
            .iter()
            .filter(|(_, client)| !client.has_begun && !client.is_shown)
            .map(|(peer, client)| (client.number, *peer))
            .collect();
        lost.sort_unstable();
        for (number, peer) in lost.into_iter().take(excess) {
            self.known.remove(&peer);
            events.push(What::Dropped { connection: number });
        }
    }

    fn client(&mut self, peer: SocketAddr, queued: Option<f64>) -> &mut Client {
        let next = &mut self.next;
        self.known.entry(peer).or_insert_with(|| {
            *next += 1;
            Client {
                number: *next,
                queued,
                is_accepted: false,
                has_begun: false,
                is_shown: true,
                has_closed: false,
                has_left: false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn connection(port: u16, is_accepted: bool, has_left: bool) -> Connection {
        Connection {
            peer: SocketAddr::from(([127, 0, 0, 1], port)),
            is_accepted,
            has_left,
            silence: Duration::ZERO,
        }
    }

    /// What one reading tells, with what workers begin and end between it and its end.
    fn look(
        clients: &mut Clients,
        seen: &[Connection],
        waiting: u32,
        work: impl FnOnce(&mut Clients),
    ) -> Vec<What> {
        let mut events = Vec::new();
        clients.read(seen, 1.0, &mut events);
        work(clients);
        clients.tell_left(&mut events);
        clients.drop_lost(Some(waiting), &mut events);
        events
    }

    #[test]
    fn a_client_that_leaves_is_told_once_and_keeps_its_place() {
        let mut clients = Clients::default();
        let none = |_: &mut Clients| {};
        let events = look(&mut clients, &[connection(1, false, false)], 1, none);
        assert_eq!(events, [What::Queued { connection: 1 }]);
        for _ in 0..2 {
            let events = look(&mut clients, &[connection(1, false, true)], 1, none);
            assert!(events.len() <= 1);
            assert_eq!(clients.left(), 1);
        }
        let peer = connection(1, true, true).peer;
        let client = clients.begin(peer);
        assert_eq!((client.number, client.queued), (1, Some(1.0)));
        assert_eq!(clients.left(), 0, "a worker has it");
        clients.end(peer);
        assert!(clients.is_empty());
    }

    #[test]
    fn who_was_answered_has_not_left() {
        let mut clients = Clients::default();
        let peer = connection(1, true, false).peer;
        clients.begin(peer);
        // The worker has closed the connection, and the reading came before its word of it.
        let events = look(&mut clients, &[], 0, |clients| clients.end(peer));
        assert_eq!(events, []);
    }

    #[test]
    fn who_may_have_been_answered_among_many_others_has_not_left() {
        let mut clients = Clients::default();
        let none = |_: &mut Clients| {};
        let gone = connection(2, false, true);
        look(&mut clients, &[connection(1, false, false), gone], 2, none);
        let mut events = Vec::new();
        clients.read(&[], 2.0, &mut events);
        clients.take_unseen(&mut events);
        clients.tell_left(&mut events);
        assert_eq!(events, [What::Accepted { connection: 1 }]);
        assert!(clients.knows(gone.peer), "it had left before");
    }

    #[test]
    fn one_that_was_reset_leaves_and_is_dropped_when_the_queue_has_no_room_for_it() {
        let mut clients = Clients::default();
        let none = |_: &mut Clients| {};
        let both = [connection(1, false, false), connection(2, false, false)];
        look(&mut clients, &both, 2, none);
        let one = [connection(2, false, false)];
        let events = look(&mut clients, &one, 2, none);
        assert_eq!(events, [What::Left { connection: 1 }]);
        let events = look(&mut clients, &one, 1, none);
        assert_eq!(events, [What::Dropped { connection: 1 }]);
    }

    #[test]
    fn what_a_worker_holds_without_a_thread_for_it_is_in_no_queue() {
        let mut clients = Clients::default();
        let none = |_: &mut Clients| {};
        look(&mut clients, &[connection(1, false, false)], 1, none);
        let events = look(&mut clients, &[connection(1, true, false)], 0, none);
        assert_eq!(events, [What::Accepted { connection: 1 }]);
    }
}
