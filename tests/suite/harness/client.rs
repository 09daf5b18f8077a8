//! A client with nothing between the test and the socket: what is sent is sent as it is, and how a
//! connection ends is kept as the kernel told it.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{PATIENCE, Response};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The server closed in order (FIN).
    Finished,
    /// The server reset the connection (RST).
    Reset,
    /// Nobody listened.
    Refused,
    /// Neither answered nor closed when the client gave up.
    GaveUp,
}

/// Everything that one connection showed.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Everything the server sent.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
    /// Time until the end, from the beginning of the connect.
    pub took: Duration,
    /// When it ended.
    pub ended: Instant,
}

impl Exchange {
    /// The answer, if there is a whole head.
    pub fn response(&self) -> Option<Response> {
        Response::parse(&self.bytes)
    }

    /// The answer's status.
    pub fn status(&self) -> Option<u16> {
        self.response().map(|response| response.status)
    }
}

/// `200 Finished`, `no byte, Reset`: outcomes that two servers can be compared by.
impl fmt::Display for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status(), self.bytes.len()) {
            (Some(status), _) => write!(formatter, "{status} {:?}", self.ending),
            (None, 0) => write!(formatter, "no byte, {:?}", self.ending),
            (None, bytes) => write!(formatter, "{bytes} odd bytes, {:?}", self.ending),
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    began: Instant,
    received: Vec<u8>,
}

impl Connection {
    /// Connect within `within`.
    pub fn open_within(address: &Address, within: Duration) -> Result<Self, Exchange> {
        let began = Instant::now();
        let connect = || -> std::io::Result<Socket> {
            let (domain, address) = match address {
                Address::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
                Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
            };
            let socket = Socket::new(domain, Type::STREAM, None)?;
            socket.connect_timeout(&address, within)?;
            Ok(socket)
        };
        match connect() {
            Ok(socket) => Ok(Self {
                socket,
                began,
                received: Vec::new(),
            }),
            Err(error) => Err(Exchange {
                bytes: Vec::new(),
                ending: match error.kind() {
                    ErrorKind::ConnectionRefused | ErrorKind::NotFound => Ending::Refused,
                    ErrorKind::ConnectionReset => Ending::Reset,
                    _ => Ending::GaveUp,
                },
                took: began.elapsed(),
                ended: Instant::now(),
            }),
        }
    }

    /// Connect, however long it takes.
    pub fn open(address: &Address) -> Self {
        match Self::open_within(address, PATIENCE) {
            Ok(connection) => connection,
            Err(exchange) => panic!("no connection to {address:?}: {exchange}"),
        }
    }

    /// Send bytes. What the server no longer wants to read is not an error: its answer is what
    /// counts.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.socket.set_write_timeout(Some(PATIENCE));
        let _ = self.socket.write_all(bytes);
    }

    /// Say that nothing more will be sent (FIN).
    pub fn finish(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Close with a reset (RST) instead of in order.
    pub fn abort(self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }

    /// Read until `enough` says so, the server closes, or the time is over.
    pub fn read_until(
        &mut self,
        within: Duration,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Option<Ending> {
        let deadline = Instant::now() + within;
        let mut buffer = [0; 65536];
        loop {
            if enough(&self.received) {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(Ending::GaveUp);
            }
            let _ = self.socket.set_read_timeout(Some(left));
            match self.socket.read(&mut buffer) {
                Ok(0) => return Some(Ending::Finished),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Some(Ending::GaveUp),
                    _ => return Some(Ending::Reset),
                },
            }
        }
    }

    /// Read one whole answer on a connection that stays open, and forget it.
    pub fn next_response(&mut self, within: Duration) -> Option<Response> {
        let complete =
            |bytes: &[u8]| Response::parse(bytes).is_some_and(|response| response.is_complete());
        self.read_until(within, complete);
        let response = Response::parse(&self.received)?;
        self.received.clear();
        Some(response)
    }

    /// Read to the end.
    pub fn end(mut self, within: Duration) -> Exchange {
        let ending = self.read_until(within, |_| false).unwrap_or(Ending::GaveUp);
        Exchange {
            bytes: self.received,
            ending,
            took: self.began.elapsed(),
            ended: Instant::now(),
        }
    }
}

/// Connect, send, read to the end, all within `within`.
pub fn exchange(address: &Address, bytes: &[u8], within: Duration) -> Exchange {
    let began = Instant::now();
    match Connection::open_within(address, within) {
        Ok(mut connection) => {
            connection.send(bytes);
            connection.end(within.saturating_sub(began.elapsed()))
        }
        Err(exchange) => exchange,
    }
}

/// A request of a client that wants one answer and the end.
pub fn request(method: &str, target: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n").into_bytes()
}

/// GET, patiently.
pub fn get(address: &Address, target: &str) -> Exchange {
    exchange(address, &request("GET", target), PATIENCE)
}

/// GET all targets at the same time, each with a client of its own; the answers in their order.
pub fn get_many(address: &Address, targets: &[String], within: Duration) -> Vec<Exchange> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = targets
            .iter()
            .map(|target| scope.spawn(move || exchange(address, &request("GET", target), within)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client must not panic"))
            .collect()
    })
}
