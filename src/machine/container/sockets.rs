//! Sockets of the container's network for whoever is outside of it.
//!
//! A socket belongs to the network in which it was made, whoever connects it. The container's
//! keeper makes one after another and sends each through a Unix socket, as many as that holds; so
//! one is there the moment that it is needed.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    recvmsg, sendmsg, setsockopt, socketpair, sockopt,
};

use crate::machine::sys;

/// What the Unix socket holds of messages that nobody has taken.
const STOCK_BYTES: usize = 8 * 1024;

/// The other end of the Unix socket.
#[derive(Debug)]
pub struct SocketSource(OwnedFd);

impl SocketSource {
    /// A source, and the end that the container's keeper gets as its standard input. When the
    /// source is dropped the container is ended.
    ///
    /// # Errors
    /// When no descriptor is free.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        // Each message holds a socket: a dozen or two are enough.
        setsockopt(&theirs, sockopt::SndBuf, &STOCK_BYTES)?;
        Ok((Self(ours), theirs))
    }

    /// A TCP socket of the container's network that is not connected, if one is there.
    ///
    /// # Errors
    /// `WouldBlock` when none is there yet, `ConnectionRefused` when the container is gone, and
    /// EMFILE when this process has no descriptor left for it.
    pub fn take(&self) -> io::Result<TcpStream> {
        match receive(&self.0, MsgFlags::MSG_DONTWAIT)? {
            Some(Message {
                descriptor: Some(socket),
                ..
            }) => Ok(TcpStream::from(socket)),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

/// Send sockets of this process's network, as many as the Unix socket holds. Returns whether
/// somebody still takes them.
pub(super) fn hand_out(to: &OwnedFd) -> bool {
    loop {
        let Ok(socket) = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
        else {
            return true;
        };
        match send(to, b"s", Some(&socket), MsgFlags::MSG_DONTWAIT) {
            Ok(()) | Err(Errno::EINTR) => {}
            // As many as the kernel lets one user have in flight.
            Err(Errno::EAGAIN | Errno::ETOOMANYREFS) => return true,
            Err(_) => return false,
        }
    }
}

/// Send a few bytes, and a descriptor with them.
pub(super) fn send(
    to: &OwnedFd,
    bytes: &[u8],
    descriptor: Option<&impl std::os::fd::AsRawFd>,
    flags: MsgFlags,
) -> Result<(), Errno> {
    let descriptors: Vec<_> = descriptor.iter().map(|one| one.as_raw_fd()).collect();
    let with: &[ControlMessage<'_>] = match descriptors.is_empty() {
        true => &[],
        false => &[ControlMessage::ScmRights(&descriptors)],
    };
    let bytes = [IoSlice::new(bytes)];
    sendmsg::<UnixAddr>(
        to.as_raw_fd(),
        &bytes,
        with,
        flags | MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .map(drop)
}

/// A few bytes, and the descriptor that came with them.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptor: Option<OwnedFd>,
}

/// The next message; `None` at the end.
pub(super) fn receive(from: &impl AsFd, flags: MsgFlags) -> Result<Option<Message>, Errno> {
    let mut bytes = [0_u8; 1024];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<UnixAddr>(
        from.as_fd().as_raw_fd(),
        &mut parts,
        Some(&mut space),
        flags | MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let length = message.bytes;
    let mut descriptor = None;
    // Cut short: this process has no descriptor for what came, unix(7).
    for with in message.cmsgs().map_err(|_| Errno::EMFILE)? {
        if let ControlMessageOwned::ScmRights(numbers) = with {
            // The kernel has just opened it for this process.
            descriptor = numbers.first().map(|number| sys::adopt_descriptor(*number));
        }
    }
    if length == 0 {
        return Ok(None);
    }
    let bytes = bytes.get(..length).unwrap_or_default().to_vec();
    Ok(Some(Message {
        bytes,
        descriptor: descriptor.transpose()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_there_before_they_are_asked_for_and_end_with_who_makes_them() {
        let (source, keeper) = SocketSource::pair().unwrap();
        let empty = source.take().unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        let maker = std::thread::spawn(move || while hand_out(&keeper) {});
        for _ in 0..50 {
            let taken = loop {
                match source.take() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    taken => break taken.unwrap(),
                }
            };
            assert!(taken.peer_addr().is_err(), "it is not connected");
        }
        drop(source);
        maker.join().unwrap();
        let (source, keeper) = SocketSource::pair().unwrap();
        drop(keeper);
        let gone = source.take().unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused);
    }
}
