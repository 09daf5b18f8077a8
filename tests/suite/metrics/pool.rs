//! A pool and its probe server: what a fault does is seen in the metric that is meant for it.

use std::time::Duration;

use labrat::metrics::{Metric, declared};
use nix::sys::signal::Signal;

use super::{Figures, lower, post, sent};
use crate::harness::{
    Address, Kind, Launch, PATIENCE, Server, get, get_many, poll, request, with_probe_server,
};

/// What the tests of this file see moving.
pub(super) static MOVED: &[&Metric] = &[
    &declared::REQUEST_DURATION,
    &declared::INVALID_REQUESTS,
    &declared::WORKERS,
    &declared::WORKERS_WANTED,
    &declared::WARM_WORKERS,
    &declared::REQUESTS_IN_FLIGHT,
    &declared::REQUEST_OLDEST,
    &declared::HEARTBEAT_OLDEST,
    &declared::LISTENER_QUEUED,
    &declared::LISTENER_QUEUE_LIMIT,
    &declared::QUEUE_OLDEST,
    &declared::LISTEN_OVERFLOWS,
    &declared::WORKER_STARTS,
    &declared::WORKER_EXITS,
    &declared::LEAKED_BYTES,
    &declared::WORKERS_RESIDENT,
];

fn start(arguments: &str) -> (Server, Address) {
    with_probe_server(Launch::new(Kind::Labrat, arguments))
}

/// Scrape until `fits`; the scrape.
fn until(probes: &Address, what: &str, fits: impl Fn(&Figures) -> bool) -> Figures {
    let found = poll(PATIENCE, || Some(Figures::of(probes)).filter(&fits));
    found.unwrap_or_else(|| panic!("never {what}:\n{}", Figures::of(probes).0))
}

#[test]
fn a_saturated_pool_shows_busy_workers_and_its_queue_without_joining_it() {
    let (server, probes) = start("--workers 2 --backlog 7");
    let server = server.with_workers(2);
    let before = until(&probes, "idle", |figures| {
        figures.get(&declared::WORKERS, &["state=\"idle\""]) == 2.0
    });
    let listener = format!(
        "listener=\"http://{}\"",
        match server.address() {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => unreachable!("it listens on TCP"),
        }
    );
    for idle in [
        &declared::LISTENER_QUEUED,
        &declared::QUEUE_OLDEST,
        &declared::REQUESTS_IN_FLIGHT,
        &declared::REQUEST_OLDEST,
    ] {
        assert_eq!(before.get(idle, &[]), 0.0, "{}", idle.name);
    }
    assert_eq!(
        before.get(&declared::LISTENER_QUEUE_LIMIT, &[&listener]),
        7.0
    );
    let held: Vec<_> = (0..2)
        .map(|_| server.in_flight("/slow?seconds=3"))
        .collect();
    let queued = server.queued(3, "/fast");
    let full = until(&probes, "saturated", |figures| {
        figures.get(&declared::QUEUE_OLDEST, &[&listener]) > 0.1
    });
    assert_eq!(full.get(&declared::LISTENER_QUEUED, &[&listener]), 3.0);
    assert_eq!(full.get(&declared::WORKERS, &["state=\"busy\""]), 2.0);
    assert_eq!(full.get(&declared::WORKERS, &["state=\"idle\""]), 0.0);
    assert_eq!(full.get(&declared::REQUESTS_IN_FLIGHT, &[]), 2.0);
    let oldest = full.get(&declared::REQUEST_OLDEST, &[]);
    assert!(oldest > 0.1 && oldest < 3.5, "{oldest}");
    let silence = full.get(&declared::HEARTBEAT_OLDEST, &[]);
    assert!(
        silence > 0.1 && silence < 3.5,
        "a sync worker is silent while it works: {silence}"
    );
    let slow = ["http_route=\"/slow\"", "http_response_status_code=\"200\""];
    let counted = before.count(&declared::REQUEST_DURATION, &slow);
    assert_eq!(
        full.count(&declared::REQUEST_DURATION, &slow),
        counted,
        "none has ended"
    );
    for connection in held.into_iter().chain(queued) {
        assert_eq!(connection.end(PATIENCE).status(), Some(200));
    }
    let after = until(&probes, "over", |figures| {
        figures.count(&declared::REQUEST_DURATION, &slow) == counted + 2.0
    });
    assert_eq!(after.get(&declared::LISTENER_QUEUED, &[]), 0.0);
    let fast = ["http_request_method=\"GET\"", "http_route=\"/fast\""];
    assert_eq!(after.count(&declared::REQUEST_DURATION, &fast), 3.0);
    let sum = format!("{}_sum", declared::REQUEST_DURATION.name);
    let waited = after.value(&sum, &fast).expect("a sum");
    assert!(
        waited < 1.0,
        "the wait in the queue is no time of the worker: {waited}"
    );
}

#[test]
fn a_worker_that_is_killed_takes_no_count_with_it() {
    let (server, probes) = start("--workers 2");
    let server = server.with_workers(2);
    let targets: Vec<String> = ["/fast", "/", "/slow?seconds=0"].map(str::to_owned).into();
    for _ in 0..10 {
        let answers = get_many(server.address(), &targets, PATIENCE);
        assert!(answers.iter().all(|answer| answer.status() == Some(200)));
    }
    let before = Figures::of(&probes);
    let fast = ["http_route=\"/fast\""];
    assert_eq!(before.count(&declared::REQUEST_DURATION, &fast), 10.0);
    assert_eq!(before.get(&declared::WORKER_STARTS, &[]), 2.0);
    for killed in 1..=3 {
        let pid = server.workers()[0];
        server.signal_to(pid, Signal::SIGKILL);
        let after = until(&probes, "replaced", |figures| {
            figures.get(&declared::WORKER_STARTS, &[]) == 2.0 + f64::from(killed)
        });
        let reason = ["reason=\"sigkill\""];
        assert_eq!(
            after.get(&declared::WORKER_EXITS, &reason),
            f64::from(killed)
        );
        assert_eq!(lower(&before, &after), [""; 0]);
        assert_eq!(after.count(&declared::REQUEST_DURATION, &fast), 10.0);
    }
    assert_eq!(server.get("/fast").status(), Some(200));
    until(&probes, "counted on", |figures| {
        figures.count(&declared::REQUEST_DURATION, &fast) == 11.0
    });
}

#[test]
fn every_worker_class_counts_its_requests_by_method_route_and_status() {
    for class in ["sync", "gthread", "async"] {
        let (server, probes) = start(&format!("--workers 1 --worker-class {class}"));
        let address = server.address();
        assert_eq!(get(address, "/fast?id=1").status(), Some(200));
        assert_eq!(get(address, "/nowhere/4711").status(), Some(404));
        assert_eq!(post(address, "/health"), Some(405));
        let figures = until(&probes, "counted", |figures| {
            figures.count(&declared::REQUEST_DURATION, &[]) >= 3.0
        });
        for (method, route, status) in [
            ("GET", "/fast", 200),
            ("GET", "other", 404),
            ("POST", "/health", 405),
        ] {
            let labels = [
                format!("http_request_method=\"{method}\""),
                format!("http_route=\"{route}\""),
                format!("http_response_status_code=\"{status}\""),
            ];
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let count = figures.count(&declared::REQUEST_DURATION, &labels);
            assert_eq!(count, 1.0, "{class} {labels:?}\n{}", figures.0);
        }
        assert!(
            !figures.0.contains("4711"),
            "a path of a client is no label"
        );
    }
}

#[test]
fn a_head_that_is_refused_is_counted_apart() {
    let (server, probes) = start("--workers 1");
    let before = Figures::of(&probes);
    let answer = sent(server.address(), b"GET / HTTP/9.9\r\n\r\n").end(PATIENCE);
    assert_eq!(answer.status(), Some(400), "{answer}");
    let after = until(&probes, "counted", |figures| {
        figures.get(&declared::INVALID_REQUESTS, &[]) == 1.0
    });
    let all = |figures: &Figures| figures.count(&declared::REQUEST_DURATION, &[]);
    assert_eq!(all(&before), all(&after), "it has no route and no duration");
}

#[test]
fn a_silent_worker_is_counted_as_timed_out_and_its_request_as_failed() {
    let (server, probes) = start("--workers 1 --timeout 1");
    let answer = sent(server.address(), &request("GET", "/slow?seconds=30")).end(PATIENCE);
    assert_eq!(answer.status(), Some(500), "{answer}");
    let after = until(&probes, "timed out", |figures| {
        figures.get(&declared::WORKER_EXITS, &["reason=\"timeout\""]) == 1.0
    });
    let failed = ["http_route=\"/slow\"", "http_response_status_code=\"500\""];
    assert_eq!(after.count(&declared::REQUEST_DURATION, &failed), 1.0);
    assert_eq!(
        after.get(&declared::WORKER_EXITS, &[]),
        1.0,
        "and as nothing else"
    );
}

#[test]
fn workers_that_are_wanted_and_workers_that_are_warm_are_shown() {
    let launch = Launch::new(Kind::Labrat, "--workers 2").env("LAB_WARMUP_SECONDS", "0.1");
    let (server, probes) = with_probe_server(launch);
    assert_eq!(Figures::of(&probes).get(&declared::WARM_WORKERS, &[]), 0.0);
    assert_eq!(get(&probes, "/warmup").status(), Some(200));
    assert_eq!(Figures::of(&probes).get(&declared::WARM_WORKERS, &[]), 2.0);
    assert_eq!(
        Figures::of(&probes).get(&declared::WORKERS_WANTED, &[]),
        2.0
    );
    server.signal(Signal::SIGTTIN);
    until(&probes, "three", |figures| {
        figures.get(&declared::WORKERS_WANTED, &[]) == 3.0
            && figures.get(&declared::WORKERS, &[]) == 3.0
    });
    server.signal(Signal::SIGTTOU);
    // One scrape is no single moment: the wanted number may be read before the signal and the exits after.
    until(&probes, "two again", |figures| {
        figures.get(&declared::WORKER_EXITS, &["reason=\"finished\""]) == 1.0
            && figures.get(&declared::WORKERS_WANTED, &[]) == 2.0
    });
}

#[test]
fn a_leak_is_shown_in_bytes_and_in_resident_memory_and_goes_with_its_worker() {
    let (server, probes) = start("--workers 1");
    let before = Figures::of(&probes);
    assert_eq!(before.get(&declared::LEAKED_BYTES, &[]), 0.0);
    for _ in 0..3 {
        assert_eq!(server.get("/leak").status(), Some(200));
    }
    let block = labrat::app::BLOCK_BYTES as f64;
    let after = until(&probes, "leaked", |figures| {
        figures.get(&declared::LEAKED_BYTES, &[]) == 3.0 * block
    });
    let resident = |figures: &Figures| figures.get(&declared::WORKERS_RESIDENT, &[]);
    let grown = resident(&after) - resident(&before);
    assert!(
        (grown / (3.0 * block) - 1.0).abs() < 0.2,
        "{grown} of {block}"
    );
    server.signal_to(server.workers()[0], Signal::SIGKILL);
    until(&probes, "fresh", |figures| {
        figures.get(&declared::LEAKED_BYTES, &[]) == 0.0
            && figures.get(&declared::WORKERS, &[]) == 1.0
    });
}

#[test]
fn connections_that_a_full_queue_drops_are_counted() {
    let (server, probes) = start("--workers 1 --backlog 1");
    let _held = server.in_flight("/slow?seconds=5");
    let before = Figures::of(&probes).get(&declared::LISTEN_OVERFLOWS, &[]);
    let Address::Tcp(address) = server.address() else {
        unreachable!("it listens on TCP");
    };
    // A queue of one holds two; the last ACK of the third finds no place.
    let _clients: Vec<_> = (0..6)
        .map(|_| {
            let socket = socket2::Socket::new(
                socket2::Domain::IPV4,
                socket2::Type::STREAM.nonblocking(),
                None,
            )
            .unwrap();
            // In progress.
            let _ = socket.connect(&(*address).into());
            socket
        })
        .collect();
    until(&probes, "an overflow", |figures| {
        figures.get(&declared::LISTEN_OVERFLOWS, &[]) > before
    });
    let queued = Figures::of(&probes).get(&declared::LISTENER_QUEUED, &[]);
    assert_eq!(queued, 2.0, "as many as fit");
}

#[test]
fn a_pool_that_drains_shows_its_work_until_the_end() {
    let (server, probes) = start("--workers 1");
    let held = server.in_flight("/slow?seconds=2");
    server.begin_stop(Signal::SIGTERM);
    let figures = Figures::of(&probes);
    assert_eq!(figures.get(&declared::WORKERS, &["state=\"busy\""]), 1.0);
    assert_eq!(held.end(PATIENCE).status(), Some(200));
}

#[test]
fn the_pool_itself_has_no_such_route() {
    let (server, probes) = start("--workers 1");
    assert_eq!(server.get("/metrics").status(), Some(404));
    assert_eq!(get(&probes, "/metrics").status(), Some(200));
    assert_eq!(post(&probes, "/metrics"), Some(405));
    let head = crate::harness::exchange(
        &probes,
        &request("HEAD", "/metrics"),
        Duration::from_secs(5),
    );
    let head = head.response().expect("an answer");
    assert_eq!((head.status, head.body.len()), (200, 0));
}
