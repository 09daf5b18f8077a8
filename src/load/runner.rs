//! Sends a phase: closed loops with exact counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::client::{Client, Exchange};
use super::failure::Failure;
use super::plan::{Group, Phase};
use super::stop::StopSignal;
use super::target::Target;

/// One request that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The group it belongs to.
    pub group: Arc<str>,
    /// Its number within the phase, from 1, in the order of sending.
    pub index: u32,
    /// Path and query.
    pub path: Arc<str>,
    /// When the client began, by the wall clock.
    pub started: Timestamp,
    /// How long the client was willing to wait.
    pub limit: Duration,
    /// From the beginning until the head of the answer was read.
    pub first_byte: Option<Duration>,
    /// From the beginning to the end.
    pub total: Duration,
    /// The status of a whole answer, or why there is none.
    pub result: Result<u16, Failure>,
}

/// What happens in a phase, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client begins a request of this group.
    Sent {
        /// The group.
        group: Arc<str>,
    },
    /// A request ended, well or badly.
    Ended(Attempt),
}

/// How a phase went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhaseSummary {
    /// Requests that were begun.
    pub sent: u32,
    /// Requests that ended by an answer, a failure or the client's limit.
    pub ended: u32,
    /// Whether the phase was stopped before its end.
    pub stopped: bool,
}

/// Send all of a phase and return when every request has ended. Every ended request is an event,
/// in the order of ending; a listener that is gone does not stop the load.
///
/// When `stop` is raised, requests in flight are dropped, their sockets closed, and they are not
/// among the events.
pub async fn run_phase(
    client: &Client,
    target: &Target,
    phase: &Phase,
    events: &UnboundedSender<Event>,
    stop: &StopSignal,
) -> PhaseSummary {
    let mut lanes = JoinSet::new();
    let mut states = Vec::new();
    let numbers = Arc::new(AtomicU32::new(0));
    for group in &phase.groups {
        let state = Arc::new(GroupState::new(client, target, group, events, &numbers));
        if group.in_step {
            lanes.spawn(unless_stopped(
                stop.clone(),
                all_in_step(Arc::clone(&state)),
            ));
        } else {
            for _ in 0..group.concurrency.min(group.count) {
                lanes.spawn(unless_stopped(stop.clone(), one_client(Arc::clone(&state))));
            }
        }
        states.push(state);
    }
    while lanes.join_next().await.is_some() {}
    PhaseSummary {
        sent: states
            .iter()
            .map(|state| state.sent.load(Ordering::Relaxed))
            .sum(),
        ended: states
            .iter()
            .map(|state| state.ended.load(Ordering::Relaxed))
            .sum(),
        stopped: stop.is_stopped(),
    }
}

#[derive(Debug)]
struct GroupState {
    client: Client,
    target: Target,
    group: Group,
    name: Arc<str>,
    path: Arc<str>,
    events: UnboundedSender<Event>,
    /// The last number of the phase that was given out, shared by its groups.
    numbers: Arc<AtomicU32>,
    /// Requests taken so far; grows beyond the count by one for every lane that finds no more.
    taken: AtomicU32,
    sent: AtomicU32,
    ended: AtomicU32,
    satisfied: AtomicBool,
}

impl GroupState {
    fn new(
        client: &Client,
        target: &Target,
        group: &Group,
        events: &UnboundedSender<Event>,
        numbers: &Arc<AtomicU32>,
    ) -> Self {
        Self {
            client: client.clone(),
            target: target.clone(),
            name: group.name.as_str().into(),
            path: group.path.as_str().into(),
            group: group.clone(),
            events: events.clone(),
            numbers: Arc::clone(numbers),
            taken: AtomicU32::new(0),
            sent: AtomicU32::new(0),
            ended: AtomicU32::new(0),
            satisfied: AtomicBool::new(false),
        }
    }

    /// Wait as a client does before its request of that number, from 0: the delay, then the interval,
    /// each time longer by what the group says.
    async fn pause(&self, number: u32) {
        let group = &self.group;
        let pause = match number.checked_sub(1) {
            None => group.delay,
            Some(grown) => group.interval + group.interval_grows * grown,
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    /// Take the next request; false when there is nothing more to send.
    fn take(&self) -> bool {
        !self.satisfied.load(Ordering::Relaxed)
            && self.taken.fetch_add(1, Ordering::Relaxed) < self.group.count
    }

    async fn send(&self) {
        let index = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        self.sent.fetch_add(1, Ordering::Relaxed);
        // A listener that is gone is the listener's affair.
        let _ = self.events.send(Event::Sent {
            group: Arc::clone(&self.name),
        });
        let method = self.group.method.clone();
        let exchange = self
            .client
            .send(&self.target, method, &self.path, self.group.limit)
            .await;
        self.record(index, exchange);
    }

    fn record(&self, index: u32, exchange: Exchange) {
        let result = exchange.result.map(|answer| answer.status);
        if result.as_ref().ok().copied() == self.group.until_status && result.is_ok() {
            self.satisfied.store(true, Ordering::Relaxed);
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
        let _ = self.events.send(Event::Ended(Attempt {
            group: Arc::clone(&self.name),
            index,
            path: Arc::clone(&self.path),
            started: exchange.started,
            limit: self.group.limit,
            first_byte: exchange.first_byte,
            total: exchange.total,
            result,
        }));
    }
}

/// Work until it is done or the run is stopped.
async fn unless_stopped(mut stop: StopSignal, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = stop.stopped() => {}
        () = work => {}
    }
}

/// One client: sends, waits, sends again, until the group has no more.
async fn one_client(state: Arc<GroupState>) {
    for number in 0.. {
        if !state.take() {
            return;
        }
        state.pause(number).await;
        state.send().await;
    }
}

/// All clients of a group that go in step.
async fn all_in_step(state: Arc<GroupState>) {
    for number in 0.. {
        let taken = (0..state.group.concurrency).take_while(|_| state.take());
        let taken = taken.count();
        if taken == 0 {
            return;
        }
        state.pause(number).await;
        let mut clients = JoinSet::new();
        for _ in 0..taken {
            let state = Arc::clone(&state);
            clients.spawn(async move { state.send().await });
        }
        while clients.join_next().await.is_some() {}
    }
}
