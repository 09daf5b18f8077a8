//! Connections to a container.
//!
//! A request gets a connection of its own, or one that an earlier request left open and that the
//! container has not closed. A request is sent twice only when the first connection provably took
//! nothing of it.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::RequestEnd;
use super::request_body::RequestBody;
use crate::host::Dialer;

/// How long an idle connection is kept, before the pace: the platform's figure. It is far above the
/// two seconds after which Gunicorn closes one, so that now and then the two meet.
pub const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Idle connections that are kept for one container.
const MOST_IDLE: usize = 1024;

/// A container as the front end sees it.
#[derive(Debug)]
pub struct Upstream {
    dialer: Dialer,
    /// The oldest first.
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
    ) -> Result<(Response<Incoming>, Connection), RequestEnd> {
        *self.used.lock() = Instant::now();
        while let Some(mut connection) = self.idle_connection() {
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(RequestEnd::NoAnswer),
                },
            }
        }
        let mut connection = Connection::open(&self.dialer).await?;
        match connection.sender.send_request(request).await {
            Ok(response) => Ok((response, connection)),
            Err(_) => Err(RequestEnd::NoAnswer),
        }
    }

    /// The one that was used last.
    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some((since, connection)) = idle.pop() {
            if since.elapsed() >= self.idle_limit {
                // The newest is too old, so all are.
                idle.clear();
            } else if connection.sender.is_ready() {
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

    /// Close what has been idle for too long.
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

/// One connection to a container. When it is dropped the socket is closed there and then, whatever
/// is in flight on it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
}

impl Connection {
    async fn open(dialer: &Dialer) -> Result<Self, RequestEnd> {
        let stream = dialer
            .connect()
            .await
            .map_err(|error| match error.raw_os_error() {
                Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::EADDRNOTAVAIL) => {
                    RequestEnd::Shortage
                }
                _ => RequestEnd::Refused,
            })?;
        // Without it a small request could wait for an acknowledgement; a socket that refuses the
        // option is only slower.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
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
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
