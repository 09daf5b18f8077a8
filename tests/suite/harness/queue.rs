//! The accept queue of a listening socket, as the kernel shows it.

use std::fs;

use super::Address;

/// Connections that wait for a worker: the receive queue of the listening socket in
/// `/proc/net/tcp`; `None` when nobody listens there.
pub fn accept_queue(address: &Address) -> Option<u32> {
    let Address::Tcp(std::net::SocketAddr::V4(address)) = address else {
        return None;
    };
    let octets = address.ip().octets();
    let local = format!("{:08X}:{:04X}", u32::from_le_bytes(octets), address.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut queues = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let at = fields.next()?;
        let state = fields.nth(1)?;
        let queues = fields.next()?;
        // 0A is LISTEN.
        (at == local && state == "0A").then_some(queues)
    });
    let (_, receive) = queues.next()?.split_once(':')?;
    u32::from_str_radix(receive, 16).ok()
}
