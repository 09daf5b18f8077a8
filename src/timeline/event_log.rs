//! The last events, each with a number, up to a bound.

use std::collections::VecDeque;

use super::Event;

/// Events that are kept: minutes of a pool that is looked at ten times a second.
const MOST: usize = 4096;

/// The last events of one pool.
#[derive(Debug, Default)]
pub struct EventLog {
    events: VecDeque<Event>,
    /// Number of the next event.
    next: u64,
}

impl EventLog {
    /// Keep an event; the oldest makes room.
    pub fn push(&mut self, event: Event) {
        if self.events.len() == MOST {
            self.events.pop_front();
        }
        self.events.push_back(event);
        self.next += 1;
    }

    /// Number of the next event.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What came since event number `from`. A number that has not been given yet is another log's,
    /// and gets everything.
    pub fn since(&self, from: u64) -> impl Iterator<Item = &Event> {
        let first = self.next - self.events.len() as u64;
        let skip = match from <= self.next {
            true => from.saturating_sub(first),
            false => 0,
        };
        self.events
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::What;

    #[test]
    fn a_reader_gets_what_is_new_and_the_oldest_makes_room() {
        let mut log = EventLog::default();
        let push = |log: &mut EventLog, count: u64| {
            for request in 0..count {
                log.push(Event::at(
                    0.0,
                    What::Ended {
                        request,
                        status: None,
                    },
                ));
            }
        };
        push(&mut log, 3);
        assert_eq!(log.since(0).count(), 3);
        assert_eq!(log.since(2).count(), 1);
        assert_eq!(log.since(3).count(), 0);
        assert_eq!(log.since(99).count(), 3, "of a pool before this one");
        push(&mut log, MOST as u64);
        assert_eq!(log.since(0).count(), MOST);
        assert_eq!(log.next(), MOST as u64 + 3);
        assert_eq!(log.since(log.next() - 1).count(), 1);
    }
}
