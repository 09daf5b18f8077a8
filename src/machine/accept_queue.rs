//! The accept queue of a listening TCP socket: connections that the kernel has completed and
//! nobody has accepted yet.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use procfs::net::{TcpNetEntry, TcpState};
use serde::Serialize;

use super::{Unavailable, sys};

/// State of a listening socket in `tcp_info`.
const TCP_LISTEN: u8 = 10;

/// States of a connection in the kernel's tables: open, and closed by the other side.
const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;

/// An accept queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AcceptQueue {
    /// Connections that wait.
    pub waiting: u32,
    /// Connections that may wait: the backlog of listen(2), which the kernel cuts at
    /// `net.core.somaxconn`.
    pub backlog: u32,
}

/// The queue of a listening socket, in one system call: `TCP_INFO` of one that listens holds its
/// queue in the places of two other figures.
///
/// # Errors
/// When the descriptor is no TCP socket, or does not listen.
pub fn of_socket(socket: &impl AsFd) -> Result<AcceptQueue, Unavailable> {
    let info = sys::tcp_info(socket).map_err(|error| Unavailable::reading("TCP_INFO", &error))?;
    if info.tcpi_state != TCP_LISTEN {
        return Err(Unavailable::because("the socket does not listen on TCP"));
    }
    Ok(AcceptQueue {
        waiting: info.tcpi_unacked,
        backlog: info.tcpi_sacked,
    })
}

/// Waiting connections of every socket that listens on `port`, added up.
///
/// # Errors
/// When the tables cannot be read, or nothing listens on the port in this network namespace.
pub fn of_port(port: u16) -> Result<u32, Unavailable> {
    let queues = listeners(|row| row.local_address.port() == port)?;
    if queues.is_empty() {
        return Err(Unavailable::because(format!(
            "nothing listens on TCP port {port}"
        )));
    }
    Ok(queues.iter().sum())
}

/// A connection to a listening port, as the kernel holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The client; an address of IPv4 is one also where the socket is of IPv6.
    pub peer: SocketAddr,
    /// A process has it. Until then it waits in the accept queue.
    pub is_accepted: bool,
    /// The client has closed it.
    pub has_left: bool,
}

/// Every connection to a listening socket that waits or is served. One that its client has reset is
/// not among them, though it keeps its place in the queue. The kernel walks the table of all
/// connections for this, which takes longer the more there are.
///
/// # Errors
/// When the table cannot be read.
pub fn connections(listening: SocketAddr) -> Result<Vec<Connection>, Unavailable> {
    // A socket of IPv6 has its clients of IPv4 in the table of IPv6 as well.
    let table = match listening {
        SocketAddr::V4(_) => "/proc/net/tcp",
        SocketAddr::V6(_) => "/proc/net/tcp6",
    };
    let text =
        std::fs::read_to_string(table).map_err(|error| Unavailable::reading(table, &error))?;
    let port = listening.port();
    let named = format!(":{port:04X} ");
    Ok(text
        .lines()
        .filter(|line| line.contains(&named))
        .filter_map(|line| connection(line, port))
        .collect())
}

/// A row of the table, if it is of a connection to this port.
fn connection(line: &str, port: u16) -> Option<Connection> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (_, local) = fields.next()?.split_once(':')?;
    if u16::from_str_radix(local, 16).ok()? != port {
        return None;
    }
    let (address, peer) = fields.next()?.split_once(':')?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    if state != ESTABLISHED && state != CLOSE_WAIT {
        return None;
    }
    let inode = fields.nth(5)?;
    let peer = SocketAddr::new(address_of(address)?, u16::from_str_radix(peer, 16).ok()?);
    Some(Connection {
        peer: canonical(peer),
        // No process has a descriptor of it, so it has no inode.
        is_accepted: inode != "0",
        has_left: state == CLOSE_WAIT,
    })
}

/// An address of the table: words of 32 bits in the order of the network, shown as this machine
/// reads them.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(8 * at..8 * at + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Some(IpAddr::from(<[u8; 16]>::try_from(words).ok()?))
        }
        _ => None,
    }
}

/// The same client as an address of IPv4 where it is one.
#[must_use]
pub fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// The queue lengths of the listening sockets that `wanted` picks. A machine without IPv6 has no
/// second table.
fn listeners(wanted: impl Fn(&TcpNetEntry) -> bool) -> Result<Vec<u32>, Unavailable> {
    let mut rows =
        procfs::net::tcp().map_err(|error| Unavailable::reading("/proc/net/tcp", &error))?;
    rows.extend(procfs::net::tcp6().unwrap_or_default());
    Ok(rows
        .iter()
        .filter(|row| row.state == TcpState::Listen && wanted(row))
        .map(|row| row.rx_queue)
        .collect())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn connections_that_nobody_accepts_are_counted_and_accepted_ones_are_not() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue;
            };
            let local = listener.local_addr().unwrap();
            let waiting = || of_socket(&listener).map(|queue| queue.waiting);
            assert_eq!(waiting(), Ok(0));
            assert!(of_socket(&listener).unwrap().backlog > 0);
            let _clients: Vec<_> = (0..5).map(|_| TcpStream::connect(local).unwrap()).collect();
            let deadline = Instant::now() + Duration::from_secs(5);
            while waiting() != Ok(5) && Instant::now() < deadline {
                std::thread::yield_now();
            }
            assert_eq!(waiting(), Ok(5));
            assert_eq!(of_port(local.port()), Ok(5));
            let _accepted = listener.accept().unwrap();
            assert_eq!(waiting(), Ok(4));
        }
    }

    #[test]
    fn who_waits_who_is_served_and_who_has_left_are_told_apart() {
        for address in ["127.0.0.1:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue;
            };
            let listening = listener.local_addr().unwrap();
            let port = listening.port();
            let served = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let leaving = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (_accepted, peer) = listener.accept().unwrap();
            let (served, left) = (served.local_addr().unwrap(), leaving.local_addr().unwrap());
            assert_eq!(canonical(peer), served);
            drop(leaving);
            let expected = [(served, true, false), (left, false, true)];
            let deadline = Instant::now() + Duration::from_secs(5);
            loop {
                let mut seen: Vec<_> = connections(listening)
                    .unwrap()
                    .iter()
                    .map(|held| (held.peer, held.is_accepted, held.has_left))
                    .collect();
                seen.sort_by_key(|(_, is_accepted, _)| !is_accepted);
                if seen == expected {
                    break;
                }
                assert!(Instant::now() < deadline, "{seen:?}");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn what_does_not_listen_is_said_to() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(of_socket(&file).is_err());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let error = of_socket(&client).unwrap_err();
        assert!(
            error.reason().ends_with("does not listen on TCP"),
            "{error}"
        );
    }
}
