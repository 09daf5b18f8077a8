//! The threads of a gthread worker: each takes a connection, serves one request, gives it back.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::poll;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Runtime};

use super::WorkerContext;
use super::body;
use super::boot::Application;
use super::exchange::{self, RequestLog};
use super::state::{WorkerState, poll_timeout, to_read};
use crate::serve::console::LogEvent;
use crate::serve::http::head::Head;
use crate::serve::http::reply;
use crate::serve::listener::Connection;
use crate::serve::scoreboard::Serving;

/// How long a thread waits for the first byte of a new connection before it gives it back.
const FIRST_BYTE: Duration = Duration::from_secs(5);

/// A connection on its way through the worker.
#[derive(Debug)]
pub(super) struct ClientConnection {
    pub connection: Arc<Connection>,
    pub peer: Option<SocketAddr>,
    /// Bytes that were read and not used yet.
    pub buffer: Vec<u8>,
    /// Nothing was read from it so far, and it has not been waited for.
    pub is_new: bool,
    /// It has had an answer, and waits for its next request.
    pub was_answered: bool,
}

/// What became of a connection in a thread.
#[derive(Debug)]
pub(super) enum Returned {
    /// Answered, and to be kept open; or silent so far.
    Keep(ClientConnection),
    /// Done with.
    Close,
}

/// What the main thread and the pool share.
#[derive(Debug)]
pub(super) struct Exchange {
    waiting: Mutex<VecDeque<ClientConnection>>,
    arrived: Condvar,
    returned: Mutex<Vec<Returned>>,
    served: AtomicU64,
    limit: u64,
    /// Connections that wait for their next request.
    kept: AtomicUsize,
}

impl Exchange {
    /// Start the threads.
    pub fn start(
        context: &WorkerContext,
        worker: &Arc<WorkerState>,
        application: &Application,
        limit: u64,
    ) -> io::Result<Arc<Self>> {
        let exchange = Arc::new(Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            returned: Mutex::default(),
            served: AtomicU64::new(0),
            limit,
            kept: AtomicUsize::new(0),
        });
        for number in 0..context.settings.threads.max(1) {
            let server = Server {
                exchange: Arc::clone(&exchange),
                context: context.clone(),
                worker: Arc::clone(worker),
                application: application.clone(),
                runtime: Builder::new_current_thread().enable_all().build()?,
            };
            thread::Builder::new()
                .name(format!("thread-{number}"))
                .spawn(move || server.run())?;
        }
        Ok(exchange)
    }

    /// Hand a connection to the threads.
    pub fn submit(&self, client: ClientConnection) {
        self.waiting.lock().push_back(client);
        self.arrived.notify_one();
    }

    /// So many connections wait for their next request.
    pub fn note_kept(&self, connections: usize) {
        self.kept.store(connections, Ordering::Relaxed);
    }

    /// Connections that came back since the last call.
    pub fn take_returned(&self) -> Vec<Returned> {
        std::mem::take(&mut self.returned.lock())
    }
}

struct Server {
    exchange: Arc<Exchange>,
    context: WorkerContext,
    worker: Arc<WorkerState>,
    application: Application,
    runtime: Runtime,
}

impl Server {
    /// Serve for ever: the thread ends with its process.
    fn run(self) {
        loop {
            let client = {
                let mut waiting = self.exchange.waiting.lock();
                loop {
                    match waiting.pop_front() {
                        Some(client) => break client,
                        None => self.exchange.arrived.wait(&mut waiting),
                    }
                }
            };
            let returned = self.handle(client);
            self.exchange.returned.lock().push(returned);
            self.worker.wake();
        }
    }

    fn handle(&self, mut client: ClientConnection) -> Returned {
        if client.is_new && !has_data(&client.connection, FIRST_BYTE) {
            client.is_new = false;
            return Returned::Keep(client);
        }
        client.is_new = false;
        if client.connection.set_nonblocking(false).is_err() {
            return Returned::Close;
        }
        let slot = &self.context.slot;
        let serving = slot.serve(client.peer);
        let returned = self.exchange(&serving, client);
        slot.note_leak_blocks(self.application.state.leak_blocks());
        returned
    }

    /// The head of a request, and the word that its body may come; `None` when there is nothing to
    /// answer any more.
    fn receive(
        &self,
        serving: &Serving<'_>,
        client: &mut ClientConnection,
        request_log: &RequestLog<'_>,
    ) -> Option<Head> {
        let rules = &self.context.settings.head;
        let is_trusted = self.context.settings.forwarded_allow_ips.holds(client.peer);
        let read = exchange::read_head(&client.connection, &mut client.buffer, rules, is_trusted);
        let head = match read {
            Ok(head) => head,
            Err(reason) => {
                request_log.reject(&client.connection, reason);
                return None;
            }
        };
        serving.describe(&head.method, &head.target);
        if head.expects_continue
            && let Err(error) = client.connection.send(reply::CONTINUE)
        {
            request_log.report_socket_error(&error);
            return None;
        }
        Some(head)
    }

    fn request_log(&self, client: &ClientConnection) -> RequestLog<'_> {
        RequestLog {
            log: &self.context.log,
            access: self.context.access.as_deref(),
            tally: self.context.scoreboard.tally(),
            peer: client.peer,
        }
    }

    fn exchange(&self, serving: &Serving<'_>, mut client: ClientConnection) -> Returned {
        let request_log = self.request_log(&client);
        let rules = &self.context.settings.head;
        let Some(head) = self.receive(serving, &mut client, &request_log) else {
            return Returned::Close;
        };
        let route = match exchange::route(&head, &self.application.script_name) {
            Ok(route) => route,
            Err(reason) => {
                request_log.reject(&client.connection, reason);
                return Returned::Close;
            }
        };
        let served = self.exchange.served.fetch_add(1, Ordering::Relaxed) + 1;
        if served >= self.exchange.limit && self.worker.is_alive() {
            request_log.log.log(&LogEvent::Autorestarting {});
            self.worker.stop();
        }
        // Decided before the application is called, as with Gunicorn: a worker that is told to stop
        // meanwhile promises to keep the connection, and closes it.
        let keep_alive = head.keeps_alive() && self.may_keep();
        let began = Instant::now();
        let answer = exchange::call(
            &self.application.router,
            &self.runtime,
            &head,
            &route,
            &client.connection,
        );
        let answer = match answer {
            Ok(answer) => answer,
            Err(message) => {
                serving.note_status(500);
                exchange::fail(
                    &request_log,
                    &client.connection,
                    (&head, &route),
                    began,
                    &message,
                );
                return Returned::Close;
            }
        };
        serving.note_status(answer.parts.status.as_u16());
        let mut out = Vec::with_capacity(1024);
        exchange::serialise(&head, &answer, keep_alive, &mut out);
        let sent = client.connection.send(&out);
        request_log.record(&head, &route, &answer, began);
        if let Err(error) = sent {
            request_log.report_socket_error(&error);
            return Returned::Close;
        }
        if !keep_alive {
            return Returned::Close;
        }
        match body::discard(&client.connection, &mut client.buffer, head.body, rules) {
            Ok(()) => {
                // There may be a thousand that wait for their next request.
                client.buffer.shrink_to_fit();
                client.was_answered = true;
                Returned::Keep(client)
            }
            Err(reason) => {
                request_log.reject(&client.connection, reason);
                Returned::Close
            }
        }
    }

    /// Whether one more connection may wait for its next request.
    fn may_keep(&self) -> bool {
        let settings = &self.context.settings;
        let most = settings.worker_connections.saturating_sub(settings.threads);
        self.worker.is_alive()
            && !settings.keep_alive.is_zero()
            && self.exchange.kept.load(Ordering::Relaxed) < most
    }
}

/// Whether something can be read within the time.
fn has_data(connection: &Connection, at_most: Duration) -> bool {
    let polled = poll(&mut [to_read(connection)], poll_timeout(at_most));
    matches!(polled, Ok(count) if count > 0)
}
