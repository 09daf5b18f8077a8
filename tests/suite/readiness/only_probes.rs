//! A pool that is asked nothing but its probes: it becomes ready whichever worker they reach.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use labrat::app::dependencies::DatabaseUrl;
use labrat::app::dependencies::migrations::migrate;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::servers;
use crate::harness::{Address, Connection, Kind, Launch, PATIENCE, Server, get, poll};

const WORKERS: usize = 3;

/// A pool of sync workers of which all but one are held: each has taken a connection on which
/// nothing is ever sent. What is asked of the pool reaches the last worker alone.
struct HeldPool {
    server: Server,
    _held: Vec<Connection>,
}

impl HeldPool {
    fn of(launch: Launch) -> Self {
        let server = launch.start();
        server.wait_for_count(WORKERS, "Booting worker with pid: ");
        let hold = |_| {
            let connection = Connection::open(server.address());
            server.wait_for_queue(0);
            connection
        };
        let held = (1..WORKERS).map(hold).collect();
        Self {
            server,
            _held: held,
        }
    }

    fn launch(database: &Path) -> Launch {
        Launch::new(Kind::Labrat, "--worker-class sync --timeout 120 --workers")
            .argument(WORKERS.to_string())
            .env("DATABASE_URL", format!("sqlite:{}", database.display()))
    }

    /// How many workers have answered so far, none of which is held for good.
    fn answering(&self) -> Vec<u64> {
        let workers = self.server.json("/diag/workers");
        let workers = workers["workers"].as_array().expect("workers").clone();
        let requests = workers.iter().map(|one| one["requests"].as_u64());
        requests.map(Option::unwrap_or_default).collect()
    }
}

fn migrated(database: &Path) {
    let url = format!("sqlite:{}", database.display());
    let url = DatabaseUrl::parse(&url).expect("a URL");
    migrate(&url, None).expect("it can be migrated");
}

/// Ask until it is answered 200; how often that was, and how long it took.
fn ask_until_well(address: &Address, probe: &str) -> (usize, Duration) {
    let began = Instant::now();
    let mut asked = 0;
    let mut last = Value::Null;
    let well = poll(PATIENCE, || {
        asked += 1;
        let response = get(address, probe).response()?;
        last = response.json().unwrap_or_default();
        (response.status == 200).then_some(())
    });
    assert!(well.is_some(), "{probe} asked {asked} times: {last}");
    (asked, began.elapsed())
}

/// A service that answers every hook from a moment on, and how often it has.
fn hook() -> (String, Sender<()>, Arc<AtomicUsize>) {
    let (listener, port) = servers::silent();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let (begin, begun) = channel();
    std::thread::spawn(move || {
        let _ = begun.recv();
        while let Ok((mut stream, _)) = listener.accept() {
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
    });
    (format!("http://127.0.0.1:{port}/prices"), begin, count)
}

#[test]
fn a_pool_becomes_ready_when_every_probe_reaches_the_same_worker() {
    for probe in ["/ready", "/startup"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("orders.db");
        migrated(&database);
        let (url, begin, hooks) = hook();
        let pool = HeldPool::of(HeldPool::launch(&database).env("LAB_WARMUP_URLS", url));
        let first = get(pool.server.address(), probe);
        assert_eq!(first.status(), Some(503), "nobody is warm yet");
        begin.send(()).expect("the service is there");
        let (asked, took) = ask_until_well(pool.server.address(), probe);
        eprintln!("{probe}: 200 after {asked} more probes and {took:.3?}");
        let asked_hooks = hooks.load(Ordering::Relaxed);
        assert_eq!(asked_hooks, WORKERS, "every worker has warmed up, once");
        let mut requests = pool.answering();
        requests.sort_unstable();
        let (most, others) = requests.split_last().expect("workers");
        assert!(*most > 1, "{requests:?}");
        assert_eq!(others, [0; WORKERS - 1], "no probe reached the others");
    }
}

#[test]
fn a_warm_up_that_failed_in_a_worker_that_no_probe_reaches_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("orders.db");
    let pool = HeldPool::of(HeldPool::launch(&database));
    for _ in 0..3 {
        let answer = get(pool.server.address(), "/ready").response();
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 503);
        let body = answer.json().expect("JSON");
        assert_eq!(body["checks"]["database"]["error"], "wrong_database");
    }
    migrated(&database);
    let (asked, took) = ask_until_well(pool.server.address(), "/ready");
    eprintln!("/ready: 200 after {asked} probes and {took:.3?}");
}

#[test]
fn a_pool_that_shrinks_before_it_is_warm_does_not_wait_for_the_worker_that_left() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("orders.db");
    let server = HeldPool::launch(&database).start();
    server.wait_for_count(WORKERS, "Booting worker with pid: ");
    server.signal(Signal::SIGTTOU);
    let left = poll(PATIENCE, || {
        (server.workers().len() < WORKERS).then_some(())
    });
    assert!(left.is_some());
    assert_eq!(server.get("/ready").status(), Some(503));
    migrated(&database);
    ask_until_well(server.address(), "/ready");
    assert_eq!(server.workers().len(), WORKERS - 1);
}

#[test]
fn a_pool_that_is_probed_beside_it_alone_becomes_ready() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("orders.db");
    migrated(&database);
    let server = HeldPool::launch(&database)
        .argument("--probe-bind")
        .argument("127.0.0.1:0")
        .start();
    let line = server.wait_for("Probes answered beside the pool at: ");
    let address = line.text.rsplit("http://").next().unwrap_or_default();
    let probes = Address::Tcp(address.parse().expect("an address"));
    for probe in ["/ready", "/startup"] {
        let (asked, took) = ask_until_well(&probes, probe);
        eprintln!("{probe} at the probes: 200 after {asked} probes and {took:.3?}");
    }
}
