//! The kernel's list of TCP sockets at a port (`sock_diag(7)`), of which the accept queue is a part:
//! a connection that nobody has accepted yet has no inode.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// `SOCK_DIAG_BY_FAMILY`, the one request there is.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `INET_DIAG_INFO`: the attribute that holds a `tcp_info`.
const INFO: u16 = 2;
/// Place of `tcpi_last_data_recv` in `tcp_info`, in milliseconds.
const LAST_DATA_RECEIVED: usize = 52;

const HEAD: usize = 16;
const REQUEST: usize = HEAD + 56;
/// Bytes of `inet_diag_msg`.
const MESSAGE: usize = 72;

/// States of a TCP socket.
const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;
const LISTEN: u8 = 10;

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    state: u8,
    /// This end's address.
    local: IpAddr,
    /// The other end.
    peer: SocketAddr,
    has_inode: bool,
    /// For a listening socket: connections that wait, and how many may.
    queue: (u32, u32),
    /// Since the last data came; since the connection began, where none did.
    silence: Option<Duration>,
}

impl Socket {
    /// Whether it listens at `address`.
    pub(super) fn listens_at(&self, address: &SocketAddr) -> bool {
        self.state == LISTEN && self.local == address.ip()
    }

    /// Whether it is a connection to `address` that nobody has accepted; its client may have left.
    pub(super) fn waits_at(&self, address: &SocketAddr) -> bool {
        self.is_connected_to(address) && !self.has_inode
    }

    /// Whether it is a connection to `address`, which a process may have accepted.
    pub(super) fn is_connected_to(&self, address: &SocketAddr) -> bool {
        matches!(self.state, ESTABLISHED | CLOSE_WAIT)
            && (address.ip().is_unspecified() || self.local == address.ip())
    }

    /// The other end.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether a process has it.
    pub(super) fn is_accepted(&self) -> bool {
        self.has_inode
    }

    /// Whether the other end has closed it.
    pub(super) fn has_left(&self) -> bool {
        self.state == CLOSE_WAIT
    }

    /// Connections that wait, and how many may.
    pub(super) fn queue(&self) -> (u32, u32) {
        self.queue
    }

    /// How long it has been silent.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.silence
    }
}

/// Every TCP socket of this network namespace with the port of `address`, of its family.
///
/// # Errors
/// Those of the netlink socket: `EPROTONOSUPPORT` or `ENOENT` where the kernel cannot be asked.
pub(super) fn sockets_at(address: &SocketAddr) -> io::Result<Vec<Socket>> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    send(netlink.as_raw_fd(), &request(address), MsgFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0u8; 32 * 1024];
    loop {
        let length = receive(&netlink, &mut buffer)?;
        match take_messages(&buffer[..length], &mut found)? {
            Rest::Follows => {}
            Rest::Done => return Ok(found),
        }
    }
}

fn receive(netlink: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match recv(netlink.as_raw_fd(), buffer, MsgFlags::empty()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => return Ok(length),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn request(address: &SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let states = 1u32 << ESTABLISHED | 1 << CLOSE_WAIT | 1 << LISTEN;
    bytes[0..4].copy_from_slice(&(REQUEST as u32).to_ne_bytes());
    bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    bytes[HEAD] = family as u8;
    bytes[HEAD + 1] = libc::IPPROTO_TCP as u8;
    bytes[HEAD + 2] = 1 << (INFO - 1);
    bytes[HEAD + 4..HEAD + 8].copy_from_slice(&states.to_ne_bytes());
    // The kernel leaves out what has another source port.
    bytes[HEAD + 8..HEAD + 10].copy_from_slice(&address.port().to_be_bytes());
    bytes
}

/// Whether more messages follow.
enum Rest {
    Follows,
    Done,
}

fn take_messages(mut bytes: &[u8], found: &mut Vec<Socket>) -> io::Result<Rest> {
    while let (Some(length), Some(kind)) = (word(bytes, 0), half(bytes, 4)) {
        let length = length as usize;
        let Some(body) = bytes.get(HEAD..length) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match kind {
            NLMSG_DONE => return Ok(Rest::Done),
            NLMSG_ERROR => {
                let code = word(body, 0).unwrap_or(0) as i32;
                return Err(io::Error::from_raw_os_error(code.saturating_neg()));
            }
            _ => found.extend(socket_of(body)),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Rest::Follows)
}

fn socket_of(body: &[u8]) -> Option<Socket> {
    let address = |at: usize| {
        let bytes: [u8; 16] = body.get(at..at + 16)?.try_into().ok()?;
        Some(match i32::from(*body.first()?) {
            libc::AF_INET => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
            _ => IpAddr::from(Ipv6Addr::from(bytes)),
        })
    };
    let port = u16::from_be_bytes(body.get(6..8)?.try_into().ok()?);
    let silence = info(body.get(MESSAGE..)?).and_then(|info| word(info, LAST_DATA_RECEIVED));
    Some(Socket {
        state: *body.get(1)?,
        local: address(8)?,
        peer: SocketAddr::new(address(24)?, port),
        has_inode: word(body, 68)? != 0,
        queue: (word(body, 56)?, word(body, 60)?),
        silence: silence.map(|milliseconds| Duration::from_millis(milliseconds.into())),
    })
}

/// The `tcp_info` among the attributes.
fn info(mut attributes: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(half(attributes, 0)?);
        let value = attributes.get(4..length)?;
        if half(attributes, 2)? == INFO {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_cut_or_lie_about_their_length_are_no_sockets() {
        let mut found = Vec::new();
        assert!(matches!(take_messages(&[], &mut found), Ok(Rest::Follows)));
        let mut lie = [0u8; 20];
        lie[0] = 200;
        assert!(take_messages(&lie, &mut found).is_err());
        lie[0] = 3;
        assert!(
            take_messages(&lie, &mut found).is_err(),
            "less than its head"
        );
        let mut short = [0u8; 20];
        short[0] = 20;
        short[4] = BY_FAMILY as u8;
        assert!(take_messages(&short, &mut found).is_ok());
        assert!(found.is_empty());
        let mut error = [0u8; 20];
        (error[0], error[4]) = (20, NLMSG_ERROR as u8);
        error[16..].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
        let error = take_messages(&error, &mut found).err();
        assert_eq!(
            error.and_then(|error| error.raw_os_error()),
            Some(libc::ENOENT)
        );
    }
}
