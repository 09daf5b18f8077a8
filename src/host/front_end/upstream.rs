//! Connections to a container.
//!
//! A request gets a connection of its own, or one that an earlier request left open and that the
//! container has not closed. A request is sent twice only when the first connection provably took
//! nothing of it.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::RequestEnd;
use super::request_body::RequestBody;

/// How long an idle connection is kept: below the two seconds after which Gunicorn closes one, so
/// that the two hardly ever meet.
const IDLE_LIMIT: Duration = Duration::from_millis(1_500);

/// Idle connections kept for one container.
const MOST_IDLE: usize = 256;

/// A container as the front end sees it.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Upstream {
    /// The container that listens at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Send a request and wait for the head of its answer.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Connection), RequestEnd> {
        while let Some(mut connection) = self.idle_connection() {
            if connection.sender.ready().await.is_err() {
                continue;
            }
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(RequestEnd::NoAnswer),
                },
            }
        }
        let mut connection = Connection::open(self.address).await?;
        match connection.sender.send_request(request).await {
            Ok(response) => Ok((response, connection)),
            Err(_) => Err(RequestEnd::NoAnswer),
        }
    }

    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let (since, connection) = idle.pop()?;
        if since.elapsed() < IDLE_LIMIT {
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
        if idle.len() < MOST_IDLE {
            idle.push((Instant::now(), connection));
        }
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
    task: AbortHandle,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, RequestEnd> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|_| RequestEnd::Refused)?;
        // Without it a small request could wait for an acknowledgement; a socket that refuses the
        // option is only slower.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| RequestEnd::Refused)?;
        let task = tokio::spawn(async move {
            // Its errors are those of the request on it.
            let _ = connection.with_upgrades().await;
        });
        Ok(Self {
            sender,
            task: task.abort_handle(),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
