//! Connections of the container that leave it.
//!
//! Every connect(2) inside is held for a moment. Where its address is not the container's own, the
//! caller's socket is replaced by one of this machine's network, with what the caller had set on
//! it, and then the call goes on as it was made. So a refusal is the refused one, the ports are
//! this machine's, and nothing stands between the two ends.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use procfs::net::{TcpNetEntry, TcpState, UdpNetEntry};
use socket2::{Domain, Socket, Type};

use super::ADDRESS;
use crate::machine::held_connect::HeldConnect;
use crate::machine::sys::{self, IP_LOCAL_PORT_RANGE};

/// Tells one network from another (Linux 5.14); the C libraries do not name it yet.
const SO_NETNS_COOKIE: i32 = 71;

/// Take the next held call and let it go on, with another socket where it leaves the container.
pub(super) fn serve_one(listener: &OwnedFd) {
    let Ok(held) = sys::next_held(listener) else {
        return;
    };
    // A call that cannot be understood is made inside, where it fails as it would without this.
    let _ = lead_out(listener, &held);
    let _ = sys::let_go(listener, &held);
}

fn lead_out(listener: &OwnedFd, held: &HeldConnect) -> Result<(), Errno> {
    let Some(address) = address_of(held)? else {
        return Ok(());
    };
    let process = procfs::process::Process::new(held.pid).map_err(|_| Errno::ESRCH)?;
    let leader = process.status().map_err(|_| Errno::ESRCH)?.tgid;
    let theirs = Socket::from(sys::descriptor_of(leader, held.descriptor)?);
    let ours = Socket::new(domain(&theirs)?, kind(&theirs)?, None).map_err(|_| Errno::EMFILE)?;
    let cookie = |socket: &Socket| sys::socket_option(socket, libc::SOL_SOCKET, SO_NETNS_COOKIE);
    // The second call on a socket that has been replaced, or one that this machine made.
    if cookie(&theirs)? == cookie(&ours)? || is_inside(&process, address, kind(&theirs)?) {
        return Ok(());
    }
    furnish(&ours, &theirs);
    let close_on_exec = closes_on_exec(&process, held).unwrap_or(true);
    sys::replace_socket(listener, held, &ours, close_on_exec)
}

fn domain(socket: &Socket) -> Result<Domain, Errno> {
    socket.domain().map_err(|_| Errno::ENOTSOCK)
}

fn kind(socket: &Socket) -> Result<Type, Errno> {
    socket.r#type().map_err(|_| Errno::ENOTSOCK)
}

/// The address in the caller's memory; none for what is no internet address.
fn address_of(held: &HeldConnect) -> Result<Option<SocketAddr>, Errno> {
    let mut bytes = [0_u8; 28];
    let length = held.length.min(bytes.len());
    let remote = [RemoteIoVec {
        base: held.address,
        len: length,
    }];
    let mut local = [IoSliceMut::new(&mut bytes[..length])];
    process_vm_readv(Pid::from_raw(held.pid), &mut local, &remote)?;
    let family = i32::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let part = |from: usize| <[u8; 16]>::try_from(&bytes[from..from + 16]).unwrap_or_default();
    Ok(match family {
        libc::AF_INET => {
            let octets = [bytes[4], bytes[5], bytes[6], bytes[7]];
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port))
        }
        libc::AF_INET6 => Some(SocketAddr::new(
            IpAddr::V6(Ipv6Addr::from(part(8))).to_canonical(),
            port,
        )),
        _ => None,
    })
}

/// Whether the container itself has what is at the address.
fn is_inside(process: &procfs::process::Process, address: SocketAddr, kind: Type) -> bool {
    let ip = address.ip();
    if ip == IpAddr::V4(ADDRESS) {
        return true;
    }
    if !ip.is_loopback() && !ip.is_unspecified() {
        return false;
    }
    let port = address.port();
    match kind {
        Type::STREAM => {
            let listens = |row: &TcpNetEntry| {
                row.state == TcpState::Listen && row.local_address.port() == port
            };
            let rows = [process.tcp(), process.tcp6()].into_iter().flatten();
            rows.flatten().any(|row| listens(&row))
        }
        _ => {
            let is_there = |row: &UdpNetEntry| row.local_address.port() == port;
            let rows = [process.udp(), process.udp6()].into_iter().flatten();
            rows.flatten().any(|row| is_there(&row))
        }
    }
}

/// Give a socket what the caller set on its own. An option that is refused makes it slower or less
/// patient, not wrong.
fn furnish(ours: &Socket, theirs: &Socket) {
    let flags = fcntl(theirs, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    let _ = ours.set_nonblocking(flags.is_ok_and(|flags| flags.contains(OFlag::O_NONBLOCK)));
    if let Ok(on) = theirs.tcp_nodelay() {
        let _ = ours.set_tcp_nodelay(on);
    }
    if let Ok(on) = theirs.keepalive() {
        let _ = ours.set_keepalive(on);
    }
    if let Ok(on) = theirs.reuse_address() {
        let _ = ours.set_reuse_address(on);
    }
    if let Ok(limit) = theirs.read_timeout() {
        let _ = ours.set_read_timeout(limit);
    }
    if let Ok(limit) = theirs.write_timeout() {
        let _ = ours.set_write_timeout(limit);
    }
    if let Ok(range) = sys::socket_option(theirs, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE)
        && range != 0
    {
        let low = u16::try_from(range & 0xffff).unwrap_or_default();
        let high = u16::try_from(range >> 16 & 0xffff).unwrap_or_default();
        let _ = sys::set_local_port_range(ours, low, high);
    }
    if let Ok(bound) = theirs.local_addr()
        && bound
            .as_socket()
            .is_some_and(|address| address.port() != 0 && address.ip().is_loopback())
    {
        let _ = ours.bind(&bound);
    }
}

/// Whether the caller's descriptor closes when it starts another program.
fn closes_on_exec(process: &procfs::process::Process, held: &HeldConnect) -> Option<bool> {
    let path = format!("/proc/{}/fdinfo/{}", process.pid, held.descriptor);
    let text = std::fs::read_to_string(path).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    let flags = i32::from_str_radix(flags.trim(), 8).ok()?;
    Some(flags & libc::O_CLOEXEC != 0)
}
