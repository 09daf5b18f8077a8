//! The threads of a gthread worker: each takes a connection, serves one request, gives it back.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::poll;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Runtime};

use super::Inheritance;
use super::boot::Application;
use super::exchange::{self, Desk};
use super::life::{Life, poll_timeout, to_read};
use crate::serve::console::Phrase;
use crate::serve::http::head::BodyFraming;
use crate::serve::http::reply;
use crate::serve::listener::Connection;

/// How long a thread waits for the first byte of a new connection before it gives it back.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// Most that is read of a body that the application did not read, to keep the connection.
const LARGEST_DISCARD: u64 = 1 << 20;

/// A connection on its way through the worker.
#[derive(Debug)]
pub(super) struct Visit {
    pub connection: Arc<Connection>,
    pub peer: Option<SocketAddr>,
    /// Bytes that were read and not used yet.
    pub buffer: Vec<u8>,
    /// Nothing was read from it so far, and it has not been waited for.
    pub is_new: bool,
}

/// What became of a connection in a thread.
#[derive(Debug)]
pub(super) enum Returned {
    /// Answered, and to be kept open; or silent so far.
    Keep(Visit),
    /// Done with.
    Close,
}

/// What the main thread and the pool share.
#[derive(Debug)]
pub(super) struct Exchange {
    waiting: Mutex<VecDeque<Visit>>,
    arrived: Condvar,
    returned: Mutex<Vec<Returned>>,
    served: AtomicU64,
    limit: u64,
}

impl Exchange {
    /// Start the threads.
    pub fn start(
        inheritance: &Inheritance,
        life: &Arc<Life>,
        application: &Application,
        limit: u64,
    ) -> io::Result<Arc<Self>> {
        let exchange = Arc::new(Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            returned: Mutex::default(),
            served: AtomicU64::new(0),
            limit,
        });
        for number in 0..inheritance.settings.threads.max(1) {
            let server = Server {
                exchange: Arc::clone(&exchange),
                inheritance: inheritance.clone(),
                life: Arc::clone(life),
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
    pub fn submit(&self, visit: Visit) {
        self.waiting.lock().push_back(visit);
        self.arrived.notify_one();
    }

    /// Connections that came back since the last call.
    pub fn take_returned(&self) -> Vec<Returned> {
        std::mem::take(&mut self.returned.lock())
    }
}

struct Server {
    exchange: Arc<Exchange>,
    inheritance: Inheritance,
    life: Arc<Life>,
    application: Application,
    runtime: Runtime,
}

impl Server {
    /// Serve for ever: the thread ends with its process.
    fn run(self) {
        loop {
            let visit = {
                let mut waiting = self.exchange.waiting.lock();
                loop {
                    match waiting.pop_front() {
                        Some(visit) => break visit,
                        None => self.exchange.arrived.wait(&mut waiting),
                    }
                }
            };
            let returned = self.handle(visit);
            self.exchange.returned.lock().push(returned);
            self.life.wake();
        }
    }

    fn handle(&self, mut visit: Visit) -> Returned {
        if visit.is_new && !has_data(&visit.connection, FIRST_BYTE) {
            visit.is_new = false;
            return Returned::Keep(visit);
        }
        visit.is_new = false;
        if visit.connection.set_nonblocking(false).is_err() {
            return Returned::Close;
        }
        let seat = &self.inheritance.seat;
        seat.begin();
        let returned = self.exchange(visit);
        seat.note_leak_blocks(self.application.state.leak_blocks());
        seat.end();
        returned
    }

    fn exchange(&self, mut visit: Visit) -> Returned {
        let desk = Desk {
            log: &self.inheritance.log,
            access: self.inheritance.access.as_deref(),
            peer: visit.peer,
        };
        let limits = self.inheritance.settings.limits;
        let head = match exchange::read_head(&visit.connection, &mut visit.buffer, limits) {
            Ok(head) => head,
            Err(reason) => {
                desk.turn_away(&visit.connection, reason);
                return Returned::Close;
            }
        };
        self.inheritance.seat.describe(&head.method, &head.target);
        if head.expects_continue
            && let Err(error) = visit.connection.send(reply::CONTINUE)
        {
            desk.report_socket_error(&error);
            return Returned::Close;
        }
        let served = self.exchange.served.fetch_add(1, Ordering::Relaxed) + 1;
        if served >= self.exchange.limit && self.life.is_alive() {
            desk.log.say(&Phrase::Autorestarting {});
            self.life.stop();
        }
        let began = Instant::now();
        let answer = match exchange::call(&self.application.router, &self.runtime, &head) {
            Ok(answer) => answer,
            Err(message) => {
                exchange::fail(&desk, &visit.connection, &head, &message);
                return Returned::Close;
            }
        };
        let keep_alive = head.keeps_alive()
            && self.life.is_alive()
            && !self.inheritance.settings.keep_alive.is_zero();
        let mut out = Vec::with_capacity(1024);
        exchange::serialise(&head, &answer, keep_alive, &mut out);
        let sent = visit.connection.send(&out);
        desk.record(&head, &answer, began);
        if let Err(error) = sent {
            desk.report_socket_error(&error);
            return Returned::Close;
        }
        if keep_alive && discard_body(&mut visit, head.body) {
            // There may be a thousand that wait for their next request.
            visit.buffer.shrink_to_fit();
            Returned::Keep(visit)
        } else {
            Returned::Close
        }
    }
}

/// Whether something can be read within the time.
fn has_data(connection: &Connection, at_most: Duration) -> bool {
    let polled = poll(&mut [to_read(connection)], poll_timeout(at_most));
    matches!(polled, Ok(count) if count > 0)
}

/// Read away a body that nobody wanted; false when the connection is better closed.
fn discard_body(visit: &mut Visit, body: BodyFraming) -> bool {
    let BodyFraming::Length(length) = body else {
        return false;
    };
    if length > LARGEST_DISCARD {
        return false;
    }
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    let buffered = left.min(visit.buffer.len());
    visit.buffer.drain(..buffered);
    left -= buffered;
    // What is left is on the socket: the buffer is empty.
    while left > 0 {
        match visit.connection.receive(&mut visit.buffer, left.min(8192)) {
            Ok(0) | Err(_) => return false,
            Ok(count) => left -= count,
        }
        visit.buffer.clear();
    }
    true
}
