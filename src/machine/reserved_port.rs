//! A port kept free for a server that is about to start, or for nobody.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that nobody listens on: a connection to it is refused.
///
/// While the value lives the kernel gives the port to no other socket that asks for any port, be it
/// by bind(2) or by connect(2). A server that sets `SO_REUSEADDR` may listen on it (socket(7)).
#[derive(Debug)]
pub struct ReservedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ReservedPort {
    /// Reserve a port that the kernel chooses.
    ///
    /// # Errors
    ///
    /// As of socket(2), setsockopt(2) and bind(2).
    pub fn choose() -> io::Result<Self> {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        bound.set_reuse_address(true)?;
        bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = bound.local_addr()?.as_socket();
        let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            address,
            _bound: bound,
        })
    }

    /// The address, with the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    pub fn number(&self) -> u16 {
        self.address.port()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_until_its_server_listens() {
        let port = ReservedPort::choose().unwrap();
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let _server = TcpListener::bind(port.address()).unwrap();
        TcpStream::connect(port.address()).unwrap();
    }

    #[test]
    fn a_reserved_port_is_given_to_nobody_who_asks_for_any() {
        let kept = ReservedPort::choose().unwrap();
        let others: Vec<_> = (0..200)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let taken = |other: &TcpListener| other.local_addr().unwrap() == kept.address();
        assert!(!others.iter().any(taken));
    }
}
