//! Where a container without a network of its own listens, when it is not where it is awaited.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use procfs::net::TcpState;
use procfs::process::FDTarget;

use crate::machine::family::family;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(250);

/// Wait until the process group of `supervisor`, or what it started, listens on TCP, and not at
/// `awaited`; all of its addresses then.
pub(super) async fn found(supervisor: u32, awaited: SocketAddr) -> Vec<SocketAddr> {
    loop {
        tokio::time::sleep(PERIOD).await;
        let addresses = listening(supervisor.cast_signed());
        if !addresses.is_empty() && !addresses.iter().any(|address| reaches(*address, awaited)) {
            return addresses.into_iter().collect();
        }
    }
}

/// Whether who listens at one address is reached at the other.
fn reaches(listening: SocketAddr, awaited: SocketAddr) -> bool {
    let everywhere = listening.ip().is_unspecified();
    listening.port() == awaited.port() && (everywhere || listening.ip() == awaited.ip())
}

fn listening(supervisor: i32) -> BTreeSet<SocketAddr> {
    let sockets = sockets_of_family(supervisor);
    let rows = [procfs::net::tcp(), procfs::net::tcp6()];
    rows.into_iter()
        .flatten()
        .flatten()
        .filter(|row| row.state == TcpState::Listen && sockets.contains(&row.inode))
        .map(|row| row.local_address)
        .collect()
}

/// The sockets of a process and its descendants.
fn sockets_of_family(first: i32) -> BTreeSet<u64> {
    family(first)
        .iter()
        .filter_map(|member| member.process.fd().ok())
        .flatten()
        .flatten()
        .filter_map(|descriptor| match descriptor.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
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
