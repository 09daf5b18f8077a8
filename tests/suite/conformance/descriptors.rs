//! Want of descriptors: nothing that is held is cut, it is said once a second, and it is over as
//! soon as there are descriptors again.

use std::time::Duration;

use crate::differences::DESCRIPTORS;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::harness::{
    Address, Connection, Kind, Launch, PATIENCE, Server, children, descriptors, get, in_parallel,
    poll, status_kilobytes,
};

const NEXT: &[u8] = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n";

fn limited(count: u32, arguments: &str) -> Launch {
    let script = format!("ulimit -n {count}; exec \"$@\"");
    let words = ["/bin/sh", "-c", &script, "sh"].map(Into::into).to_vec();
    Launch::new(Kind::Labrat, arguments).started_by(words)
}

fn complaints(server: &Server) -> usize {
    let lines = server.lines();
    let about =
        |line: &&crate::harness::Line| line.text.contains("Cannot accept connections: Too many");
    lines.iter().filter(about).count()
}

/// Open more connections than there are descriptors, use those that are held, let all go.
fn outlive(server: &Server, address: &Address, count: usize, is_kept: bool) {
    let began = std::time::Instant::now();
    let mut held: Vec<Connection> = (0..count).map(|_| Connection::open(address)).collect();
    server.wait_for("Cannot accept connections: Too many open files");
    if is_kept {
        held[0].send(NEXT);
        let answer = held[0].next_response(PATIENCE);
        assert_eq!(answer.map(|answer| answer.status), Some(200), "it was held");
    }
    drop(held);
    assert_eq!(get(address, "/health").status(), Some(200), "it is over");
    let most = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    let workers = server.booted().len();
    assert!(complaints(server) <= most * workers, "once a second");
}

#[test]
fn a_worker_without_descriptors_keeps_what_it_holds_and_goes_on() {
    let cases = [
        (40, 1, "-k gthread --threads 2 --keep-alive 60"),
        (256, 1, "-k gthread --threads 2 --keep-alive 60"),
        (40, 1, "-k async --keep-alive 60"),
        (256, 2, "-k async --keep-alive 60"),
    ];
    in_parallel(&cases, |(descriptors, count, arguments)| {
        let arguments = format!("--workers {count} {arguments}");
        let server = limited(*descriptors, &arguments).start().ready();
        let server = server.with_workers(*count);
        let workers = server.booted();
        let count = usize::try_from(*descriptors).unwrap() * workers.len() + 20;
        // With one worker the first connection is certainly held by it.
        outlive(&server, server.address(), count, workers.len() == 1);
        DESCRIPTORS.holds(server.booted() == workers);
    });
}

#[test]
fn a_sync_worker_without_descriptors_says_so_and_goes_on_when_there_are_some() {
    let server = limited(40, "--workers 1").start().ready();
    let worker = server.booted()[0];
    let set = |limit: &str| {
        let program = "prlimit";
        let status = std::process::Command::new(program)
            .args([
                "--pid",
                &worker.to_string(),
                &format!("--nofile={limit}:40"),
            ])
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    };
    set("3");
    let waiting = server.queued(1, "/fast");
    server.wait_for("Cannot accept connections: Too many open files");
    set("40");
    for client in waiting {
        assert_eq!(client.end(PATIENCE).status(), Some(200));
    }
    assert_eq!(server.booted(), [worker]);
}

#[test]
fn a_probe_server_without_descriptors_answers_all_the_same() {
    let server = limited(40, "--workers 1 --probe-bind 127.0.0.1:0").start();
    let line = server.wait_for("Probes answered beside the pool at: ");
    let (_, address) = line.text.split_once("http://").unwrap();
    let address = Address::Tcp(address.parse().unwrap());
    outlive(&server, &address, 70, false);
}

#[test]
fn silent_clients_do_not_silence_the_probe_server() {
    let server = Launch::new(Kind::Labrat, "--workers 1 --probe-bind 127.0.0.1:0").start();
    let line = server.wait_for("Probes answered beside the pool at: ");
    let (_, address) = line.text.split_once("http://").unwrap();
    let address = Address::Tcp(address.parse().unwrap());
    // Said before it is forked.
    let other = || {
        let workers = server.booted();
        let mut others = children(server.arbiter()).into_iter();
        others.find(|pid| !workers.is_empty() && !workers.contains(pid))
    };
    let probes = poll(PATIENCE, other).unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    // What the first answer takes for good is no growth.
    for target in ["/health", "/ready"] {
        let answered = || (get(&address, target).status() == Some(200)).then_some(());
        assert!(poll(PATIENCE, answered).is_some(), "{target}");
    }
    let memory = || status_kilobytes(probes, "VmRSS:").unwrap();
    let before = (memory(), descriptors(probes).unwrap());
    let _silent: Vec<Connection> = (0..2_000).map(|_| Connection::open(&address)).collect();
    let mut slow = Connection::open(&address);
    slow.send(b"GET /health HTTP/1.1\r\nHost");
    let answer = get(&address, "/health");
    assert_eq!(answer.status(), Some(200));
    assert!(answer.took < Duration::from_secs(4), "{:?}", answer.took);
    assert!(
        poll(PATIENCE, || (get(&address, "/ready").status() == Some(200))
            .then_some(()))
        .is_some()
    );
    // It holds some of them, and none of those that came before: what 2,000 cost is bounded.
    let after = (memory(), descriptors(probes).unwrap());
    assert!(after.1 - before.1 <= 80, "{before:?}, {after:?}");
    assert!(after.0 - before.0 < 8 * 1024, "{before:?}, {after:?}");
}
