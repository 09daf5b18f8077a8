//! The accept queue of a listening TCP socket: connections that the kernel has completed and
//! nobody has accepted yet.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use serde::Serialize;

use super::socket_diag::{self, Socket};
use super::{Unavailable, proc_files, sys};

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

/// The accept queue of an address, asked for from outside: from a process that does not hold the
/// listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressQueue {
    /// Connections that wait: those of every socket that listens there, added up.
    pub waiting: u32,
    /// Connections that may wait.
    pub backlog: u32,
    /// How long the connection that waits for longest has been silent: its client has sent what it
    /// had to send, and waits. Zero where none waits.
    pub oldest: Duration,
}

/// A connection to a listening socket, as the kernel holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The client; an address of IPv4 is one also where the socket is of IPv6.
    pub peer: SocketAddr,
    /// A process has it. Until then it waits in the accept queue.
    pub is_accepted: bool,
    /// The client has closed it.
    pub has_left: bool,
    /// Since its last data came, or it began.
    pub silence: Duration,
}

/// Every connection to the sockets that listen at `address` that waits or is served. One that its
/// client has reset is not among them, though it keeps its place in the queue. The kernel walks its
/// table of all connections for this.
///
/// # Errors
/// When the kernel cannot be asked for its sockets.
pub fn connections(address: &SocketAddr) -> Result<Vec<Connection>, Unavailable> {
    let sockets = sockets_at(address)?;
    let connections = sockets
        .iter()
        .filter(|socket| socket.is_connected_to(address));
    Ok(connections
        .map(|socket| Connection {
            peer: canonical(socket.peer()),
            is_accepted: socket.is_accepted(),
            has_left: socket.has_left(),
            silence: socket.silence().unwrap_or_default(),
        })
        .collect())
}

fn sockets_at(address: &SocketAddr) -> Result<Vec<Socket>, Unavailable> {
    socket_diag::sockets_at(address)
        .map_err(|error| Unavailable::reading("the kernel's list of sockets", &error))
}

/// The same client as an address of IPv4 where it is one.
#[must_use]
pub fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// The queue of every socket that listens at `address` in this network namespace. Nothing joins
/// the queue for it.
///
/// # Errors
/// When the kernel cannot be asked for its sockets, or none listens there.
pub fn of_address(address: &SocketAddr) -> Result<AddressQueue, Unavailable> {
    let sockets = sockets_at(address)?;
    let listening: Vec<_> = sockets
        .iter()
        .filter(|socket| socket.listens_at(address))
        .map(Socket::queue)
        .collect();
    if listening.is_empty() {
        return Err(Unavailable::because(format!(
            "nothing listens at {address}"
        )));
    }
    let waiting = sockets.iter().filter(|socket| socket.waits_at(address));
    Ok(AddressQueue {
        waiting: listening.iter().map(|(waiting, _)| waiting).sum(),
        backlog: listening.iter().map(|(_, backlog)| backlog).sum(),
        oldest: waiting
            .filter_map(Socket::silence)
            .max()
            .unwrap_or_default(),
    })
}

/// Connections that the kernel dropped because an accept queue was full, in this network namespace
/// since it began.
///
/// # Errors
/// When `/proc/net/netstat` cannot be read.
pub fn overflows() -> Result<u64, Unavailable> {
    const PATH: &str = "/proc/net/netstat";
    let text = proc_files::text(PATH)?;
    overflows_of(&text).ok_or_else(|| Unavailable::missing(PATH, "ListenOverflows"))
}

/// The line of names comes before that of values.
fn overflows_of(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut both = names.split_whitespace().zip(values.split_whitespace());
    let (_, value) = both.find(|(name, _)| *name == "ListenOverflows")?;
    value.parse().ok()
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
            let outside = of_address(&local).unwrap();
            assert_eq!(outside.waiting, 5);
            assert_eq!(outside.backlog, of_socket(&listener).unwrap().backlog);
            let _accepted = listener.accept().unwrap();
            assert_eq!(waiting(), Ok(4));
            assert_eq!(of_address(&local).unwrap().waiting, 4);
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
                let mut seen: Vec<_> = connections(&listening)
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
    fn the_oldest_wait_grows_and_goes_with_the_one_who_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let oldest = || of_address(&local).unwrap().oldest;
        assert_eq!(oldest(), Duration::ZERO, "nobody waits");
        let began = Instant::now();
        let first = TcpStream::connect(local).unwrap();
        let deadline = began + Duration::from_secs(5);
        while oldest() < Duration::from_millis(100) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let waited = oldest();
        assert!(waited >= Duration::from_millis(100), "{waited:?}");
        // The kernel counts in ticks.
        let most = began.elapsed() + Duration::from_millis(20);
        assert!(waited <= most, "{waited:?} of {most:?}");
        drop(first);
        assert!(oldest() >= waited, "who has left still waits");
        let _second = TcpStream::connect(local).unwrap();
        let _accepted = listener.accept().unwrap();
        assert!(oldest() < waited, "the first has been accepted");
        drop(listener);
        let error = of_address(&local).unwrap_err();
        assert!(error.reason().starts_with("nothing listens"), "{error}");
    }

    #[test]
    fn overflows_are_found_by_their_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\nIpExt: InNoRoutes\nIpExt: 4\n";
        assert_eq!(overflows_of(text), Some(22));
        assert_eq!(overflows_of("IpExt: ListenOverflows\nIpExt: 4\n"), None);
        assert!(overflows().is_ok());
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
