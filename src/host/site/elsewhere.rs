//! Where a container listens, when it is not where it is awaited.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};

use crate::machine::family::family;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(250);

/// Wait until the process group of `supervisor`, or what it started, listens on TCP, and not at
/// `awaited`; all of its addresses then.
pub(super) async fn found(supervisor: u32, awaited: SocketAddr) -> String {
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Some(addresses) = now(supervisor, awaited) {
            return addresses;
        }
    }
}

/// The same now; `None` where it listens nowhere, or at `awaited`.
pub(super) fn now(supervisor: u32, awaited: SocketAddr) -> Option<String> {
    let addresses = listening(supervisor.cast_signed());
    if addresses.is_empty() || addresses.iter().any(|address| reaches(*address, awaited)) {
        return None;
    }
    let places: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Some(places.join(" and "))
}

/// Whether who listens at one address is reached at the other.
fn reaches(listening: SocketAddr, awaited: SocketAddr) -> bool {
    let everywhere = listening.ip().is_unspecified();
    listening.port() == awaited.port() && (everywhere || listening.ip() == awaited.ip())
}

/// The listening sockets of a process and its descendants, each in its own network.
fn listening(first: i32) -> BTreeSet<SocketAddr> {
    let members = family(first).into_iter();
    members
        .flat_map(|member| listeners_of(&member.process))
        .collect()
}

fn listeners_of(process: &Process) -> Vec<SocketAddr> {
    let descriptors = process.fd().into_iter().flatten().flatten();
    let sockets: BTreeSet<u64> = descriptors
        .filter_map(|descriptor| match descriptor.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    let rows = [process.tcp(), process.tcp6()]
        .into_iter()
        .flatten()
        .flatten();
    rows.filter(|row| row.state == TcpState::Listen && sockets.contains(&row.inode))
        .map(|row| row.local_address)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everywhere_reaches_each_address_of_its_port() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let awaited = at("127.64.1.2:20000");
        assert!(reaches(at("0.0.0.0:20000"), awaited));
        assert!(reaches(awaited, awaited));
        assert!(!reaches(at("0.0.0.0:8000"), awaited));
        assert!(!reaches(at("127.0.0.1:20000"), awaited));
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = listening(std::process::id().cast_signed());
        assert!(found.contains(&listener.local_addr().unwrap()));
    }
}
