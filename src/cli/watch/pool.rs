//! What the events say of a pool so far.

use std::collections::{BTreeMap, VecDeque};

use crate::timeline::{Event, Load, What};

/// Lines of what happened that are kept.
const MOST_TOLD: usize = 6;

/// A pool, as its events have told.
#[derive(Debug, Default)]
pub(super) struct PoolView {
    /// When the last event was, in seconds since 1970.
    pub at: f64,
    /// The last look.
    pub load: Load,
    /// Who waits, by the number of the connection.
    pub queue: BTreeMap<u64, Waiting>,
    /// The workers, by process.
    pub workers: BTreeMap<u32, Worker>,
    /// How many requests the front end of each slot holds.
    pub holding: BTreeMap<Option<String>, u64>,
    /// Since when the first of them is held.
    pub held_since: Option<f64>,
    /// What happened last, with its time.
    pub told: VecDeque<(f64, String)>,
}

/// A connection in the accept queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// When it came.
    pub since: f64,
    /// Its client is gone.
    pub has_left: bool,
}

/// A worker.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// Requests it has begun.
    pub served: u64,
    /// What it has in its hands: text and beginning.
    pub running: BTreeMap<u64, (String, f64)>,
}

impl PoolView {
    /// Take an event; what is none is passed by.
    pub fn take(&mut self, line: &str) {
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            return;
        };
        let at = event.at;
        self.at = self.at.max(at);
        match event.what {
            What::Pool(load) => self.load = load,
            What::Queued { connection } => {
                let has_left = false;
                let waiting = Waiting {
                    since: at,
                    has_left,
                };
                self.queue.insert(connection, waiting);
            }
            What::Left { connection } => {
                if let Some(waiting) = self.queue.get_mut(&connection) {
                    waiting.has_left = true;
                }
            }
            What::Accepted { connection } | What::Dropped { connection } => {
                self.queue.remove(&connection);
            }
            What::Begun {
                request,
                worker,
                text,
                connection,
                ..
            } => {
                if let Some(connection) = connection {
                    self.queue.remove(&connection);
                }
                let worker = self.workers.entry(worker).or_default();
                worker.served += 1;
                worker.running.insert(request, (text, at));
            }
            What::Read { request, text } => {
                let all = self.workers.values_mut();
                let mut running = all.filter_map(|worker| worker.running.get_mut(&request));
                if let Some(found) = running.next() {
                    found.0 = text;
                }
            }
            What::Ended { request, .. } => {
                for worker in self.workers.values_mut() {
                    worker.running.remove(&request);
                }
            }
            What::Many { worker, count } => self.workers.entry(worker).or_default().served += count,
            What::Born { worker, .. } => {
                self.workers.entry(worker).or_default();
                self.tell(at, format!("worker {worker} was born"));
            }
            What::Died { worker, how, by } => {
                self.workers.remove(&worker);
                self.tell(at, format!("worker {worker} ended: {how}, by {by}"));
            }
            other => self.take_around(at, event.slot, other),
        }
    }

    /// What happens around the workers and their queue.
    fn take_around(&mut self, at: f64, slot: Option<String>, what: What) {
        match what {
            What::Held { holding, .. } | What::Released { holding, .. } => {
                self.hold(at, slot, holding);
            }
            What::Untold { holding, .. } => self.hold(at, slot, holding),
            What::Unanswered {
                text,
                why,
                status,
                took,
                holding,
                ..
            } => {
                self.hold(at, slot, holding);
                self.tell(
                    at,
                    format!("{text}: {} after {took:.1} s ({status})", why.words()),
                );
            }
            What::Lever { name, said, .. } => self.tell(at, format!("{name}: {said}")),
            What::Platform { text } => self.tell(at, text),
            What::Over {} => self.tell(at, "the arbiter tells nothing more".to_owned()),
            _ => {}
        }
    }

    /// So many requests are held in a slot now.
    fn hold(&mut self, at: f64, slot: Option<String>, holding: u64) {
        self.holding.insert(slot, holding);
        match (self.held(), self.held_since) {
            (0, Some(since)) => {
                self.held_since = None;
                let text = format!(
                    "the front end holds no request any more, after {:.1} s",
                    at - since
                );
                self.tell(at, text);
            }
            (1.., None) => {
                self.held_since = Some(at);
                let text = "the front end holds requests: no container serves yet";
                self.tell(at, text.to_owned());
            }
            _ => {}
        }
    }

    /// Requests that the front ends hold.
    pub fn held(&self) -> u64 {
        self.holding.values().sum()
    }

    fn tell(&mut self, at: f64, text: String) {
        if self.told.len() == MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back((at, text));
    }
}
