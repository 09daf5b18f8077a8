//! The listening sockets: made once by the arbiter, inherited by every worker.
//!
//! They listen before any worker exists, so a client that comes early waits in the kernel's
//! accept queue. They are non-blocking: a worker tries to accept and then waits for readiness, so
//! every idle worker wakes for every connection and the scheduler decides who gets it, as it is
//! with Gunicorn.

use std::io::{self, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use socket2::{Domain, Protocol, Socket, Type};

use super::console::{ErrorLog, LogEvent};
use super::settings::{BindAddress, Settings};
use crate::machine::sys;

/// How many descriptors a service manager hands over.
pub const LISTEN_FDS: &str = "LISTEN_FDS";
/// The process for which they are.
pub const LISTEN_PID: &str = "LISTEN_PID";
/// How often Gunicorn tries to bind, a second apart.
const BIND_ATTEMPTS: u32 = 5;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP, version 4 or 6.
    Tcp(TcpListener),
    /// A socket file, removed when the arbiter stops.
    Unix(UnixListener),
}

/// An accepted connection, blocking.
#[derive(Debug)]
pub enum Connection {
    /// TCP.
    Tcp(TcpStream),
    /// A local socket.
    Unix(UnixStream),
}

/// Why no listener could be made: everything to be said has been logged.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {0}")]
pub struct ListenError(pub String);

impl Listener {
    /// Accept one connection, or fail with `WouldBlock`. The second value is the peer's address
    /// as Gunicorn logs it: empty for a local socket.
    ///
    /// # Errors
    /// Those of accept(2).
    pub fn accept(&self) -> io::Result<(Connection, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((Connection::Tcp(stream), Some(peer)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((Connection::Unix(stream), None))
            }
        }
    }

    /// A second descriptor of the same socket.
    ///
    /// # Errors
    /// Those of dup(2).
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }

    /// Whether the listener can be reached from other machines.
    pub fn is_public(&self) -> bool {
        let is_public = |address: SocketAddr| !address.ip().is_loopback();
        self.address().is_some_and(is_public)
    }

    /// Whether it is a local socket, whose accept queue the kernel does not report.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Its address, where it has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// The listener as Gunicorn names it: `http://127.0.0.1:8000` or `unix:/path`.
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => match address.ip() {
                    IpAddr::V4(ip) => format!("http://{ip}:{}", address.port()),
                    IpAddr::V6(ip) => format!("http://[{ip}]:{}", address.port()),
                },
                Err(error) => format!("http://({error})"),
            },
            Self::Unix(listener) => {
                let path = listener.local_addr().ok();
                let path = path.as_ref().and_then(|address| address.as_pathname());
                format!("unix:{}", path.unwrap_or(Path::new("?")).display())
            }
        }
    }

    /// Take no further connection, in whichever process: new clients are refused, and those who
    /// wait in the accept queue get a reset (`shutdown(2)`).
    pub fn shut_down(&self) {
        // It is about to be closed anyway.
        let _ =
            nix::sys::socket::shutdown(self.as_fd().as_raw_fd(), nix::sys::socket::Shutdown::Read);
    }

    /// Remove the socket file, if there is one.
    pub fn unlink(&self) {
        if let Self::Unix(listener) = self
            && let Ok(address) = listener.local_addr()
            && let Some(path) = address.as_pathname()
        {
            // Gone already is as good as removed.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Connection {
    /// This end's address and port; empty for a local socket.
    pub fn local_name(&self) -> String {
        match self {
            Self::Tcp(stream) => stream
                .local_addr()
                .map_or_else(|_| String::new(), |address| address.to_string()),
            Self::Unix(_) => String::new(),
        }
    }

    /// Append what is there to `buffer`, at most so many bytes, waiting for the first one.
    ///
    /// # Errors
    /// Those of recv(2).
    pub fn receive(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let received = match self {
            Self::Tcp(stream) => sys::receive_into(stream, buffer, most),
            Self::Unix(stream) => sys::receive_into(stream, buffer, most),
        };
        received.map_err(io::Error::from)
    }

    /// Write everything.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => (&mut &*stream).write_all(bytes),
            Self::Unix(stream) => (&mut &*stream).write_all(bytes),
        }
    }

    /// Write what fits without waiting: what Gunicorn does with an error page.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn send_without_waiting(&self, bytes: &[u8]) -> io::Result<()> {
        self.set_nonblocking(true)?;
        self.send(bytes)
    }

    /// Whether reads and writes return at once.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }

    /// End both directions, so that whoever waits on the connection learns of it.
    pub fn shut_down(&self) {
        // Not connected any more is what we want.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

/// The descriptors that a service manager handed over (`LISTEN_FDS` and `LISTEN_PID`,
/// sd_listen_fds(3)): none where they are for another process.
///
/// # Errors
/// Where one of the variables is no number: its value.
pub fn inherited_descriptors(
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<std::ops::Range<i32>, String> {
    const FIRST: i32 = 3;
    let number = |name| match lookup(name) {
        Some(text) => text.trim().parse::<i32>().map_err(|_| text),
        None => Ok(0),
    };
    let (count, pid) = (number(LISTEN_FDS)?, number(LISTEN_PID)?);
    let is_ours = u32::try_from(pid) == Ok(std::process::id());
    let count = if is_ours { count.clamp(0, 1 << 16) } else { 0 };
    Ok(FIRST..FIRST + count)
}

/// Make the listeners that all workers share. Inherited ones win over every address but `fd://`;
/// with `--reuse-port` each worker makes the TCP ones for itself.
///
/// # Errors
/// When an address cannot be had; what Gunicorn logs for it has been logged.
pub fn open_shared(
    settings: &Settings,
    inherited: std::ops::Range<i32>,
    log: &ErrorLog,
) -> Result<Vec<Listener>, ListenError> {
    let is_descriptor = |address: &&BindAddress| matches!(address, BindAddress::Fd(_));
    let mut addresses: Vec<BindAddress> = Vec::new();
    if !inherited.is_empty() || settings.bind.iter().any(|address| is_descriptor(&address)) {
        addresses.extend(settings.bind.iter().filter(is_descriptor).cloned());
        addresses.extend(inherited.map(BindAddress::Fd));
    } else {
        let shared = |address: &&BindAddress| !settings.is_opened_by_workers(address);
        addresses.extend(settings.bind.iter().filter(shared).cloned());
    }
    open_each(&addresses, settings, log)
}

/// Make the listeners that a worker has for itself.
///
/// # Errors
/// As [`open_shared`].
pub fn open_own(settings: &Settings, log: &ErrorLog) -> Result<Vec<Listener>, ListenError> {
    let own = |address: &&BindAddress| settings.is_opened_by_workers(address);
    let addresses: Vec<BindAddress> = settings.bind.iter().filter(own).cloned().collect();
    open_each(&addresses, settings, log)
}

fn open_each(
    addresses: &[BindAddress],
    settings: &Settings,
    log: &ErrorLog,
) -> Result<Vec<Listener>, ListenError> {
    let mut listeners: Vec<Listener> = Vec::new();
    for address in addresses {
        match open_with_retries(address, settings, log) {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                listeners.iter().for_each(Listener::unlink);
                return Err(error);
            }
        }
    }
    Ok(listeners)
}

/// Make one listener, trying five times.
///
/// # Errors
/// As [`open_shared`].
pub fn open_with_retries(
    address: &BindAddress,
    settings: &Settings,
    log: &ErrorLog,
) -> Result<Listener, ListenError> {
    let name = python_address(address);
    for _ in 0..BIND_ATTEMPTS {
        let error = match open(address, settings) {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::AddrInUse => log.log(&LogEvent::ConnectionInUse { address: &name }),
            io::ErrorKind::AddrNotAvailable => {
                log.log(&LogEvent::InvalidAddress { address: &name })
            }
            _ => {}
        }
        log.log(&LogEvent::ConnectionFailed {
            address: &name,
            error: &python_error(&error),
        });
        log.debug("Retrying in 1 second.");
        // Not synchronisation: Gunicorn's pause between two tries.
        thread::sleep(Duration::from_secs(1));
    }
    log.log(&LogEvent::CannotConnect { address: &name });
    Err(ListenError(name))
}

fn open(address: &BindAddress, settings: &Settings) -> io::Result<Listener> {
    match address {
        BindAddress::Tcp { host, port } => open_tcp(host, *port, settings),
        BindAddress::Unix(path) => open_unix(path, settings),
        BindAddress::Fd(number) => adopt(*number, settings.backlog),
    }
}

fn open_tcp(host: &str, port: u16, settings: &Settings) -> io::Result<Listener> {
    let address = (host, port)
        .to_socket_addrs()?
        // Gunicorn takes what the name resolves to in IPv4, unless it was written as IPv6.
        .min_by_key(|address| u8::from(address.is_ipv6()))
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "no address"))?;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    socket.set_reuse_address(true)?;
    if settings.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    socket.listen(settings.backlog)?;
    Ok(Listener::Tcp(socket.into()))
}

fn open_unix(path: &Path, settings: &Settings) -> io::Result<Listener> {
    // A socket file that was left behind is replaced; anything else is not ours to remove.
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("{} exists and is no socket", path.display()),
            ));
        }
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = socket2::SockAddr::unix(path)?;
    // The file's permissions are 0777 less `--umask`, as with Gunicorn: whoever is to reach it, a
    // proxy of another user for one, is not kept out by the mask of the shell.
    let before = umask(Mode::from_bits_truncate(settings.umask));
    let bound = socket.bind(&address);
    umask(before);
    bound?;
    socket.set_nonblocking(true)?;
    socket.listen(settings.backlog)?;
    Ok(Listener::Unix(OwnedFd::from(socket).into()))
}

fn adopt(number: i32, backlog: i32) -> io::Result<Listener> {
    let socket = Socket::from(sys::adopt_descriptor(number)?);
    socket.set_nonblocking(true)?;
    // It may only be bound so far, or listen with another backlog.
    socket.listen(backlog)?;
    let is_local = socket.local_addr()?.is_unix();
    if is_local {
        Ok(Listener::Unix(OwnedFd::from(socket).into()))
    } else {
        Ok(Listener::Tcp(socket.into()))
    }
}

/// The name that a listener at this address will have.
pub fn told_name(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp { host, port } if host.contains(':') => format!("http://[{host}]:{port}"),
        BindAddress::Tcp { host, port } => format!("http://{host}:{port}"),
        BindAddress::Unix(path) => format!("unix:{}", path.display()),
        BindAddress::Fd(number) => format!("fd://{number}"),
    }
}

/// The address of a listener that is told by number.
pub fn told_address(address: &BindAddress) -> Option<SocketAddr> {
    match address {
        BindAddress::Tcp { host, port } => Some(SocketAddr::new(host.parse().ok()?, *port)),
        BindAddress::Unix(_) | BindAddress::Fd(_) => None,
    }
}

/// Names and addresses of all TCP listeners of the pool: of the open ones, and of those that every
/// worker opens for itself.
pub fn queues_of(listeners: &[Listener], settings: &Settings) -> Vec<(String, SocketAddr)> {
    let open = listeners.iter().filter_map(|listener| match listener {
        Listener::Tcp(socket) => Some((listener.name(), socket.local_addr().ok()?)),
        Listener::Unix(_) => None,
    });
    let own = settings
        .bind
        .iter()
        .filter(|address| settings.is_opened_by_workers(address))
        .filter_map(|address| Some((told_name(address), told_address(address)?)));
    open.chain(own).collect()
}

/// Whether a listener at this address can be reached from other machines, as far as the words say.
pub fn is_told_public(address: &BindAddress) -> bool {
    match address {
        BindAddress::Tcp { host, .. } => {
            let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            !loopback && host != "localhost"
        }
        BindAddress::Unix(_) | BindAddress::Fd(_) => false,
    }
}

/// The address as Python prints it: `('127.0.0.1', 8000)`.
fn python_address(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp { host, port } => format!("('{host}', {port})"),
        BindAddress::Unix(path) => path.display().to_string(),
        BindAddress::Fd(number) => format!("fd://{number}"),
    }
}

/// The error as Python prints it: `[Errno 98] Address already in use`.
fn python_error(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!(
            "[Errno {number}] {}",
            nix::errno::Errno::from_raw(number).desc()
        ),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_errors_read_as_in_python() {
        let address = BindAddress::Tcp {
            host: "127.0.0.1".into(),
            port: 80,
        };
        assert_eq!(python_address(&address), "('127.0.0.1', 80)");
        let error = io::Error::from_raw_os_error(98);
        assert_eq!(python_error(&error), "[Errno 98] Address already in use");
    }

    #[test]
    fn a_file_that_is_no_socket_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "precious").unwrap();
        let settings = crate::serve::settings::resolve(&[], &[("HOME", "/")]).unwrap();
        assert!(open_unix(&path, &settings.settings).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn descriptors_are_inherited_only_by_the_process_that_they_are_for() {
        let own = std::process::id().to_string();
        let found = |fds: &str, pid: &str| {
            let (fds, pid) = (fds.to_owned(), pid.to_owned());
            inherited_descriptors(&move |name| match name {
                LISTEN_FDS => Some(fds.clone()),
                LISTEN_PID => Some(pid.clone()),
                _ => None,
            })
        };
        assert_eq!(found("2", &own), Ok(3..5));
        assert_eq!(found("2", "1"), Ok(3..3));
        assert_eq!(found("-1", &own), Ok(3..3));
        assert_eq!(found("two", &own), Err("two".to_owned()));
        assert_eq!(inherited_descriptors(&|_| None), Ok(3..3));
    }
}
