//! Connections to a container.
//!
//! A request gets a connection of its own, or one that an earlier request left open and that the
//! container has not closed. A request is sent twice only when the first connection provably took
//! nothing of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::request_body::RequestBody;
use super::{RequestEnd, Shared};
use crate::host::{Dialer, Shortage, shortage};

/// How long an idle connection is kept, before the pace: the platform's figure. It is far above the
/// two seconds after which Gunicorn closes one, so that now and then the two meet.
pub const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// How long a request waits at most for a descriptor that the emulator itself lacks.
const SHORTAGE_PATIENCE: Duration = Duration::from_secs(1);

/// Idle connections that are kept for one container.
const MOST_IDLE: usize = 1024;

/// A container as the front end sees it.
#[derive(Debug)]
pub struct Upstream {
    dialer: Dialer,
    /// Which was used last stands last.
    idle: Mutex<Vec<(Instant, Connection)>>,
    idle_limit: Duration,
    /// When the last request came.
    used: Mutex<Instant>,
}

impl Upstream {
    /// The container that `dialer` reaches.
    pub fn new(dialer: impl Into<Dialer>) -> Self {
        Self {
            dialer: dialer.into(),
            idle: Mutex::default(),
            idle_limit: IDLE_LIMIT,
            used: Mutex::new(Instant::now()),
        }
    }

    /// Keep idle connections for another time.
    #[must_use]
    pub fn keeping_idle_for(mut self, limit: Duration) -> Self {
        self.idle_limit = limit;
        self
    }

    /// When the last request came, or the container.
    pub fn used(&self) -> Instant {
        *self.used.lock()
    }

    /// Send a request and wait for the head of its answer.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
        shared: &Shared,
    ) -> Result<(Response<Incoming>, Connection), RequestEnd> {
        *self.used.lock() = Instant::now();
        while let Some(mut connection) = self.idle_connection() {
            match connection.send(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(NotAnswered::Unsent(unsent)) => request = *unsent,
                Err(NotAnswered::Sent(end)) => return Err(end),
            }
        }
        let mut connection = self.open(shared).await?;
        match connection.send(request).await {
            Ok(response) => Ok((response, connection)),
            Err(NotAnswered::Unsent(_)) => Err(RequestEnd::NoAnswer),
            Err(NotAnswered::Sent(end)) => Err(end),
        }
    }

    /// Open a connection. Where the emulator itself lacks a descriptor for it, let go of what is
    /// idle, and wait a little for one.
    async fn open(&self, shared: &Shared) -> Result<Connection, RequestEnd> {
        let patience = SHORTAGE_PATIENCE.min(shared.settings.limit / 2);
        let deadline = Instant::now() + patience;
        let mut waiting = None;
        loop {
            let error = match self.dialer.connect().await {
                Ok(stream) => return Connection::over(stream).await,
                Err(error) => error,
            };
            let Some(shortage) = Shortage::of(&error) else {
                return Err(RequestEnd::Refused);
            };
            shared.notify.lacks(shortage, "pass a request on");
            if Instant::now() >= deadline {
                return Err(RequestEnd::Shortage);
            }
            waiting.get_or_insert_with(|| Waiting::among(&shared.waiting_for_a_descriptor));
            self.close_idle();
            if shared.spare.lock().take().is_none() {
                tokio::time::sleep(shortage::PAUSE).await;
            }
        }
    }

    /// The one that was used last and that the container has not closed.
    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some((since, connection)) = idle.pop() {
            if since.elapsed() < self.idle_limit && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Keep a connection whose answer has been read to its end.
    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if !connection.sender.is_closed() && idle.len() < MOST_IDLE {
            idle.push((Instant::now(), connection));
        }
    }

    /// Close what has been idle for too long, and let go of what the container has closed.
    pub(super) fn reap(&self) {
        self.idle.lock().retain(|(since, connection)| {
            since.elapsed() < self.idle_limit && !connection.sender.is_closed()
        });
    }

    /// Close what is idle: the container is about to stop.
    pub fn close_idle(&self) {
        self.idle.lock().clear();
    }
}

/// A request that waits for a descriptor, as long as this lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a connection brought no answer.
enum NotAnswered {
    /// Nothing of the request was sent.
    Unsent(Box<Request<RequestBody>>),
    /// The container had it.
    Sent(RequestEnd),
}

/// One connection to a container. Dropped, it is closed, whatever is in flight on it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    /// The task that moves its bytes.
    driver: AbortHandle,
}

impl Connection {
    async fn over(stream: TcpStream) -> Result<Self, RequestEnd> {
        // Without it a small request could wait for an acknowledgement; a socket that refuses the
        // option is only slower.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::Builder::new()
            .writev(false)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| RequestEnd::Refused)?;
        let driver = tokio::spawn(async move {
            // Its errors are those of the request on it.
            let _ = connection.with_upgrades().await;
        });
        Ok(Self {
            sender,
            driver: driver.abort_handle(),
        })
    }

    /// Send a request.
    async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, NotAnswered> {
        let answered = self.sender.try_send_request(request).await;
        answered.map_err(|mut error| match error.take_message() {
            Some(unsent) => NotAnswered::Unsent(Box::new(unsent)),
            None if error.error().is_parse() => NotAnswered::Sent(RequestEnd::BadAnswer),
            None => NotAnswered::Sent(RequestEnd::NoAnswer),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
