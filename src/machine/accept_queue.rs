//! The accept queue of a listening TCP socket: connections that the kernel has completed and
//! nobody has accepted yet.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use procfs::net::{TcpNetEntry, TcpState};
use serde::Serialize;

use super::{Unavailable, sys};

/// State of a listening socket in `tcp_info`.
const TCP_LISTEN: u8 = 10;

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

/// Every connection to `port` that waits or is served. One that its client has reset is not among
/// them, though it keeps its place in the queue. This walks the tables of all connections, which
/// takes longer the more there are.
///
/// # Errors
/// When the tables cannot be read.
pub fn connections(port: u16) -> Result<Vec<Connection>, Unavailable> {
    let rows = rows()?;
    let connection = |row: &TcpNetEntry| Connection {
        peer: canonical(row.remote_address),
        // No process has a descriptor of it, so it has no inode.
        is_accepted: row.inode != 0,
        has_left: row.state == TcpState::CloseWait,
    };
    Ok(rows
        .iter()
        .filter(|row| {
            let open = matches!(row.state, TcpState::Established | TcpState::CloseWait);
            open && row.local_address.port() == port
        })
        .map(connection)
        .collect())
}

/// The same client as an address of IPv4 where it is one.
#[must_use]
pub fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// The queue lengths of the listening sockets that `wanted` picks. A machine without IPv6 has no
/// second table.
fn listeners(wanted: impl Fn(&TcpNetEntry) -> bool) -> Result<Vec<u32>, Unavailable> {
    Ok(rows()?
        .iter()
        .filter(|row| row.state == TcpState::Listen && wanted(row))
        .map(|row| row.rx_queue)
        .collect())
}

fn rows() -> Result<Vec<TcpNetEntry>, Unavailable> {
    let mut rows =
        procfs::net::tcp().map_err(|error| Unavailable::reading("/proc/net/tcp", &error))?;
    rows.extend(procfs::net::tcp6().unwrap_or_default());
    Ok(rows)
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
            let port = listener.local_addr().unwrap().port();
            let served = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let leaving = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (_accepted, peer) = listener.accept().unwrap();
            let (served, left) = (served.local_addr().unwrap(), leaving.local_addr().unwrap());
            assert_eq!(canonical(peer), served);
            drop(leaving);
            let expected = [(served, true, false), (left, false, true)];
            let deadline = Instant::now() + Duration::from_secs(5);
            loop {
                let mut seen: Vec<_> = connections(port)
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
