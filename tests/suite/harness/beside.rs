//! A pool with a probe server beside it.

use super::{Address, Launch, Server, get};

/// A pool with a probe server, and the probe server's address.
pub fn with_probe_server(launch: Launch) -> (Server, Address) {
    let server = launch
        .argument("--probe-bind")
        .argument("127.0.0.1:0")
        .start()
        .ready();
    let line = server.wait_for("Probes answered beside the pool at: ");
    let address = line.text.rsplit("http://").next().unwrap_or_default();
    let address = Address::Tcp(address.parse().expect("an address"));
    assert_eq!(get(&address, "/health").status(), Some(200));
    (server, address)
}
