//! Signals to the arbiter: stopping, reloading, resizing, reopening logs, and its sudden death.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::differences::KILL_ATTRIBUTION;
use crate::harness::{
    Connection, Ending, Exchange, Launch, PATIENCE, Server, both, exists, get, oracle, poll,
    request, skip_unless,
};

fn ends(clients: Vec<Connection>) -> Vec<Exchange> {
    clients
        .into_iter()
        .map(|client| client.end(PATIENCE))
        .collect()
}

fn words(exchanges: &[Exchange]) -> Vec<String> {
    exchanges.iter().map(ToString::to_string).collect()
}

#[test]
fn term_finishes_what_is_in_flight_and_resets_what_waits_when_the_last_worker_has_gone() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let mut server = Launch::new(kind, "--workers 2").start().with_workers(2);
        let in_flight = vec![
            server.in_flight("/slow?seconds=8"),
            server.in_flight("/slow?seconds=8.1"),
        ];
        let queued = server.queued(3, "/fast");
        server.signal(Signal::SIGTERM);
        server.wait_for("Handling signal: term");
        let mut late = Connection::open(server.address());
        late.send(&request("GET", "/fast"));
        let in_flight = ends(in_flight);
        let queued = ends(queued);
        let late = late.end(PATIENCE);
        let code = server.wait_for_end();
        let last_answer = in_flight.iter().map(|exchange| exchange.ended).max();
        let Some(last_answer) = last_answer else {
            server.fail("nothing was in flight");
        };
        for waiting in queued.iter().chain([&late]) {
            let after = waiting.ended.saturating_duration_since(last_answer);
            // Far below the 30 s that workers have, and more than an interpreter takes to end.
            assert!(after < Duration::from_secs(8), "{kind:?}: {after:?}");
            let before = last_answer.saturating_duration_since(waiting.ended);
            assert!(
                before < Duration::from_millis(50),
                "{kind:?}: {before:?} too early"
            );
        }
        let afterwards = get(server.address(), "/fast").to_string();
        (
            words(&in_flight),
            words(&queued),
            late.to_string(),
            code,
            afterwards,
            server.said(),
        )
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_graceful_timeout_that_is_not_enough_cuts_the_clients_off_and_still_ends_well() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let mut server = Launch::new(kind, "--workers 1 --graceful-timeout 1")
            .start()
            .ready();
        let in_flight = server.in_flight("/slow?seconds=20");
        let queued = server.queued(2, "/fast");
        let began = Instant::now();
        server.signal(Signal::SIGTERM);
        let in_flight = in_flight.end(PATIENCE);
        let took = in_flight.ended.duration_since(began).as_secs_f64();
        assert!((0.9..6.0).contains(&took), "{kind:?} waited {took} s");
        let queued = words(&ends(queued));
        let code = server.wait_for_end();
        let mut said = server.said();
        for lines in said.values_mut() {
            KILL_ATTRIBUTION.strip(lines);
            // Gunicorn says so only when it reaps the worker before it leaves: now and then.
            lines.retain(|line| !line.contains("was sent SIGKILL"));
        }
        (in_flight.to_string(), queued, code, said)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn int_and_quit_stop_at_once_with_a_500_for_what_is_in_flight() {
    if skip_unless(oracle()) {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        let run = |kind| {
            let mut server = Launch::new(kind, "--workers 1").start().ready();
            let in_flight = server.in_flight("/slow?seconds=20");
            let queued = server.queued(2, "/fast");
            server.signal(signal);
            let in_flight = in_flight.end(PATIENCE);
            let queued = words(&ends(queued));
            let code = server.wait_for_end();
            let afterwards = get(server.address(), "/fast").ending;
            (
                in_flight.to_string(),
                queued,
                code,
                afterwards,
                server.said(),
            )
        };
        let (expected, actual) = both(run);
        assert_eq!(expected, actual, "{signal}");
    }
}

#[test]
fn int_during_a_graceful_stop_makes_it_quick() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let mut server = Launch::new(kind, "--workers 1").start().ready();
        let in_flight = server.in_flight("/slow?seconds=20");
        server.begin_stop(Signal::SIGTERM);
        server.signal(Signal::SIGINT);
        let in_flight = in_flight.end(PATIENCE);
        let code = server.wait_for_end();
        (in_flight.to_string(), code, server.said())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn hup_replaces_every_worker_and_lets_the_old_ones_finish() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 2").start().with_workers(2);
        let old = server.booted();
        let in_flight = server.in_flight("/slow?seconds=8");
        server.signal(Signal::SIGHUP);
        server.wait_for_count(4, "Booting worker");
        let during = server
            .get("/diag/stats")
            .response()
            .and_then(|response| response.json());
        let in_flight = in_flight.end(PATIENCE).to_string();
        let gone = poll(PATIENCE, || {
            old.iter().all(|pid| !exists(*pid)).then_some(())
        });
        assert!(gone.is_some(), "{kind:?}: old workers stay");
        assert_eq!(server.workers().len(), 2);
        // The pipe may hold the last words of who has gone.
        server.wait_for_count(2, "Worker exiting");
        let mut said = server.said();
        let mut of = |role: &str| said.remove(role).unwrap_or_default();
        let said = (of("arbiter"), of("worker 1"), of("worker 2"));
        (in_flight, during.is_some(), said)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

/// Wait until as many workers live, and nothing more changes.
fn settle(server: &Server, count: usize) -> Vec<u32> {
    let settled = poll(PATIENCE, || {
        let workers = server.workers();
        (workers.len() == count).then_some(workers)
    });
    match settled {
        Some(workers) => workers,
        None => server.fail(&format!("it never has {count} workers")),
    }
}

#[test]
fn ttin_adds_a_worker_and_ttou_takes_the_oldest_but_never_the_last() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 2").start().with_workers(2);
        for count in [3, 4] {
            server.signal(Signal::SIGTTIN);
            settle(&server, count);
        }
        // The lines of two workers may be swapped, their pids are not.
        let mut all = server.booted();
        all.sort_unstable();
        for count in [3, 2, 1] {
            server.signal(Signal::SIGTTOU);
            let mut left = settle(&server, count);
            left.sort_unstable();
            assert_eq!(left, all[4 - count..], "{kind:?}: the oldest leave first");
        }
        server.signal(Signal::SIGTTOU);
        server.wait_for_count(4, "Handling signal: ttou");
        assert_eq!(server.get("/health").status(), Some(200));
        assert_eq!(server.workers(), all[3..], "{kind:?}: the last one stays");
        let mut said = server.said();
        for lines in said.values_mut() {
            // Gunicorn's arbiter now and then sends TERM a second time, to a worker whose handler
            // is gone already.
            lines.retain(|line| !line.contains("was sent SIGTERM!"));
        }
        said
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn when_the_arbiter_is_killed_its_workers_notice_and_leave() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let mut server = Launch::new(kind, "--workers 2 --timeout 2")
            .start()
            .with_workers(2);
        let workers = server.booted();
        server.signal(Signal::SIGKILL);
        let code = server.wait_for_end();
        let gone = poll(PATIENCE, || {
            workers.iter().all(|pid| !exists(*pid)).then_some(())
        });
        assert!(gone.is_some(), "{kind:?}: orphans stay");
        server.wait_for_count(2, "Parent changed");
        server.wait_for_count(2, "Worker exiting");
        let afterwards = get(server.address(), "/health").ending;
        assert_eq!(afterwards, Ending::Refused);
        (code, server.said())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn usr1_reopens_the_log_files() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let logs = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| logs.path().join(name);
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap_or_default();
        let server = Launch::new(kind, "--workers 1")
            .argument(format!("--access-logfile={}", path("access").display()))
            .argument(format!("--error-logfile={}", path("error").display()))
            .start_logging_to(&path("error"));
        let lines_for = |name: &str, words: &str| {
            let found = poll(PATIENCE, || read(name).contains(words).then_some(()));
            assert!(
                found.is_some(),
                "{kind:?}: {name} has no {words:?}: {}",
                read(name)
            );
        };
        assert_eq!(server.get("/fast").status(), Some(200));
        lines_for("access", "GET /fast");
        for name in ["access", "error"] {
            let old = format!("{name}.1");
            std::fs::rename(path(name), path(&old)).expect("the log can be renamed");
        }
        server.signal(Signal::SIGUSR1);
        // A worker reopens its own files, at a moment of its own.
        let reopened = poll(PATIENCE, || {
            assert_eq!(server.get("/health").status(), Some(200));
            read("access").contains("GET /health").then_some(())
        });
        assert!(
            reopened.is_some(),
            "{kind:?}: the access log is not reopened"
        );
        lines_for("error.1", "Handling signal: usr1");
        server.signal(Signal::SIGHUP);
        lines_for("error", "Hang up: Master");
        let old = read("error.1");
        assert!(!old.contains("Hang up: Master"), "{kind:?}: {old}");
        let stray: Vec<String> = server.lines().into_iter().map(|line| line.text).collect();
        stray
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual, "what is still printed");
}
