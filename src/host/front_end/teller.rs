//! What the front end tells of requests that it holds or that no container answers, as events of the
//! stream.
//!
//! A request that a warm container answers is not told here, and costs nothing. Everything else is
//! told up to a bound and counted beyond it; each event has the number of requests that are held, so
//! that whoever reads the stream has it right in any case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::host::journal::Journal;
use crate::timeline::event::Unanswered;
use crate::timeline::{Event, What};

/// Events that are told in one [`WINDOW`].
const MOST: u32 = 100;
/// The time that the bound is for.
const WINDOW: Duration = Duration::from_secs(1);
/// Characters of a request's text.
const MOST_TEXT: usize = 120;

/// Tells of the requests of one front end.
#[derive(Debug)]
pub(super) struct Teller {
    slot: String,
    /// Knows who wants to see it.
    journal: Arc<Journal>,
    /// Held while an event is put into the stream, so that the events' order is that of the numbers.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Number of the last request that was held.
    last: u64,
    holding: u64,
    window: Instant,
    /// Events in this window.
    told: u32,
    /// Events that were not told.
    untold: u64,
}

impl Teller {
    pub(super) fn new(slot: String, journal: Arc<Journal>) -> Self {
        let state = State {
            last: 0,
            holding: 0,
            window: Instant::now(),
            told: 0,
            untold: 0,
        };
        Self {
            slot,
            journal,
            state: Mutex::new(state),
        }
    }

    /// A request is held; returns its number.
    pub(super) fn held(&self, text: &str) -> u64 {
        let mut state = self.state.lock();
        state.last += 1;
        state.holding += 1;
        let (number, holding) = (state.last, state.holding);
        let text = cut(text);
        self.tell(
            &mut state,
            What::Held {
                number,
                text,
                holding,
            },
        );
        number
    }

    /// It goes to a container, so long after it came.
    pub(super) fn released(&self, number: u64, waited: Duration) {
        let mut state = self.state.lock();
        state.holding -= 1;
        let (waited, holding) = (seconds(waited), state.holding);
        self.tell(
            &mut state,
            What::Released {
                number,
                waited,
                holding,
            },
        );
    }

    /// A request ended without an answer of the site.
    pub(super) fn unanswered(&self, end: End<'_>) {
        let mut state = self.state.lock();
        let number = match end.hold {
            Hold::Never => None,
            Hold::Held(number) => {
                state.holding -= 1;
                Some(number)
            }
            Hold::Released(number) => Some(number),
        };
        let holding = state.holding;
        self.tell(
            &mut state,
            What::Unanswered {
                number,
                text: cut(end.text),
                why: end.why,
                status: end.status,
                took: seconds(end.took),
                holding,
            },
        );
    }

    /// Tell how many events were not told, where that is due.
    pub(super) fn flush(&self) {
        self.turn(&mut self.state.lock());
    }

    fn tell(&self, state: &mut State, what: What) {
        self.turn(state);
        match state.told < MOST {
            true => {
                state.told += 1;
                self.push(what);
            }
            false => state.untold += 1,
        }
    }

    /// Begin another window where the last one is over.
    fn turn(&self, state: &mut State) {
        if state.window.elapsed() < WINDOW {
            return;
        }
        state.window = Instant::now();
        state.told = 0;
        let count = std::mem::take(&mut state.untold);
        if count > 0 {
            let holding = state.holding;
            self.push(What::Untold { count, holding });
        }
    }

    fn push(&self, what: What) {
        if let Some(feed) = self.journal.feed() {
            feed.push(&Event {
                slot: Some(self.slot.clone()),
                ..Event::now(what)
            });
        }
    }
}

/// Whether a request was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Never,
    /// It is.
    Held(u64),
    /// It was.
    Released(u64),
}

/// How a request ended.
pub(super) struct End<'a> {
    pub(super) hold: Hold,
    pub(super) text: &'a str,
    pub(super) why: Unanswered,
    pub(super) status: u16,
    pub(super) took: Duration,
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}
