//! Accepting connections, and stopping without losing a row.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify as Wakeup, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::event_loop::EventLoop;
use super::headers::ClientAddress;
use super::record::Record;
use super::{FrontEndSettings, RequestEnd, Routing, Shared, Teller, proxy};
use crate::host::journal::Journal;
use crate::host::{Notify, Shortage, shortage};
use crate::identifiers::guid_prefix;
use crate::metrics::Histogram;

/// How long a client may take for the head of a request, and stay silent between two.
const HEAD_LIMIT: Duration = Duration::from_secs(120);

/// How long requests in flight may take to end when the front end is stopped.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// Between two writes of rows: one that ends alone is written at once.
const ROWS_PAUSE: Duration = Duration::from_millis(5);

/// Between two looks for idle connections that have had their time.
const REAP_PERIOD: Duration = Duration::from_secs(1);

/// A running front end.
#[derive(Debug)]
pub struct FrontEnd {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl FrontEnd {
    /// Serve `listener`, `routing` says where requests go; `wake` is
    /// notified when a request wants a start.
    ///
    /// # Errors
    /// When there is no thread for its connections.
    pub fn start(
        listener: TcpListener,
        address: SocketAddr,
        settings: FrontEndSettings,
        journal: Arc<Journal>,
        notify: Notify,
        routing: watch::Receiver<Routing>,
        wake: Arc<Wakeup>,
    ) -> io::Result<Self> {
        let event_loop = EventLoop::start()?;
        let (stop, told) = watch::channel(false);
        let shared = Arc::new(Shared {
            teller: Teller::new(settings.slot.clone(), Arc::clone(&journal)),
            settings,
            journal,
            notify,
            routing,
            wake,
            row: Wakeup::new(),
            durations: Mutex::default(),
            deferred: Mutex::new(Vec::new()),
            tunnels: Mutex::new(JoinSet::new()),
            stop: told,
            stopping: AtomicBool::new(false),
            complained: Mutex::new(None),
            waiting_for_a_descriptor: AtomicUsize::new(0),
            spare: Mutex::new(None),
            log_id_prefix: guid_prefix(fastrand::u64(..)),
            log_id_next: AtomicU64::new(1),
        });
        let task = tokio::spawn(serve(listener, event_loop, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            stop,
            task: Mutex::new(Some(task)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long the requests took whose rows are written, by their status.
    pub fn durations(&self) -> BTreeMap<u16, Histogram> {
        self.shared.durations.lock().clone()
    }

    /// Stop: requests in flight get a moment to end, then they are ended. Every one has its row
    /// when this returns.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().take();
        if let Some(task) = task {
            // It ends by itself, or has been aborted with the runtime.
            let _ = task.await;
        }
        self.shared.write_deferred();
        self.shared.journal.write_requests();
    }
}

async fn serve(listener: TcpListener, event_loop: EventLoop, shared: Arc<Shared>) {
    tokio::select! {
        () = accept(listener, &event_loop, &shared) => {}
        () = write_rows(&shared) => {}
    }
}

/// Write the rows of requests beside their answers, not before them.
async fn write_rows(shared: &Shared) {
    loop {
        shared.row.notified().await;
        shared.journal.write_requests();
        tokio::time::sleep(ROWS_PAUSE).await;
    }
}

async fn accept(listener: TcpListener, event_loop: &EventLoop, shared: &Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut routing = shared.routing.clone();
    let mut told_to_stop = std::pin::pin!(shared.told_to_stop());
    let mut reaping = tokio::time::interval(REAP_PERIOD);
    let mut short = false;
    loop {
        // Who waits to be accepted comes after who has been: the kernel holds them meanwhile.
        let waiting = shared.waiting_for_a_descriptor.load(Ordering::Relaxed);
        let hold = short || waiting > 0 || !shared.has_spare();
        tokio::select! {
            accepted = listener.accept(), if !hold => match accepted {
                Ok((stream, client)) => {
                    let connection = attend(stream, client, Arc::clone(shared));
                    connections.spawn_on(connection, event_loop.handle());
                }
                Err(error) => {
                    not_accepted(&error, shared);
                    short = true;
                }
            },
            () = tokio::time::sleep(shortage::PAUSE), if hold => short = false,
            // It had a descriptor.
            Some(_) = connections.join_next(), if !connections.is_empty() => short = false,
            _ = reaping.tick() => {
                shared.teller.flush();
                if let Routing::Up(upstream) = &*shared.routing.borrow() {
                    upstream.reap();
                }
            }
            changed = routing.changed() => {
                if changed.is_err() {
                    break;
                }
                if !matches!(*routing.borrow_and_update(), Routing::Starting) {
                    shared.write_deferred();
                }
            }
            () = &mut told_to_stop => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let drained = tokio::time::timeout(STOP_GRACE, drained).await;
    if drained.is_err() {
        shared.stopping.store(true, Ordering::Relaxed);
        connections.shutdown().await;
    }
    let mut tunnels = std::mem::take(&mut *shared.tunnels.lock());
    while tunnels.join_next().await.is_some() {}
}

/// Say why no connection could be accepted, and let go of what is held for later use.
fn not_accepted(error: &io::Error, shared: &Shared) {
    let Some(shortage) = Shortage::of(error) else {
        return shared.complain(&format!("cannot accept a connection: {error}"));
    };
    shared.notify.lacks(shortage, "accept a connection");
    if let Routing::Up(upstream) = &*shared.routing.borrow() {
        upstream.close_idle();
    }
}

/// Take over a connection from the thread that accepted it.
async fn attend(stream: TcpStream, client: SocketAddr, shared: Arc<Shared>) {
    match stream.into_std().and_then(TcpStream::from_std) {
        Ok(stream) => converse(stream, client, shared).await,
        Err(error) => shared.complain(&format!("cannot serve a connection: {error}")),
    }
}

async fn converse(stream: TcpStream, client: SocketAddr, shared: Arc<Shared>) {
    // A socket that refuses the option is only slower.
    let _ = stream.set_nodelay(true);
    let (host, deployment) = (&shared.settings.default_host, &shared.settings.deployment);
    let client = Arc::new(ClientAddress::new(client, host, deployment));
    let (of_connection, all) = (Arc::clone(&client), Arc::clone(&shared));
    let service = service_fn(move |request| {
        let (client, shared) = (Arc::clone(&client), Arc::clone(&shared));
        let answered = proxy::pass_on(request, client, shared);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(proxy::MOST_HEAD)
        // Nearly all heads and bodies are small, and one buffer costs the kernel less than two.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // Errors of a connection are the client's: whatever request was on it has its row, but for one
    // whose head hyper refuses by itself.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = all.told_to_stop() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended
        && let Some(end) = refusal(&error)
    {
        Record::refused(&all, &of_connection, end);
    }
}

/// How a request ended whose head hyper answered by itself, in hyper's statuses.
fn refusal(error: &hyper::Error) -> Option<RequestEnd> {
    /// hyper has no other way to tell its 414 from its 431.
    const TARGET_TOO_LONG: &str = "URI too long";
    match (error.is_parse_too_large(), error.is_parse()) {
        (true, _) if error.to_string().contains(TARGET_TOO_LONG) => Some(RequestEnd::TargetTooLong),
        (true, _) => Some(RequestEnd::HeadTooLarge),
        (false, true) => Some(RequestEnd::NotUnderstood),
        (false, false) => None,
    }
}
