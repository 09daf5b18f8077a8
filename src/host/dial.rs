//! How a container is reached.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

use crate::machine::container::{ADDRESS, SocketSource};

/// How long to wait for a socket of a container's network when none is there.
const SOCKET_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks for one.
const SOCKET_PAUSE: Duration = Duration::from_millis(1);

/// Connects to a container.
#[derive(Debug, Clone)]
pub struct Dialer {
    address: SocketAddr,
    /// Sockets of the container's network, where it has one of its own.
    sockets: Option<Arc<SocketSource>>,
}

impl PartialEq for Dialer {
    /// The same container, the same port.
    fn eq(&self, other: &Self) -> bool {
        let networks = (&self.sockets, &other.sockets);
        let same_network = match networks {
            (Some(one), Some(another)) => Arc::ptr_eq(one, another),
            (one, another) => one.is_none() && another.is_none(),
        };
        same_network && self.address == other.address
    }
}

impl From<SocketAddr> for Dialer {
    /// A container at an address of this machine.
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            sockets: None,
        }
    }
}

impl Dialer {
    /// A container with a network of its own, whose site listens on `port`.
    pub fn inside(sockets: Arc<SocketSource>, port: u16) -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(ADDRESS), port),
            sockets: Some(sockets),
        }
    }

    /// Where the site is expected to listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same container, another port of it.
    #[must_use]
    pub fn at(mut self, port: Option<u16>) -> Self {
        self.address.set_port(port.unwrap_or(self.address.port()));
        self
    }

    /// Open a connection.
    ///
    /// # Errors
    /// Those of connect(2); refused where the container is gone.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let Some(sockets) = &self.sockets else {
            return TcpStream::connect(self.address).await;
        };
        let taking = async {
            loop {
                match sockets.take() {
                    // The next is being made.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(SOCKET_PAUSE).await;
                    }
                    taken => break taken,
                }
            }
        };
        let taken = tokio::time::timeout(SOCKET_LIMIT, taking).await;
        let socket = taken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        socket.set_nonblocking(true)?;
        TcpSocket::from_std_stream(socket)
            .connect(self.address)
            .await
    }
}
