//! What a statsd server is sent, packet by packet.

use std::net::UdpSocket;
use std::time::Duration;

use crate::differences::UNHEARD_FIGURES;
use crate::harness::{Kind, Launch, PATIENCE, both, exchange, oracle, skip_unless};

/// A packet without what is measured.
fn normal(packet: &str) -> String {
    match packet.split_once("duration:") {
        Some((name, value)) => {
            let (number, unit) = value.split_once('|').unwrap_or((value, ""));
            let is_number = number.contains('.') && number.parse::<f64>().is_ok();
            format!("{name}duration:{is_number}|{unit}")
        }
        None => packet.to_owned(),
    }
}

/// Everything that arrives until so many have, in order.
fn packets(socket: &UdpSocket, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut packets = Vec::new();
    let mut bytes = [0; 512];
    while !enough(&packets) {
        match socket.recv(&mut bytes) {
            Ok(count) => packets.push(normal(&String::from_utf8_lossy(&bytes[..count]))),
            Err(error) => panic!("{error}: {packets:#?}"),
        }
    }
    packets
}

#[test]
fn figures_are_sent_in_gunicorns_packets() {
    if skip_unless(oracle()) {
        return;
    }
    for flags in [
        "--statsd-prefix lab",
        "--statsd-prefix lab.rat.. --dogstatsd-tags env:test,team:x",
        "",
    ] {
        let run = |kind: Kind| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let address = socket.local_addr().unwrap();
            let server = Launch::new(
                kind,
                &format!("--workers 2 --statsd-host {address} {flags}"),
            )
            .start()
            .ready();
            assert_eq!(server.get("/nope").status(), Some(404));
            exchange(server.address(), b"garbage\r\n\r\n", PATIENCE);
            let refused = b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n";
            exchange(server.address(), refused, PATIENCE);
            let mut packets = packets(&socket, |packets| packets.len() >= 12);
            // Which process comes first is no one's business.
            packets.sort();
            packets
        };
        let (expected, actual) = both(run);
        assert_eq!(expected, actual, "{flags}");
    }
}

#[test]
fn the_connections_that_wait_are_sent_where_that_is_wanted() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = socket.local_addr().unwrap();
        let flags = format!("--workers 1 --enable-backlog-metric --statsd-host {address}");
        let server = Launch::new(kind, &flags).start().ready();
        let held = server.in_flight("/slow?seconds=8");
        let waiting = server.queued(2, "/fast");
        let wanted = "gunicorn.backlog:2|h".to_owned();
        let seen = packets(&socket, |packets| packets.contains(&wanted));
        drop((held, waiting));
        // None waiting is no figure to Gunicorn.
        seen.contains(&"gunicorn.backlog:0|h".to_owned())
    };
    assert_eq!(both(run), (false, false));
}

#[test]
fn a_statsd_server_that_is_not_there_costs_no_answer() {
    for host in [
        "127.0.0.1:1",
        "no-such-host.invalid:8125",
        "unix:///no/such",
    ] {
        let server = Launch::new(Kind::Labrat, &format!("--statsd-host {host}"))
            .start()
            .ready();
        let answer = server.get("/health");
        assert_eq!(answer.status(), Some(200));
        assert!(answer.took < Duration::from_secs(20));
        let said = server
            .lines()
            .iter()
            .any(|line| line.text.contains("statsd"));
        UNHEARD_FIGURES.holds(!said);
    }
}
