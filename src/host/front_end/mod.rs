//! The front end of a slot: a streaming HTTP/1.1 reverse proxy in front of one container.
//!
//! It decides in one place who ended a request ([`RequestEnd`]) and derives the status from that.
//! Every request becomes one row of AppServiceHTTPLogs when it ends. It knows where the site's
//! container is from a [`Routing`] that the site changes, and nothing else of the site.

mod end;
mod event_loop;
mod headers;
mod proxy;
mod record;
mod relay;
mod request_body;
mod server;
mod teller;
mod tunnel;
mod upstream;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify as Wakeup, watch};
use tokio::task::JoinSet;

pub use end::RequestEnd;
use record::Unfinished;
pub use server::FrontEnd;
use teller::Teller;
pub use upstream::{IDLE_LIMIT, Upstream};

use super::journal::Journal;
use super::{AutoHeal, Notify, Shortage};
use crate::identifiers::guid;
use crate::metrics::Histogram;

/// Rows of clients that left, kept until the site's start has ended.
const MOST_DEFERRED: usize = 10_000;
/// Between two complaints about the same.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// Where requests go.
#[derive(Debug, Clone)]
pub enum Routing {
    /// To a warm container.
    Up(Arc<Upstream>),
    /// Nowhere yet: requests wait while the site starts.
    Starting,
    /// No container runs: the last start failed, or the site was unloaded. That start was this one,
    /// counted from the first; a request asks for another and waits for it.
    Down {
        /// Number of the start.
        start: u64,
    },
    /// Nowhere: the site is stopped.
    Stopped,
    /// Nowhere: the site is blocked after several failed starts.
    Blocked,
    /// Nowhere but to its liveness path: the container runs and says that it is not ready.
    NotReady(Option<Liveness>),
}

/// What still answers of a container that is alive and not ready.
#[derive(Debug, Clone)]
pub struct Liveness {
    /// The path.
    pub path: String,
    /// The container.
    pub upstream: Arc<Upstream>,
}

/// What a front end has to know.
#[derive(Debug, Clone)]
pub struct FrontEndSettings {
    /// The slot, in the stream of events.
    pub slot: String,
    /// The site's own host name.
    pub default_host: String,
    /// Name of the deployment, in practice the site's.
    pub deployment: String,
    /// Name of the machine in the rows.
    pub computer: String,
    /// The port in the rows.
    pub port: u16,
    /// How long a request may take until the head of its answer, and an answer may be silent.
    pub limit: Duration,
    /// The status of a request that reached the limit.
    pub limit_status: u16,
    /// Who counts the requests that the site had.
    pub auto_heal: Option<Arc<AutoHeal>>,
}

/// What all requests of a front end share.
#[derive(Debug)]
struct Shared {
    settings: FrontEndSettings,
    journal: Arc<Journal>,
    teller: Teller,
    notify: Notify,
    routing: watch::Receiver<Routing>,
    /// Asks the site for a start.
    wake: Arc<Wakeup>,
    /// A row waits to be written.
    row: Wakeup,
    /// How long requests took, by their status.
    durations: Mutex<BTreeMap<u16, Histogram>>,
    /// Rows of clients that left while the site was starting.
    deferred: Mutex<Vec<Unfinished>>,
    /// Connections that changed their protocol.
    tunnels: Mutex<JoinSet<()>>,
    /// Whether the front end is told to stop.
    stop: watch::Receiver<bool>,
    /// Whether what is left is being given up.
    stopping: AtomicBool,
    complained: Mutex<Option<Instant>>,
    /// Requests that wait until the emulator has a descriptor for their connection to the site.
    waiting_for_a_descriptor: AtomicUsize,
    /// One descriptor kept for a request that has been accepted: where there is no other, it goes on
    /// and lets go of its own in the end.
    spare: Mutex<Option<File>>,
    log_id_prefix: String,
    log_id_next: AtomicU64,
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Wait until the front end is told to stop.
    async fn told_to_stop(&self) {
        // When the sender has gone, so has the front end.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    fn defer(&self, row: Unfinished) {
        let mut deferred = self.deferred.lock();
        if deferred.len() >= MOST_DEFERRED {
            // Early, and better than without bound.
            drop(deferred);
            return self.write(row);
        }
        deferred.push(row);
        drop(deferred);
        // The start may have ended in this very moment.
        let starting = matches!(*self.routing.borrow(), Routing::Starting);
        if !starting {
            self.write_deferred();
        }
    }

    /// Say what goes wrong with the listener, now and then.
    fn complain(&self, what: &str) {
        let mut complained = self.complained.lock();
        if complained.is_none_or(|last| last.elapsed() >= COMPLAINT_PAUSE) {
            *complained = Some(Instant::now());
            (self.notify)(&format!("{}: {what}", self.settings.default_host));
        }
    }

    /// Keep a descriptor in reserve. Returns whether there is one, and says where there is none.
    fn has_spare(&self) -> bool {
        let mut spare = self.spare.lock();
        if spare.is_none() {
            match File::open("/dev/null") {
                Ok(file) => *spare = Some(file),
                Err(error) => match Shortage::of(&error) {
                    Some(shortage) => {
                        self.notify.lacks(shortage, "accept a connection");
                        return false;
                    }
                    // It is only a reserve.
                    None => return true,
                },
            }
        }
        true
    }

    /// Write a row, and count its request for the metrics.
    fn write(&self, row: Unfinished) {
        let (status, took, row) = row.finish();
        let mut durations = self.durations.lock();
        durations.entry(status).or_default().count(took);
        drop(durations);
        self.journal.http(&row);
        self.row.notify_one();
    }

    fn write_deferred(&self) {
        let rows = std::mem::take(&mut *self.deferred.lock());
        for row in rows {
            self.write(row);
        }
    }

    /// An identity in the form of a GUID: random for the run, counted within it.
    fn log_id(&self) -> String {
        let number = self.log_id_next.fetch_add(1, Ordering::Relaxed);
        guid(&self.log_id_prefix, number)
    }
}
