//! What the arbiter can tell of its pool, look by look: the queue as the kernel counts it, who is in
//! it and who has left, and what the workers have in their hands.
//!
//! It looks when somebody asks, and not more often than every 80 ms. Who waits is read from the
//! kernel's table of connections, which takes longer the more there are, so it is read only where
//! somebody waits or is served, for a twentieth of the time at most, and for a hundredth where there
//! are many requests. Births and deaths
//! are noted as they happen.

mod clients;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use clients::Clients;

use super::clock;
use super::listener::Listener;
use super::request_ring::Entry;
use super::scoreboard::{SLOTS, Scoreboard, Slot};
use super::settings::{Settings, WorkerClass};
use crate::machine::accept_queue;
use crate::machine::child::Ending;
use crate::machine::{memory, pressure};
use crate::redaction::redact;
use crate::timeline::{Event, EventLog, Load, What, event, forecast};

/// Least time between two looks.
const PERIOD: Duration = Duration::from_millis(80);
/// How much longer than a reading of the connections occupies a processor the pause behind it is:
/// where requests are few, and where there are so many that the time is better spent on them.
const PAUSE_OF_FEW: u32 = 20;
const PAUSE_OF_MANY: u32 = 100;
/// Requests between two readings that are many.
const MANY: u64 = 50;
/// Between two readings of memory and pressure.
const MEMORY_PERIOD: Duration = Duration::from_secs(1);
/// A look that finds nothing new is told after so long all the same.
const QUIET: Duration = Duration::from_secs(1);
/// Requests of one worker that are told one by one in one look, however short.
const MOST_SHORT: usize = 8;
/// What is no short request.
const SHORT: Duration = Duration::from_millis(50);
/// Requests whose time makes the average.
const AVERAGED: usize = 40;

/// The observer of one pool.
#[derive(Debug)]
pub struct Observer {
    log: EventLog,
    /// Seconds since 1970 at which the monotonic clock began.
    epoch: f64,
    clients: Clients,
    /// When the kernel's connections may be read again.
    read_not_before: Option<Instant>,
    workers: HashMap<u32, Watched>,
    /// Seconds that the last requests took.
    took: VecDeque<f64>,
    next_request: u64,
    told: Load,
    last_look: Option<Instant>,
    last_told: Option<Instant>,
    last_memory: Option<Instant>,
    /// What the arbiter has sent to whom last.
    sent: HashMap<i32, Signal>,
    out_of_memory: Option<i32>,
    /// The kernel's connections were read in this look.
    was_read: bool,
    /// Requests that the workers have begun since the last reading.
    begun_since: u64,
    /// Requests since the last reading of which nothing is known: younger ones had their places.
    untold_since: u64,
}

/// What was told of a worker.
#[derive(Debug, Default)]
struct Watched {
    /// Its last request that was told.
    ticket: u64,
    /// Requests in flight: number, whether its text is told, client.
    open: BTreeMap<u64, Open>,
}

#[derive(Debug, Clone)]
struct Open {
    request: u64,
    is_read: bool,
    peer: Option<SocketAddr>,
}

impl Default for Observer {
    fn default() -> Self {
        let monotonic = Duration::from_nanos(clock::now_nanoseconds());
        Self {
            log: EventLog::default(),
            epoch: event::now() - monotonic.as_secs_f64(),
            clients: Clients::default(),
            read_not_before: None,
            workers: HashMap::new(),
            took: VecDeque::new(),
            next_request: 1,
            told: Load::default(),
            last_look: None,
            last_told: None,
            last_memory: None,
            sent: HashMap::new(),
            out_of_memory: None,
            was_read: false,
            begun_since: 0,
            untold_since: 0,
        }
    }
}

impl Observer {
    /// The events since that number, after a look.
    pub fn since(
        &mut self,
        from: u64,
        scoreboard: &Scoreboard,
        listeners: &[Listener],
        settings: &Settings,
    ) -> (Vec<Event>, u64) {
        let now = Instant::now();
        let is_due = |last: Instant| now.duration_since(last) >= PERIOD;
        if self.last_look.is_none_or(is_due) {
            self.last_look = Some(now);
            self.look(scoreboard, listeners, settings);
        }
        (self.log.since(from).cloned().collect(), self.log.next())
    }

    /// A worker was forked.
    pub fn born(&mut self, pid: i32, age: u64) {
        let worker = u32::try_from(pid).unwrap_or(0);
        self.log.push(Event::now(What::Born { worker, age }));
    }

    /// The arbiter sends a signal to a worker.
    pub fn signalled(&mut self, pid: i32, signal: Signal) {
        self.sent.insert(pid, signal);
    }

    /// The kernel's counters say that this worker was killed for memory.
    pub fn ran_out_of_memory(&mut self, pid: i32) {
        self.out_of_memory = Some(pid);
    }

    /// A worker was reaped.
    pub fn died(&mut self, pid: i32, ending: Ending) {
        let sent = self.sent.remove(&pid);
        let was_out_of_memory = self.out_of_memory.take() == Some(pid);
        let (how, by) = death(ending, sent, was_out_of_memory);
        let worker = u32::try_from(pid).unwrap_or(0);
        if let Some(watched) = self.workers.remove(&worker) {
            for open in watched.open.into_values() {
                self.end(&open, event::now(), None);
            }
        }
        self.log.push(Event::now(What::Died { worker, how, by }));
    }

    fn look(&mut self, scoreboard: &Scoreboard, listeners: &[Listener], settings: &Settings) {
        let queues: Vec<_> = listeners.iter().map(accept_queue::of_socket).collect();
        let sum = |of: fn(&accept_queue::AcceptQueue) -> u32| -> Option<u32> {
            queues.iter().map(|queue| queue.as_ref().ok().map(of)).sum()
        };
        let (waiting, backlog) = match queues.is_empty() {
            true => (None, None),
            false => (sum(|queue| queue.waiting), sum(|queue| queue.backlog)),
        };
        let slots: Vec<_> = (0..SLOTS)
            .map(|number| scoreboard.slot(number))
            .filter_map(|slot| slot.snapshot().map(|worker| (slot, worker)))
            .collect();
        let in_flight: usize = slots
            .iter()
            .map(|(slot, _)| slot.in_flight() as usize)
            .sum();
        if waiting.unwrap_or(1) > 0 || in_flight > 0 || !self.clients.is_empty() {
            self.read_connections(listeners);
        }
        let mut ages = Vec::new();
        for (slot, worker) in &slots {
            ages.extend(self.tell_requests(worker.pid, slot));
        }
        self.tell_clients(waiting);
        let mut load = Load {
            class: class(settings).to_owned(),
            wanted: scoreboard.wanted(),
            alive: slots.len(),
            busy: slots
                .iter()
                .filter(|(slot, _)| slot.in_flight() > 0)
                .count(),
            in_flight,
            at_once: settings.requests_at_once(),
            waiting,
            backlog,
            left: self.clients.left(),
            service: average(&self.took),
            ..Load::default()
        };
        forecast::complete(&mut load, &ages);
        self.tell(load);
        let pids: Vec<u32> = slots.iter().map(|(_, worker)| worker.pid).collect();
        self.tell_memory(&pids);
    }

    /// Tell a look, where it is new or the last one is long ago.
    fn tell(&mut self, load: Load) {
        let now = Instant::now();
        let is_old = self.last_told.is_none_or(|last| now - last >= QUIET);
        // Waits change with every look; the rest is what happens.
        let known = Load {
            wait: self.told.wait,
            wait_with_one_more: self.told.wait_with_one_more,
            wait_with_one_fewer: self.told.wait_with_one_fewer,
            wait_with_threads: self.told.wait_with_threads,
            wait_with_sync: self.told.wait_with_sync,
            sentence: self.told.sentence.clone(),
            service: self.told.service,
            ..load.clone()
        };
        if is_old || known != self.told {
            self.last_told = Some(now);
            self.told = load.clone();
            self.log.push(Event::now(What::Pool(load)));
        }
    }

    fn tell_memory(&mut self, pids: &[u32]) {
        let now = Instant::now();
        if self
            .last_memory
            .is_some_and(|last| now - last < MEMORY_PERIOD)
        {
            return;
        }
        self.last_memory = Some(now);
        let sizes = pids
            .iter()
            .filter_map(|pid| memory::rss_of_process(*pid).ok());
        let stalled = |resource: &str| {
            let pressure = pressure::of_machine(resource).ok()?;
            Some(pressure.some.avg10)
        };
        self.log.push(Event::now(What::Memory {
            resident: sizes.sum(),
            memory_pressure: stalled("memory"),
            processor_pressure: stalled("cpu"),
        }));
    }

    /// Read who waits and who has left, unless that was expensive a moment ago.
    fn read_connections(&mut self, listeners: &[Listener]) {
        let begun = Instant::now();
        if self.read_not_before.is_some_and(|then| begun < then) {
            return;
        }
        let used = clock::own_processor_time();
        let mut seen = Vec::new();
        for address in listeners.iter().filter_map(Listener::address) {
            seen.extend(accept_queue::connections(&address).unwrap_or_default());
        }
        let used = clock::own_processor_time().saturating_sub(used);
        let pause = match self.begun_since > MANY {
            true => PAUSE_OF_MANY,
            false => PAUSE_OF_FEW,
        };
        self.begun_since = 0;
        self.read_not_before = Some(begun + used * pause);
        let mut events = Vec::new();
        self.clients.read(&seen, event::now(), &mut events);
        self.log_all(events);
        self.was_read = true;
    }

    fn tell_clients(&mut self, waiting: Option<u32>) {
        let mut events = Vec::new();
        if std::mem::take(&mut self.was_read) {
            if std::mem::take(&mut self.untold_since) > 0 {
                self.clients.take_unseen(&mut events);
            }
            self.clients.tell_left(&mut events);
            self.clients.drop_lost(waiting, &mut events);
        }
        self.log_all(events);
    }

    fn log_all(&mut self, events: Vec<What>) {
        for what in events {
            self.log.push(Event::now(what));
        }
    }

    /// Tell what a worker has begun and ended; returns the ages of what it has in its hands.
    fn tell_requests(&mut self, worker: u32, slot: &Slot) -> Vec<f64> {
        let mut watched = self.workers.remove(&worker).unwrap_or_default();
        let begun = slot.begun();
        let entries = slot.requests_since(watched.ticket);
        // Whoever was seen to wait is seen to be served.
        let is_known = |entry: &Entry| entry.peer.is_some_and(|peer| self.clients.knows(peer));
        let (short, mut told): (Vec<&Entry>, Vec<&Entry>) = entries
            .iter()
            .partition(|entry| is_short(entry) && !is_known(entry));
        let shown = short.len().min(MOST_SHORT);
        told.extend(&short[..shown]);
        told.sort_by_key(|entry| entry.ticket);
        let all = entries
            .last()
            .map_or(begun, |entry| entry.ticket.max(begun))
            - watched.ticket;
        for entry in &told {
            let open = self.begin(worker, entry);
            watched.open.insert(entry.ticket, open);
        }
        for entry in &short[shown..] {
            self.note_took(entry);
        }
        let count = all.saturating_sub(told.len() as u64);
        if count > 0 {
            self.log.push(Event::now(What::Many { worker, count }));
        }
        watched.ticket += all;
        self.begun_since += all;
        self.untold_since += all.saturating_sub(entries.len() as u64);
        let ages = self.follow_open(&mut watched, slot);
        self.workers.insert(worker, watched);
        ages
    }

    /// Tell which of the open requests are read or ended by now.
    fn follow_open(&mut self, watched: &mut Watched, slot: &Slot) -> Vec<f64> {
        let mut ages = Vec::new();
        let mut still = BTreeMap::new();
        for (ticket, mut open) in std::mem::take(&mut watched.open) {
            let Some(entry) = slot.request(ticket) else {
                // A younger one has its place: when it ended is not known.
                self.end(&open, event::now(), None);
                continue;
            };
            if !open.is_read && !entry.text.is_empty() {
                open.is_read = true;
                self.log.push(Event::now(What::Read {
                    request: open.request,
                    text: redact(&entry.text).into_owned(),
                }));
            }
            match entry.ended {
                Some(ended) => {
                    self.note_took(&entry);
                    self.end(&open, self.wall(ended), entry.status);
                }
                None => {
                    ages.push(clock::since(entry.began).as_secs_f64());
                    still.insert(ticket, open);
                }
            }
        }
        watched.open = still;
        ages
    }

    fn begin(&mut self, worker: u32, entry: &Entry) -> Open {
        let at = self.wall(entry.began);
        let request = self.next_request;
        self.next_request += 1;
        let client = entry.peer.map(|peer| self.clients.begin(peer));
        let waited = client
            .and_then(|client| client.queued)
            .map(|queued| (at - queued).max(0.0));
        self.log.push(Event::at(
            at,
            What::Begun {
                request,
                worker,
                text: redact(&entry.text).into_owned(),
                connection: client.map(|client| client.number),
                waited: waited.map(|seconds| (seconds * 1000.0).round() / 1000.0),
            },
        ));
        Open {
            request,
            is_read: !entry.text.is_empty(),
            peer: entry.peer,
        }
    }

    fn end(&mut self, open: &Open, at: f64, status: Option<u16>) {
        if let Some(peer) = open.peer {
            self.clients.end(peer);
        }
        self.log.push(Event::at(
            at,
            What::Ended {
                request: open.request,
                status,
            },
        ));
    }

    fn note_took(&mut self, entry: &Entry) {
        let Some(ended) = entry.ended else { return };
        if self.took.len() == AVERAGED {
            self.took.pop_front();
        }
        let took = Duration::from_nanos(ended.saturating_sub(entry.began));
        self.took.push_back(took.as_secs_f64());
    }

    fn wall(&self, monotonic: u64) -> f64 {
        self.epoch + Duration::from_nanos(monotonic).as_secs_f64()
    }
}

fn is_short(entry: &Entry) -> bool {
    let took = |ended: u64| Duration::from_nanos(ended.saturating_sub(entry.began));
    entry.ended.is_some_and(|ended| took(ended) < SHORT)
}

/// How a worker ended, and who did it.
fn death(ending: Ending, sent: Option<Signal>, was_out_of_memory: bool) -> (String, String) {
    let arbiter = |why: &str| format!("the arbiter, {why}");
    match (ending, sent) {
        (Ending::Exited(code), Some(Signal::SIGABRT)) => (
            format!("exit code {code}"),
            arbiter("it was silent for longer than --timeout"),
        ),
        (Ending::Exited(0), Some(_)) => ("exit code 0".to_owned(), arbiter("told to stop")),
        (Ending::Exited(code), _) => (format!("exit code {code}"), "itself".to_owned()),
        (Ending::Signalled(signal), Some(sent)) if signal == sent => {
            (signal.to_string(), arbiter("it did not end when told to"))
        }
        (Ending::Signalled(signal), _) if was_out_of_memory => {
            (signal.to_string(), "the kernel, out of memory".to_owned())
        }
        (Ending::Signalled(signal), _) => (signal.to_string(), "somebody else".to_owned()),
    }
}

fn class(settings: &Settings) -> &'static str {
    match settings.worker_class {
        WorkerClass::Sync => "sync",
        WorkerClass::Gthread => "gthread",
        WorkerClass::Async => "async",
    }
}

fn average(took: &VecDeque<f64>) -> Option<f64> {
    let seconds: f64 = took.iter().sum();
    (!took.is_empty()).then(|| (seconds / took.len() as f64 * 1000.0).round() / 1000.0)
}
