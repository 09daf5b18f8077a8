//! The sync worker: one connection at a time, one request a connection.
//!
//! Whoever comes while the worker is busy waits in the kernel's accept queue. A request whose
//! client has gone runs to its end, and a connection that was abandoned in the queue is accepted
//! and executed like any other: the worker cannot know.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::boot::Application;
use super::exchange::{self, Desk};
use super::life::{InFlight, Life};
use super::{Inheritance, arbiter_is_alive};
use crate::serve::console::Phrase;
use crate::serve::http::head::Head;
use crate::serve::http::reply;
use crate::serve::listener::{self, Connection, Listener};

/// How long a worker without a timeout waits before it looks around.
const WAIT_WITHOUT_TIMEOUT: Duration = Duration::from_millis(500);

/// Serve until told to stop.
pub(super) fn serve(
    inheritance: &Inheritance,
    life: &Life,
    application: &Application,
) -> io::Result<()> {
    let mut worker = SyncWorker {
        inheritance,
        life,
        application,
        runtime: Builder::new_current_thread().enable_all().build()?,
        served: 0,
        limit: request_limit(inheritance),
        buffer: Vec::with_capacity(8192),
        answer: Vec::with_capacity(1024),
    };
    let wait = match inheritance.settings.timeout / 2 {
        Duration::ZERO => WAIT_WITHOUT_TIMEOUT,
        half => half,
    };
    match inheritance.listeners.as_slice() {
        [listener] => worker.serve_one_listener(listener, wait),
        listeners => worker.serve_listeners(listeners, wait),
    }
}

/// After how many requests the worker makes room for a fresh one.
pub(super) fn request_limit(inheritance: &Inheritance) -> u64 {
    match inheritance.settings.max_requests {
        0 => u64::MAX,
        requests => {
            requests.saturating_add(fastrand::u64(0..=inheritance.settings.max_requests_jitter))
        }
    }
}

struct SyncWorker<'a> {
    inheritance: &'a Inheritance,
    life: &'a Life,
    application: &'a Application,
    runtime: Runtime,
    served: u64,
    limit: u64,
    /// Bytes read from the current connection.
    buffer: Vec<u8>,
    /// Bytes for the current connection.
    answer: Vec<u8>,
}

impl SyncWorker<'_> {
    fn serve_one_listener(&mut self, listener: &Listener, wait: Duration) -> io::Result<()> {
        while self.life.is_alive() {
            self.inheritance.seat.beat();
            // While somebody is waiting there is no need to ask the kernel who is.
            if self.accept(listener)? {
                continue;
            }
            if !self.has_parent() {
                return Ok(());
            }
            self.inheritance.seat.beat();
            self.life.wait_for_connection(listener, wait)?;
        }
        self.has_parent();
        Ok(())
    }

    fn serve_listeners(&mut self, listeners: &[Listener], wait: Duration) -> io::Result<()> {
        while self.life.is_alive() {
            self.inheritance.seat.beat();
            for ready in self.life.wait_for_connections(listeners, wait)? {
                if self.life.is_alive() {
                    self.accept(&listeners[ready])?;
                }
            }
            if !self.has_parent() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn has_parent(&self) -> bool {
        let alive = arbiter_is_alive(self.inheritance.arbiter);
        if !alive {
            self.inheritance.log.say(&Phrase::ParentChanged {
                pid: std::process::id(),
            });
        }
        alive
    }

    /// Accept and serve one connection, if there is one.
    fn accept(&mut self, listener: &Listener) -> io::Result<bool> {
        match listener.accept() {
            Ok((connection, peer)) => {
                self.handle(Arc::new(connection), peer);
                Ok(true)
            }
            Err(error) if listener::is_shut_down(&error) => {
                self.life.stop();
                Ok(false)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted => Ok(false),
                io::ErrorKind::Interrupted => Ok(true),
                _ => Err(error),
            },
        }
    }

    fn handle(&mut self, connection: Arc<Connection>, peer: Option<SocketAddr>) {
        let seat = &self.inheritance.seat;
        seat.begin();
        self.life.take_up(InFlight {
            connection: Arc::clone(&connection),
            peer,
            head: None,
            since: Instant::now(),
        });
        let inheritance = self.inheritance;
        let desk = Desk {
            log: &inheritance.log,
            access: inheritance.access.as_deref(),
            peer,
        };
        self.buffer.clear();
        let limits = inheritance.settings.limits;
        match exchange::read_head(&connection, &mut self.buffer, limits) {
            Ok(head) => self.answer(&desk, &connection, head),
            Err(reason) => {
                self.claim();
                desk.turn_away(&connection, reason);
            }
        }
        seat.note_leak_blocks(self.application.state.leak_blocks());
        seat.end();
    }

    fn answer(&mut self, desk: &Desk<'_>, connection: &Arc<Connection>, head: Head) {
        let head = Arc::new(head);
        self.life.describe(&head);
        self.inheritance.seat.describe(&head.method, &head.target);
        if head.expects_continue
            && let Err(error) = connection.send(reply::CONTINUE)
        {
            self.claim();
            return desk.report_socket_error(&error);
        }
        self.served += 1;
        if self.served >= self.limit {
            desk.log.say(&Phrase::Autorestarting {});
            self.life.stop();
        }
        let began = Instant::now();
        let answer = exchange::call(&self.application.router, &self.runtime, &head);
        self.claim();
        match answer {
            Ok(answer) => {
                exchange::serialise(&head, &answer, false, &mut self.answer);
                let sent = connection.send(&self.answer);
                desk.record(&head, &answer, began);
                if let Err(error) = sent {
                    desk.report_socket_error(&error);
                }
            }
            Err(message) => exchange::fail(desk, connection, &head, &message),
        }
    }

    /// Make sure that this thread, and not the watch, answers the connection.
    fn claim(&self) {
        if self.life.lay_down().is_none() {
            self.life.wait_for_the_end();
        }
    }
}
