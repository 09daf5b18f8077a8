//! Where a pool listens: several addresses, a unix socket, and the kernel's free choice.

use crate::harness::{Address, Launch, both, get, oracle, skip_unless};

#[test]
fn several_addresses_are_served_by_the_same_workers_and_told_in_one_line() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let socket = folder.path().join("lab.sock");
        let server = Launch::new(kind, "--workers 1 --bind 127.0.0.1:0")
            .argument(format!("--bind=unix:{}", socket.display()))
            .start();
        let over_tcp = server.get("/health").status();
        let over_unix = get(&Address::Unix(socket.clone()), "/health").status();
        let Address::Tcp(first) = server.address().clone() else {
            server.fail("the first address is no TCP address");
        };
        let line = server.wait_for("Listening at: ").text;
        let (_, told) = line.split_once("Listening at: ").unwrap_or_default();
        // Word by word: the digits of a pid may stand in a port, too.
        let pid = format!("({})", server.arbiter());
        let shape: Vec<String> = told
            .replace(&socket.display().to_string(), "<socket>")
            .split([',', ' '])
            .map(|word| match word.rsplit_once(':') {
                _ if word == pid => "(<pid>)".to_owned(),
                Some((host, port)) if port == first.port().to_string() => format!("{host}:<port>"),
                Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    format!("{host}:<other port>")
                }
                _ => word.to_owned(),
            })
            .collect();
        let workers = server.booted().len();
        drop(server);
        (over_tcp, over_unix, shape, workers)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_unix_socket_is_removed_when_the_pool_ends_well() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let socket = folder.path().join("lab.sock");
        let mut server = Launch::new(kind, "--workers 1")
            .without_bind()
            .argument(format!("--bind=unix:{}", socket.display()))
            .start()
            .ready();
        let there = socket.exists();
        server.signal(nix::sys::signal::Signal::SIGTERM);
        (there, server.wait_for_end(), socket.exists())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}
