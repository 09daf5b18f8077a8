//! The exporter at work: one thread that takes from the ring, sends spans, and sends figures.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use prost::Message as _;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::client::Client;
use super::messages::Resource;
use super::voice::Voice;
use super::{Exporter, LAST_EXPORT, metrics, resource, spans};
use crate::identifiers::random_bytes;
use crate::machine::sys;
use crate::serve::pool_metrics;
use crate::serve::settings::telemetry::Collector;
use crate::serve::span_ring::{Answered, SpanReader, SpanRing};

/// Between two looks at the ring, which holds what tens of thousands of requests a second leave
/// meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// First pause before a request is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How often one request is sent before what is in it is dropped.
const MOST_TRIES: u32 = 5;

/// Export until the pool is over.
///
/// # Errors
/// When the system has no room for a runtime, or the TLS library refuses its settings.
pub(super) fn run(exporter: Exporter) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let traces = Way::open(&exporter, exporter.otlp.traces.clone(), "spans")?;
    let metrics = Way::open(&exporter, exporter.otlp.metrics.clone(), "metrics")?;
    let ring = exporter.scoreboard.tally().spans().cloned();
    let random = Rng::with_seed(u64::from_le_bytes(random_bytes()?));
    sys::forget_start_up_code();
    let over = watch::Sender::new(false);
    let spans = Spans {
        exporter: &exporter,
        way: traces.as_ref(),
        waiting: RefCell::default(),
        being_sent: Cell::new(0),
        batch_is_full: Notify::new(),
        random: RefCell::new(random),
    };
    runtime.block_on(async {
        let work = async {
            tokio::join!(
                spans.collect(ring, &over),
                spans.send_all(over.subscribe()),
                send_figures(&exporter, metrics.as_ref(), over.subscribe()),
            );
        };
        let mut is_over = over.subscribe();
        let last_moment = async {
            wait_for(&mut is_over).await;
            sleep(LAST_EXPORT).await;
        };
        tokio::select! {
            () = work => {}
            () = last_moment => spans.give_up(),
        }
    });
    for way in [&traces, &metrics].into_iter().flatten() {
        way.voice.finish();
    }
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    Ok(())
}

/// Return once it is true.
async fn wait_for(over: &mut watch::Receiver<bool>) {
    // It cannot go before the runtime does.
    let _ = over.wait_for(|is_over| *is_over).await;
}

/// The way of one kind of telemetry: its collector, and what is said of it.
struct Way {
    client: Client,
    voice: Voice,
    resource: Resource,
}

impl Way {
    fn open(
        exporter: &Exporter,
        collector: Option<Collector>,
        what: &'static str,
    ) -> io::Result<Option<Self>> {
        let Some(collector) = collector else {
            return Ok(None);
        };
        let client = Client::new(collector)?;
        Ok(Some(Self {
            voice: Voice::begin(&exporter.log, what, client.url()),
            client,
            resource: resource::of(exporter),
        }))
    }

    /// Send this, again where that may help; it holds so many. After the pool's end there is one try.
    async fn deliver(&self, body: Bytes, count: usize, mut over: watch::Receiver<bool>) {
        for tried in 1.. {
            let is_last = tried == MOST_TRIES || *over.borrow();
            let failure = match self.client.send(body.clone()).await {
                Ok(partial) => return self.voice.took(partial.as_ref()),
                Err(failure) => failure,
            };
            if is_last || !failure.may_pass {
                self.voice.drop(count as u64);
                return self.voice.failed(&failure.text);
            }
            self.voice.failed(&failure.text);
            let pause = FIRST_PAUSE * (1 << (tried - 1));
            // Not all pools at the same moment.
            let pause = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            tokio::select! {
                () = sleep(failure.retry_after.unwrap_or(pause)) => {}
                () = wait_for(&mut over) => {}
            }
        }
    }
}

/// Spans on their way from the ring to the collector.
struct Spans<'a> {
    exporter: &'a Exporter,
    way: Option<&'a Way>,
    waiting: RefCell<VecDeque<Answered>>,
    /// How many the collector is being sent.
    being_sent: Cell<usize>,
    batch_is_full: Notify,
    random: RefCell<Rng>,
}

impl Spans<'_> {
    /// Take from the ring until the pool is over, and say when it is.
    async fn collect(&self, ring: Option<SpanRing>, over: &watch::Sender<bool>) {
        let mut reader = ring.map(SpanReader::new);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            // Asked first: what the last worker left is taken afterwards.
            let is_over = self.exporter.scoreboard.is_over();
            if let Some(reader) = &mut reader {
                self.look(reader, is_over);
            }
            if is_over {
                over.send_replace(true);
                return;
            }
        }
    }

    fn look(&self, reader: &mut SpanReader, is_over: bool) {
        let otlp = &self.exporter.otlp;
        let taken = reader.take(is_over);
        let mut waiting = self.waiting.borrow_mut();
        let room = otlp.queue.saturating_sub(waiting.len());
        let lost = taken.lost + taken.answered.len().saturating_sub(room) as u64;
        waiting.extend(taken.answered.into_iter().take(room));
        if waiting.len() >= otlp.batch {
            self.batch_is_full.notify_one();
        }
        if let Some(way) = self.way.filter(|_| lost > 0) {
            way.voice.drop(lost);
            way.voice.failed("more come than it takes");
        }
    }

    /// Send what was collected: when a batch is full, and else when it has waited for long enough.
    async fn send_all(&self, mut over: watch::Receiver<bool>) {
        let Some(way) = self.way else { return };
        loop {
            tokio::select! {
                () = self.batch_is_full.notified() => {}
                () = sleep(self.exporter.otlp.schedule_delay) => {}
                () = wait_for(&mut over) => {}
            }
            let is_over = *over.borrow();
            while let Some((body, count)) = self.next_batch(way) {
                self.being_sent.set(count);
                way.deliver(body, count, over.clone()).await;
                self.being_sent.set(0);
            }
            if is_over {
                return;
            }
        }
    }

    fn next_batch(&self, way: &Way) -> Option<(Bytes, usize)> {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(self.exporter.otlp.batch);
        if count == 0 {
            return None;
        }
        let batch: Vec<Answered> = waiting.drain(..count).collect();
        let mut random = self.random.borrow_mut();
        let request = spans::request(way.resource.clone(), &batch, &mut random);
        Some((request.encode_to_vec().into(), count))
    }

    /// Nothing more is sent.
    fn give_up(&self) {
        if let Some(way) = self.way {
            let rest = self.waiting.borrow().len() + self.being_sent.get();
            way.voice.drop(rest as u64);
            way.voice.failed("the pool is over");
        }
    }
}

/// Send the figures of the moment again and again, and those of the end.
async fn send_figures(exporter: &Exporter, way: Option<&Way>, mut over: watch::Receiver<bool>) {
    let Some(way) = way else { return };
    loop {
        tokio::select! {
            () = sleep(exporter.otlp.metric_interval) => {}
            () = wait_for(&mut over) => {}
        }
        let is_over = *over.borrow();
        let scrape = pool_metrics::scrape(&exporter.scoreboard, &exporter.queues);
        let request = metrics::request(way.resource.clone(), &scrape, exporter.pool.began);
        let body = request.encode_to_vec().into();
        way.deliver(body, 1, over.clone()).await;
        if is_over {
            return;
        }
    }
}
