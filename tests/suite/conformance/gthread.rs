//! The worker class `gthread`: several requests at once, keep-alive, silent connections.

use std::time::{Duration, Instant};

use crate::harness::{
    Connection, Ending, Launch, PATIENCE, both, get_many, normal_response, oracle, poll,
    skip_unless,
};

#[test]
fn two_threads_serve_two_slow_requests_at_once_and_the_third_waits() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --threads 2").start().ready();
        let targets = vec!["/slow?seconds=0.6".to_owned(); 3];
        let mut took: Vec<f64> = get_many(server.address(), &targets, PATIENCE)
            .iter()
            .map(|answer| answer.took.as_secs_f64())
            .collect();
        took.sort_by(f64::total_cmp);
        let class = server.wait_for("Using worker: ").text;
        (
            took,
            class.split_once("Using").map(|(_, class)| class.to_owned()),
        )
    };
    let (expected, actual) = both(run);
    assert_eq!(expected.1, actual.1);
    for (took, _) in [expected, actual] {
        assert!(
            took[1] < 1.15 && took[2] > 1.15 && took[2] < 1.9,
            "{took:?}"
        );
    }
}

#[test]
fn a_connection_is_kept_for_the_next_request_and_closed_when_it_stays_idle() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --threads 2 --keep-alive 1")
            .start()
            .ready();
        let mut connection = Connection::open(server.address());
        let mut answers = Vec::new();
        for target in ["/health", "/nope", "/fast"] {
            let bytes = format!("GET {target} HTTP/1.1\r\nHost: lab\r\n\r\n");
            connection.send(bytes.as_bytes());
            let answer = connection.next_response(PATIENCE);
            answers.push(answer.map(|answer| normal_response(&answer)));
        }
        let idle = Instant::now();
        let end = connection.end(PATIENCE);
        let seconds = end.ended.duration_since(idle).as_secs_f64();
        assert!(
            (0.8..2.6).contains(&seconds),
            "{kind:?} closed after {seconds} s"
        );
        (answers, end.ending, end.bytes.len())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn an_idle_connection_outlives_its_keep_alive_until_the_worker_wakes_for_something() {
    if skip_unless(oracle()) {
        return;
    }
    // A request 0.6 s later makes the worker sleep until 1.6 s, past the second of keep-alive.
    const LATER: Duration = Duration::from_millis(600);
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --threads 2 --keep-alive 1")
            .start()
            .ready();
        let mut idle = Connection::open(server.address());
        idle.send(b"GET /health HTTP/1.1\r\nHost: lab\r\n\r\n");
        idle.next_response(PATIENCE).unwrap();
        let answered = Instant::now();
        std::thread::sleep(LATER);
        get_many(server.address(), &["/health".to_owned()], PATIENCE);
        let end = idle.end(PATIENCE);
        let seconds = end.ended.duration_since(answered).as_secs_f64();
        assert!(
            (1.3..3.0).contains(&seconds),
            "{kind:?} closed after {seconds} s"
        );
        (end.ending, end.bytes.len())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn connection_close_and_http_1_0_end_the_connection() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --threads 2").start().ready();
        [
            "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
            "GET /health HTTP/1.0\r\n\r\n",
            "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "garbage\r\n\r\n",
        ]
        .map(|bytes| {
            let exchange = crate::harness::exchange(server.address(), bytes.as_bytes(), PATIENCE);
            let answer = exchange.response().map(|answer| normal_response(&answer));
            let kept = exchange.took > Duration::from_millis(1000);
            (answer, exchange.ending, kept)
        })
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_silent_connection_does_not_keep_the_others_waiting() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --threads 2 --timeout 3")
            .start()
            .ready();
        let silent = Connection::open(server.address());
        let mut half = Connection::open(server.address());
        half.send(b"GET /health HTTP/1.1\r\nHost");
        // Both threads may be taken for a while; nobody is served the worker's end for it.
        let answered = poll(PATIENCE, || {
            let answer = server.get("/health");
            (answer.status() == Some(200)).then_some(answer.took.as_secs_f64())
        });
        drop((silent, half));
        (answered, server.booted().len())
    };
    let (expected, actual) = both(run);
    eprintln!(
        "others answered after {:?} and {:?} s",
        expected.0, actual.0
    );
    assert_eq!(expected.1, actual.1);
    assert!(actual.0 < Some(10.0) && actual.0.is_some(), "{actual:?}");
}

#[test]
fn a_graceful_stop_waits_for_running_threads() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let mut server = Launch::new(kind, "--workers 1 --threads 2").start().ready();
        let running = server.in_flight("/slow?seconds=1");
        server.signal(nix::sys::signal::Signal::SIGTERM);
        let outcome = running.end(PATIENCE);
        let code = server.wait_for_end();
        assert_eq!(outcome.ending, Ending::Finished);
        (outcome.status(), code, server.said())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}
