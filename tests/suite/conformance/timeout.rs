//! A worker that is silent for too long: who says what, when it dies, what its client sees.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::differences;
use crate::harness::{
    Connection, Ending, Kind, Launch, PATIENCE, Server, both, entries, normal_response, oracle,
    request, skip_unless,
};

/// `--timeout` in these cases, in seconds.
const TIMEOUT: f64 = 2.0;

/// The arbiter looks once a second: from the timeout to a second later, and a bit for a busy
/// machine.
fn is_time_to_kill(took: Duration) -> bool {
    let seconds = took.as_secs_f64();
    (TIMEOUT - 0.05..TIMEOUT + 1.5).contains(&seconds)
}

/// What everybody said, without the line that only labrat has.
fn said(server: &Server) -> BTreeMap<String, Vec<String>> {
    let mut said = server.said();
    let mut attributed = 0;
    for lines in said.values_mut() {
        attributed += differences::KILL_ATTRIBUTION.strip(lines);
    }
    let killed = server
        .lines()
        .iter()
        .filter(|line| line.text.contains("was sent SIGKILL"))
        .count();
    if server.kind() == Kind::Labrat {
        assert_eq!(attributed, killed, "every kill is attributed once");
    }
    said
}

#[test]
fn a_hung_request_gets_the_500_page_and_a_fresh_worker_takes_over() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --timeout 2").start().ready();
        let before = server.json("/diag/stats");
        let hung = server.in_flight("/slow?seconds=20");
        let waiting = server.queued(1, "/diag/stats");
        let hung = hung.end(PATIENCE);
        let page = hung.response().map(|response| normal_response(&response));
        assert_eq!(
            page.as_ref().map(|page| page.ends_with("</html>\n")),
            Some(true)
        );
        assert!(
            is_time_to_kill(hung.took),
            "{kind:?} killed it after {:?}",
            hung.took
        );
        server.wait_for_count(2, "Booting worker");
        let waited = waiting
            .into_iter()
            .map(|client| client.end(PATIENCE))
            .next();
        let waited = waited.and_then(|exchange| exchange.response());
        let after = waited
            .and_then(|response| response.json())
            .unwrap_or_default();
        assert_ne!(before["pid"], after["pid"]);
        assert_eq!(server.workers().len(), 1);
        let counters = (
            after["request_count"].clone(),
            after["endpoint_counters"].clone(),
        );
        (page, hung.ending, counters, said(&server))
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_worker_that_cannot_react_is_killed_one_tick_later_and_its_client_gets_nothing() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --timeout 2").start().ready();
        let hung = server.in_flight("/slow?seconds=20");
        server.signal_to(server.booted()[0], Signal::SIGSTOP);
        let hung = hung.end(PATIENCE);
        server.wait_for_count(2, "Booting worker");
        assert_eq!(server.get("/health").status(), Some(200));
        let at = |words: &str| server.wait_for(words).at;
        let tick = at("was sent SIGKILL")
            .duration_since(at("WORKER TIMEOUT"))
            .as_secs_f64();
        assert!(
            (0.9..1.6).contains(&tick),
            "{kind:?} needed {tick} s to send SIGKILL"
        );
        assert!(
            is_time_to_kill(hung.took - Duration::from_secs(1)),
            "{:?}",
            hung.took
        );
        (hung.to_string(), said(&server))
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn a_timeout_of_zero_kills_nobody_and_a_busy_gthread_worker_is_not_silent() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let patient = Launch::new(kind, "--workers 1 --timeout 0").start().ready();
        let threads = Launch::new(kind, "--workers 1 --threads 2 --timeout 2")
            .start()
            .ready();
        let first = patient.in_flight("/slow?seconds=3.5");
        let second = threads.get("/slow?seconds=3.5");
        let first = first.end(PATIENCE);
        let critical = |server: &Server| {
            entries(&server.lines())
                .iter()
                .filter(|entry| entry.level == "CRITICAL")
                .count()
        };
        (
            first.status(),
            second.status(),
            critical(&patient),
            critical(&threads),
        )
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, (Some(200), Some(200), 0, 0));
    assert_eq!(expected, actual);
}

#[test]
fn requests_in_the_queue_are_not_timed_and_are_executed_although_their_clients_have_gone() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --timeout 4").start().ready();
        let held = server.in_flight("/slow?seconds=3");
        let queued = server.queued(3, "/slow?seconds=1");
        let patient = server.queued_more(queued.len(), "/diag/stats");
        drop(queued);
        assert_eq!(held.end(PATIENCE).status(), Some(200));
        let patient = patient.end(PATIENCE);
        assert_eq!(patient.ending, Ending::Finished);
        let stats = patient
            .response()
            .and_then(|response| response.json())
            .unwrap_or_default();
        let took = patient.took.as_secs_f64();
        assert!(
            (4.5..8.5).contains(&took),
            "{kind:?}: four requests took {took} s"
        );
        let timeouts = server
            .lines()
            .iter()
            .any(|line| line.text.contains("TIMEOUT"));
        (stats["endpoint_counters"].clone(), timeouts)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected.0["slow"], 4);
    assert_eq!(expected, actual);
}

#[test]
fn clients_that_reset_their_connection_in_flight_do_not_shorten_the_request() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1").start().ready();
        let began = Instant::now();
        let gone = server.in_flight("/slow?seconds=2");
        let mut next = Connection::open(server.address());
        next.send(&request("GET", "/diag/stats"));
        gone.abort();
        let next = next.end(PATIENCE);
        let after = next.ended.duration_since(began);
        assert!(after >= Duration::from_secs(2), "{kind:?}: only {after:?}");
        let stats = next
            .response()
            .and_then(|response| response.json())
            .unwrap_or_default();
        (stats["endpoint_counters"].clone(), said(&server))
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}
