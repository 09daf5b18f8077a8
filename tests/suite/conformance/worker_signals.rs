//! Signals to a worker: what it says, what its client sees, and who takes its place.

use nix::sys::signal::Signal;

use crate::differences::KILL_ATTRIBUTION;
use crate::harness::{Kind, Launch, PATIENCE, Server, both, in_parallel, oracle, skip_unless};

/// Signals after which a worker is gone.
const DEADLY: &[Signal] = &[
    Signal::SIGKILL,
    Signal::SIGSEGV,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGABRT,
    Signal::SIGHUP,
    Signal::SIGUSR2,
];

/// Outcome of a case: the signal, and whatever the two servers must agree about.
type Outcome = (Signal, Vec<String>, Vec<String>, Vec<String>);

/// What the arbiter and the first two workers said.
fn said(server: &Server) -> (Vec<String>, Vec<String>) {
    let mut said = server.said();
    for lines in said.values_mut() {
        KILL_ATTRIBUTION.strip(lines);
    }
    let mut of = |role: &str| said.remove(role).unwrap_or_default();
    (of("arbiter"), of("worker 1"))
}

#[test]
fn an_idle_worker_that_dies_of_a_signal_is_replaced() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        in_parallel(DEADLY, |signal| -> Outcome {
            let server = Launch::new(kind, "--workers 2").start().with_workers(2);
            let victim = server.booted()[0];
            server.signal_to(victim, *signal);
            server.wait_for_count(3, "Booting worker");
            assert!(!server.workers().contains(&victim), "{kind:?} {signal}");
            assert_eq!(server.workers().len(), 2, "{kind:?} {signal}");
            assert_eq!(server.get("/health").status(), Some(200));
            let (arbiter, worker) = said(&server);
            (*signal, arbiter, worker, Vec::new())
        })
    };
    let (expected, actual) = both(run);
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected, actual);
    }
}

/// Starts the words after it as somebody does who ignores signals: nohup(1) ignores the first.
const IGNORING: [&str; 4] = [
    "/bin/sh",
    "-c",
    "trap '' HUP CHLD USR2 INT QUIT; exec \"$@\"",
    "sh",
];

#[test]
fn signals_that_the_parent_ignored_are_not_ignored_in_the_pool() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        in_parallel(DEADLY, |signal| -> Outcome {
            let launch = Launch::new(kind, "--workers 1");
            let server = launch.started_by(IGNORING.map(Into::into).to_vec()).start();
            let server = server.ready();
            server.signal_to(server.booted()[0], *signal);
            server.wait_for_count(2, "Booting worker");
            let (arbiter, worker) = said(&server);
            (*signal, arbiter, worker, Vec::new())
        })
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_busy_worker_that_gets_a_signal_ends_its_request_as_gunicorns_does() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        in_parallel(DEADLY, |signal| -> Outcome {
            let server = Launch::new(kind, "--workers 1").start().ready();
            let victim = server.booted()[0];
            let in_flight = server.in_flight("/slow?seconds=10");
            let queued = server.queued(2, "/fast");
            server.signal_to(victim, *signal);
            let mut outcomes = vec![in_flight.end(PATIENCE).to_string()];
            outcomes.extend(
                queued
                    .into_iter()
                    .map(|client| client.end(PATIENCE).to_string()),
            );
            server.wait_for_count(2, "Booting worker");
            let (arbiter, worker) = said(&server);
            (*signal, arbiter, worker, outcomes)
        })
    };
    let (expected, actual) = both(run);
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected, actual);
    }
}

#[test]
fn usr1_to_a_worker_harms_nobody() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1").start().ready();
        let in_flight = server.in_flight("/slow?seconds=0.5");
        server.signal_to(server.booted()[0], Signal::SIGUSR1);
        let outcome = in_flight.end(PATIENCE).to_string();
        (
            outcome,
            server.get("/health").status(),
            server.booted().len(),
            said(&server),
        )
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_worker_is_replaced_after_its_number_of_requests_and_no_client_notices() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --max-requests 5").start();
        let mut statuses = Vec::new();
        let mut pids = Vec::new();
        for _ in 0..12 {
            let exchange = server.get("/diag/stats");
            statuses.push(exchange.to_string());
            let stats = exchange.response().and_then(|response| response.json());
            pids.push(stats.map(|stats| stats["pid"].clone()));
        }
        pids.dedup();
        server.wait_for_count(3, "Booting worker");
        let (_, worker) = said(&server);
        (statuses, pids.len(), worker)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected.1, 3);
    assert_eq!(expected, actual);
}
