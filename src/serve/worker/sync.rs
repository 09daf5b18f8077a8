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
use super::exchange::{self, RequestLog};
use super::state::{InFlight, WorkerState};
use super::{WorkerContext, arbiter_is_alive};
use crate::serve::accept_errors::{AcceptErrors, AfterAccept, SHORTAGE_PAUSE};
use crate::serve::console::LogEvent;
use crate::serve::http::head::Head;
use crate::serve::http::reply;
use crate::serve::listener::{Connection, Listener};
use crate::serve::scoreboard::Serving;

/// How long a worker without a timeout waits before it looks around.
const WAIT_WITHOUT_TIMEOUT: Duration = Duration::from_millis(500);

/// Serve until told to stop.
pub(super) fn serve(
    context: &WorkerContext,
    worker: &WorkerState,
    application: &Application,
) -> io::Result<()> {
    let mut worker = SyncWorker {
        context,
        worker,
        application,
        runtime: Builder::new_current_thread().enable_all().build()?,
        errors: AcceptErrors::default(),
        served: 0,
        limit: request_limit(context),
        buffer: Vec::with_capacity(8192),
        answer: Vec::with_capacity(1024),
    };
    let wait = match context.settings.timeout / 2 {
        Duration::ZERO => WAIT_WITHOUT_TIMEOUT,
        half => half,
    };
    match context.listeners.as_slice() {
        [listener] => worker.serve_one_listener(listener, wait),
        listeners => worker.serve_listeners(listeners, wait),
    }
}

/// After how many requests the worker makes room for a fresh one.
pub(super) fn request_limit(context: &WorkerContext) -> u64 {
    match context.settings.max_requests {
        0 => u64::MAX,
        requests => {
            requests.saturating_add(fastrand::u64(0..=context.settings.max_requests_jitter))
        }
    }
}

struct SyncWorker<'a> {
    context: &'a WorkerContext,
    worker: &'a WorkerState,
    application: &'a Application,
    runtime: Runtime,
    errors: AcceptErrors,
    served: u64,
    limit: u64,
    /// Bytes read from the current connection.
    buffer: Vec<u8>,
    /// Bytes for the current connection.
    answer: Vec<u8>,
}

impl SyncWorker<'_> {
    fn serve_one_listener(&mut self, listener: &Listener, wait: Duration) -> io::Result<()> {
        while self.worker.is_alive() {
            self.context.slot.beat();
            // While somebody is waiting there is no need to ask the kernel who is.
            if self.accept(listener)? {
                continue;
            }
            if !self.has_parent() {
                return Ok(());
            }
            self.context.slot.beat();
            self.worker.wait_for_connection(listener, wait)?;
        }
        self.has_parent();
        Ok(())
    }

    fn serve_listeners(&mut self, listeners: &[Listener], wait: Duration) -> io::Result<()> {
        while self.worker.is_alive() {
            self.context.slot.beat();
            for ready in self.worker.wait_for_connections(listeners, wait)? {
                if self.worker.is_alive() {
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
        let alive = arbiter_is_alive(self.context.arbiter);
        if !alive {
            self.context.log.log(&LogEvent::ParentChanged {
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
            Err(error) => match self.errors.judge(&error, &self.context.log) {
                AfterAccept::Wait => Ok(false),
                AfterAccept::Retry => Ok(true),
                AfterAccept::Stop => {
                    self.worker.stop();
                    Ok(false)
                }
                AfterAccept::Pause => self.worker.wait_to_be_woken(SHORTAGE_PAUSE).map(|()| true),
                AfterAccept::Fail => Err(error),
            },
        }
    }

    fn handle(&mut self, connection: Arc<Connection>, peer: Option<SocketAddr>) {
        let context = self.context;
        let serving = context.slot.serve(peer);
        self.worker.set_in_flight(InFlight {
            connection: Arc::clone(&connection),
            peer,
            head: None,
            since: Instant::now(),
        });
        let request_log = RequestLog {
            log: &context.log,
            access: context.access.as_deref(),
            tally: context.scoreboard.tally(),
            peer,
        };
        self.buffer.clear();
        let rules = &context.settings.head;
        let is_trusted = context.settings.forwarded_allow_ips.holds(peer);
        match exchange::read_head(&connection, &mut self.buffer, rules, is_trusted) {
            Ok(head) => self.answer(&request_log, &serving, &connection, head),
            Err(reason) => {
                self.take_connection();
                request_log.reject(&connection, reason);
            }
        }
        context
            .slot
            .note_leak_blocks(self.application.state.leak_blocks());
    }

    fn answer(
        &mut self,
        request_log: &RequestLog<'_>,
        serving: &Serving<'_>,
        connection: &Arc<Connection>,
        head: Head,
    ) {
        let head = Arc::new(head);
        self.worker.describe(&head);
        serving.describe(&head.method, &head.target);
        if head.expects_continue
            && let Err(error) = connection.send(reply::CONTINUE)
        {
            self.take_connection();
            return request_log.report_socket_error(&error);
        }
        let route = match exchange::route(&head, &self.application.script_name) {
            Ok(route) => route,
            Err(reason) => {
                self.take_connection();
                return request_log.reject(connection, reason);
            }
        };
        self.served += 1;
        if self.served >= self.limit {
            request_log.log.log(&LogEvent::Autorestarting {});
            self.worker.stop();
        }
        let began = Instant::now();
        let answer = exchange::call(
            &self.application.router,
            &self.runtime,
            &head,
            &route,
            connection,
        );
        self.take_connection();
        match answer {
            Ok(answer) => {
                serving.note_status(answer.parts.status.as_u16());
                exchange::serialise(&head, &answer, false, &mut self.answer);
                let sent = connection.send(&self.answer);
                request_log.record(&head, &route, &answer, began);
                if let Err(error) = sent {
                    request_log.report_socket_error(&error);
                }
            }
            Err(message) => {
                serving.note_status(500);
                exchange::fail(request_log, connection, (&head, &route), began, &message)
            }
        }
    }

    /// Make sure that this thread, and not the signal thread, answers the connection.
    fn take_connection(&self) {
        if self.worker.take_in_flight().is_none() {
            self.worker.wait_for_the_end();
        }
    }
}
