//! The accept queue of a listening TCP socket: connections that the kernel has completed and
//! nobody has accepted yet.
//!
//! The kernel shows its length as the `rx_queue` of the listening socket's row in
//! `/proc/net/tcp` and `/proc/net/tcp6`, of this process's network namespace.

use std::os::fd::AsRawFd;

use procfs::net::{TcpNetEntry, TcpState};

use super::Unavailable;

/// Waiting connections of the listening socket `socket`, found by its inode: right also when
/// several sockets listen on one port.
///
/// # Errors
/// When the descriptor is no socket, the tables cannot be read, or the socket is not a listening
/// TCP socket of this network namespace.
pub fn of_socket(socket: &impl AsRawFd) -> Result<u32, Unavailable> {
    let link = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let target = std::fs::read_link(&link).map_err(|error| Unavailable::reading(&link, &error))?;
    let inode = socket_inode(&target.to_string_lossy())
        .ok_or_else(|| Unavailable::because(format!("{link} is no socket")))?;
    let queues = listeners(|row| row.inode == inode)?;
    let found = queues.first().copied();
    found.ok_or_else(|| Unavailable::because(format!("socket {inode} does not listen on TCP")))
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

/// The number in `socket:[12345]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
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
            assert_eq!(of_socket(&listener), Ok(0));
            let _clients: Vec<_> = (0..5).map(|_| TcpStream::connect(local).unwrap()).collect();
            let deadline = Instant::now() + Duration::from_secs(5);
            while of_socket(&listener) != Ok(5) && Instant::now() < deadline {
                std::thread::yield_now();
            }
            assert_eq!(of_socket(&listener), Ok(5));
            assert_eq!(of_port(local.port()), Ok(5));
            let _accepted = listener.accept().unwrap();
            assert_eq!(of_socket(&listener), Ok(4));
        }
    }

    #[test]
    fn what_does_not_listen_is_said_to() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(
            of_socket(&file)
                .unwrap_err()
                .reason()
                .ends_with("is no socket")
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let error = of_socket(&client).unwrap_err();
        assert!(
            error.reason().ends_with("does not listen on TCP"),
            "{error}"
        );
    }
}
