//! Connections to a container.
//!
//! A request gets a connection of its own, or one that an earlier request left open and that the
//! container has not closed. A request is sent twice only when the first connection provably took
//! nothing of it.

use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
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

/// Idle connections that each thread keeps for one container.
const MOST_IDLE: usize = 256;

/// A container as the front end sees it.
#[derive(Debug)]
pub struct Upstream {
    dialer: Dialer,
    /// By the thread whose event loop a connection belongs to.
    idle: Mutex<HashMap<ThreadId, Vec<(Instant, Connection)>>>,
    idle_limit: Duration,
    /// When the last request came.
    used: Mutex<Instant>,
}

impl Upstream {
    /// The container that `dialer` reaches.
    pub fn new(dialer: impl Into<Dialer>) -> Self {
        Self {
            dialer: dialer.into(),
            idle: Mutex::new(HashMap::new()),
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

    /// Send a request and wait for the head of its answer. A request that is `alone` has no body
    /// and asks for no other protocol: its connection is driven by who waits for the answer.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
        alone: bool,
        shared: &Shared,
    ) -> Result<(Response<Incoming>, Connection), RequestEnd> {
        *self.used.lock() = Instant::now();
        while let Some(mut connection) = self.idle_connection() {
            if !connection.is_open().await {
                continue;
            }
            match connection.send(request, alone).await {
                Ok(response) => return Ok((response, connection)),
                Err(NotAnswered::Unsent(unsent)) => request = *unsent,
                Err(NotAnswered::Sent(end)) => return Err(end),
            }
        }
        let mut connection = self.open(shared).await?;
        match connection.send(request, alone).await {
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

    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let idle = idle.get_mut(&std::thread::current().id())?;
        let (since, connection) = idle.pop()?;
        if since.elapsed() < self.idle_limit {
            return Some(connection);
        }
        // The newest is too old, so all are.
        idle.clear();
        None
    }

    /// Keep a connection whose answer has been read to its end.
    pub(super) fn keep(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock();
        let idle = idle.entry(std::thread::current().id()).or_default();
        // The oldest stand first.
        let old = idle.partition_point(|(since, _)| since.elapsed() >= self.idle_limit);
        idle.drain(..old);
        if idle.len() < MOST_IDLE {
            idle.push((Instant::now(), connection));
        }
    }

    /// Close what has been idle for too long, and what the container has closed.
    pub(super) fn reap(&self) {
        let mut context = Context::from_waker(Waker::noop());
        for idle in self.idle.lock().values_mut() {
            idle.retain_mut(|(since, connection)| {
                connection.drive(&mut context);
                since.elapsed() < self.idle_limit && !matches!(connection.driver, Driver::Ended)
            });
        }
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

/// One connection to a container. When it is dropped the socket is closed there and then, whatever
/// is in flight on it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    driver: Driver,
}

/// What moves the bytes of a connection. hyper parts the two so that one connection can be asked
/// from many places; here it is asked from one, and waking a task of its own for every answer costs
/// more than the answer.
#[derive(Debug)]
enum Driver {
    /// Whoever waits for the answer or reads it.
    Asker(Box<Socket>),
    /// A task of its own: a body that comes from the client must go on when nobody reads the
    /// answer.
    Task(AbortHandle),
    /// The connection has ended.
    Ended,
}

type Socket = http1::Connection<TokioIo<TcpStream>, RequestBody>;

impl Connection {
    async fn over(stream: TcpStream) -> Result<Self, RequestEnd> {
        // Without it a small request could wait for an acknowledgement; a socket that refuses the
        // option is only slower.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| RequestEnd::Refused)?;
        Ok(Self {
            sender,
            driver: Driver::Asker(Box::new(connection)),
        })
    }

    /// Send a request.
    async fn send(
        &mut self,
        request: Request<RequestBody>,
        alone: bool,
    ) -> Result<Response<Incoming>, NotAnswered> {
        if !alone {
            self.drive_by_a_task();
        }
        let answer = self.sender.try_send_request(request);
        let mut answer = std::pin::pin!(answer);
        let driver = &mut self.driver;
        let answered = poll_fn(|context| {
            // The answer is there after the connection has been polled.
            driver.poll(context);
            answer.as_mut().poll(context)
        });
        answered
            .await
            .map_err(|mut error| match error.take_message() {
                Some(unsent) => NotAnswered::Unsent(Box::new(unsent)),
                None if error.error().is_parse() => NotAnswered::Sent(RequestEnd::BadAnswer),
                None => NotAnswered::Sent(RequestEnd::NoAnswer),
            })
    }

    /// Whether the container has kept a connection that was idle: what it sent meanwhile, the end
    /// above all, is looked at now.
    async fn is_open(&mut self) -> bool {
        poll_fn(|context| {
            self.driver.poll(context);
            Poll::Ready(())
        })
        .await;
        !matches!(self.driver, Driver::Ended) && self.sender.is_ready()
    }

    /// Move bytes, where nobody else does.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        self.driver.poll(context);
    }

    fn drive_by_a_task(&mut self) {
        let driver = match std::mem::replace(&mut self.driver, Driver::Ended) {
            Driver::Asker(socket) => {
                let task = tokio::spawn(async move {
                    // Its errors are those of the request on it.
                    let _ = socket.with_upgrades().await;
                });
                Driver::Task(task.abort_handle())
            }
            other => other,
        };
        self.driver = driver;
    }
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        if let Driver::Asker(socket) = self
            && Pin::new(socket).poll(context).is_ready()
        {
            // Its errors are those of the request on it.
            *self = Driver::Ended;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Driver::Task(task) = &self.driver {
            task.abort();
        }
    }
}
