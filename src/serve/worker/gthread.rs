//! The gthread worker: a main thread that accepts and keeps idle connections, and a pool of
//! threads that serve requests.
//!
//! The main thread beats every second whatever the threads do, so a slow request never times the
//! worker out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::PollFd;

use super::boot::Application;
use super::gthread_pool::{ClientConnection, Exchange, Returned};
use super::state::{WorkerState, is_ready, to_read};
use super::sync::request_limit;
use super::{WorkerContext, arbiter_is_alive};
use crate::serve::accept_errors::{AcceptErrors, AfterAccept, SHORTAGE_PAUSE};
use crate::serve::console::LogEvent;
use crate::serve::listener::Connection;

/// Longest pause between two heartbeats.
const PASS: Duration = Duration::from_secs(1);

/// Serve until told to stop, then wait for what is in flight.
pub(super) fn serve(
    context: &WorkerContext,
    worker: &Arc<WorkerState>,
    application: &Application,
) -> io::Result<()> {
    let exchange = Exchange::start(context, worker, application, request_limit(context))?;
    let mut worker = ThreadWorker {
        context,
        worker,
        exchange,
        idle: Vec::new(),
        connections: 0,
        errors: AcceptErrors::default(),
        not_before: None,
    };
    worker.serve()?;
    worker.finish()
}

/// An idle connection and when it is closed.
struct IdleConnection {
    client: ClientConnection,
    until: Instant,
}

struct ThreadWorker<'a> {
    context: &'a WorkerContext,
    worker: &'a WorkerState,
    exchange: Arc<Exchange>,
    idle: Vec<IdleConnection>,
    /// Connections held: in the threads, waiting for one, or idle.
    connections: usize,
    errors: AcceptErrors,
    /// When connections can be accepted again.
    not_before: Option<Instant>,
}

impl ThreadWorker<'_> {
    fn serve(&mut self) -> io::Result<()> {
        while self.worker.is_alive() {
            self.context.slot.beat();
            let now = Instant::now();
            let may_accept = self.connections < self.context.settings.worker_connections
                && self.not_before.is_none_or(|moment| now >= moment);
            let ready = self.wait(may_accept, self.pause(now))?;
            for number in ready {
                self.accept(number)?;
            }
            if !arbiter_is_alive(self.context.arbiter) {
                self.context.log.log(&LogEvent::ParentChanged {
                    pid: std::process::id(),
                });
                break;
            }
            self.close_expired();
        }
        Ok(())
    }

    /// How long nothing has to happen: a heartbeat, or until descriptors may be there again. As with
    /// Gunicorn an idle connection that has expired is closed when the worker wakes for something.
    fn pause(&self, now: Instant) -> Duration {
        self.not_before.map_or(PASS, |moment| {
            moment.saturating_duration_since(now).min(PASS)
        })
    }

    /// Take no more, and give what is held the graceful timeout. As with Gunicorn that is every
    /// connection: one that waits for its next request is answered once more, holds the worker open
    /// as long as it is silent, and is looked at only when something happens. There is no heartbeat
    /// meanwhile: outside of a stop or a reload the arbiter may time the worker out.
    fn finish(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + self.context.settings.graceful_timeout;
        while self.connections > 0 && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            self.wait(false, left)?;
            self.close_expired();
        }
        Ok(())
    }

    /// Wait for listeners, idle connections, and threads that are done. Returns the listeners
    /// that have a connection.
    fn wait(&mut self, may_accept: bool, at_most: Duration) -> io::Result<Vec<usize>> {
        let listeners = if may_accept {
            self.context.listeners.as_slice()
        } else {
            &[]
        };
        let idle = self.idle.iter().map(|idle| &idle.client.connection);
        let mut places: Vec<PollFd<'_>> = listeners
            .iter()
            .map(to_read)
            .chain(idle.map(to_read))
            .collect();
        places.push(to_read(self.worker.wake_descriptor()));
        self.worker.wait(&mut places, at_most)?;
        let ready: Vec<bool> = places.iter().map(is_ready).collect();
        drop(places);
        let count = listeners.len();
        for (place, idle) in (count..).zip(std::mem::take(&mut self.idle)) {
            if ready[place] {
                self.exchange.submit(idle.client);
            } else {
                self.idle.push(idle);
            }
        }
        self.take_back();
        let kept = self.idle.iter().filter(|idle| idle.client.was_answered);
        self.exchange.note_kept(kept.count());
        Ok((0..count).filter(|&number| ready[number]).collect())
    }

    fn take_back(&mut self) {
        for returned in self.exchange.take_returned() {
            match returned {
                Returned::Keep(client) if self.worker.is_alive() => {
                    self.idle.push(IdleConnection {
                        client,
                        until: Instant::now() + self.context.settings.keep_alive,
                    })
                }
                Returned::Keep(_) | Returned::Close => self.connections -= 1,
            }
        }
    }

    fn accept(&mut self, number: usize) -> io::Result<()> {
        match self.context.listeners[number].accept() {
            Ok((connection, peer)) => {
                self.admit(connection, peer);
                Ok(())
            }
            Err(error) => {
                match self.errors.judge(&error, &self.context.log) {
                    AfterAccept::Wait | AfterAccept::Retry => {}
                    AfterAccept::Stop => self.worker.stop(),
                    AfterAccept::Pause => self.not_before = Some(Instant::now() + SHORTAGE_PAUSE),
                    AfterAccept::Fail => return Err(error),
                }
                Ok(())
            }
        }
    }

    fn admit(&mut self, connection: Connection, peer: Option<SocketAddr>) {
        self.connections += 1;
        self.exchange.submit(ClientConnection {
            connection: Arc::new(connection),
            peer,
            buffer: Vec::new(),
            is_new: true,
            was_answered: false,
        });
    }

    fn close_expired(&mut self) {
        let now = Instant::now();
        let before = self.idle.len();
        self.idle.retain(|idle| idle.until > now);
        self.connections -= before - self.idle.len();
    }
}
