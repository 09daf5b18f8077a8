//! Network interfaces, by the kernel's own protocol (rtnetlink(7)): neither a virtual machine's
//! guest nor a container is sure to have an `ip` to do it.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

const LOOPBACK: &str = "lo";
/// The loopback's number in every network namespace.
const LOOPBACK_INDEX: u32 = 1;
const NETWORK_CARD: &str = "eth0";
/// Bits of the network that a guest's card is in.
const CARD_BITS: u8 = 24;
/// An address that stands for itself alone.
const SINGLE_BITS: u8 = 32;
/// How long the card's driver may take to find it.
const PATIENCE: Duration = Duration::from_secs(60);

const INTERFACE_UP: u32 = 1;
const FAMILY_INET: u8 = 2;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
const CREATE: u16 = 0x400;
const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
/// Where the error code is in an answer: behind the answer's head.
const ERROR_OFFSET: usize = 16;

/// Switch the loopback and the card on, and give the card `address`.
///
/// # Errors
/// When there is no card, or the kernel refuses.
pub(super) fn bring_up_card(address: [u8; 4]) -> Result<(), Errno> {
    let loopback = interface_index(LOOPBACK)?;
    let card = interface_index(NETWORK_CARD)?;
    ask(&switch_on(loopback))?;
    ask(&switch_on(card))?;
    ask(&set_address(card, address, CARD_BITS))
}

/// Switch the loopback of a new network namespace on, and give it `address` beside its own.
///
/// # Errors
/// When the kernel refuses: `EPERM` without `CAP_NET_ADMIN`.
pub(super) fn bring_up_loopback(address: [u8; 4]) -> Result<(), Errno> {
    ask(&switch_on(LOOPBACK_INDEX))?;
    ask(&set_address(LOOPBACK_INDEX, address, SINGLE_BITS))
}

/// The number of an interface, as soon as its driver has made it.
fn interface_index(name: &str) -> Result<u32, Errno> {
    let path = Path::new("/sys/class/net").join(name).join("ifindex");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let index = fs::read_to_string(&path).ok();
        if let Some(index) = index.and_then(|text| text.trim().parse().ok()) {
            return Ok(index);
        }
        if Instant::now() >= deadline {
            return Err(Errno::ENODEV);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn switch_on(index: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(INTERFACE_UP.to_ne_bytes());
    body.extend(INTERFACE_UP.to_ne_bytes());
    message(NEW_LINK, REQUEST_AND_ACKNOWLEDGE, &body)
}

fn set_address(index: u32, address: [u8; 4], bits: u8) -> Vec<u8> {
    let mut body = vec![FAMILY_INET, bits, 0, 0];
    body.extend(index.to_ne_bytes());
    for attribute in [ATTRIBUTE_LOCAL, ATTRIBUTE_ADDRESS] {
        body.extend(8_u16.to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(address);
    }
    message(NEW_ADDRESS, REQUEST_AND_ACKNOWLEDGE | CREATE, &body)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Sequence number and sender: one question at a time, so neither tells anything.
    message.extend([0; 8]);
    message.extend(body);
    message
}

fn ask(message: &[u8]) -> Result<(), Errno> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), message, &kernel, MsgFlags::empty())?;
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    acknowledged(&answer[..length])
}

/// An acknowledgement is an error message with the code 0.
fn acknowledged(answer: &[u8]) -> Result<(), Errno> {
    let code = answer.get(ERROR_OFFSET..ERROR_OFFSET + 4);
    let code = code.and_then(|bytes| bytes.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(Errno::from_raw(-code)),
        None => Err(Errno::EPROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_have_the_kernels_layout() {
        let up = switch_on(2);
        assert_eq!(up.len(), 32);
        assert_eq!(up[..4], 32_u32.to_ne_bytes());
        assert_eq!(up[4..6], NEW_LINK.to_ne_bytes());
        assert_eq!(up[20..24], 2_u32.to_ne_bytes());
        let address = set_address(3, [10, 0, 2, 15], 24);
        assert_eq!(address.len(), 16 + 8 + 16);
        assert_eq!(address[16..18], [FAMILY_INET, 24]);
        assert_eq!(address[28..32], [10, 0, 2, 15]);
        assert_eq!(address[36..], [10, 0, 2, 15]);
    }

    #[test]
    fn an_answer_is_an_error_or_none() {
        let mut answer = [0; 36];
        assert_eq!(acknowledged(&answer), Ok(()));
        answer[16..20].copy_from_slice(&(-19_i32).to_ne_bytes());
        assert_eq!(acknowledged(&answer), Err(Errno::ENODEV));
        assert_eq!(acknowledged(&[0; 10]), Err(Errno::EPROTO));
    }

    #[test]
    fn the_kernel_understands_the_question() {
        // Index 0 is no interface: understood and refused, whoever asks.
        let refused = ask(&switch_on(0)).unwrap_err();
        assert!(
            matches!(refused, Errno::ENODEV | Errno::EPERM | Errno::EINVAL),
            "{refused}"
        );
    }
}
