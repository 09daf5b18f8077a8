//! Readiness of a whole pool: warm-up in every worker, and the order of a stop.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Ending, Kind, Launch, PATIENCE, get_many, poll};

const CLASSES: [&str; 3] = ["sync", "gthread", "async"];

#[test]
fn one_warm_up_warms_every_worker_whoever_is_asked() {
    for class in CLASSES {
        let server = Launch::new(Kind::Labrat, "--workers 3 --worker-class")
            .argument(class)
            .env("LAB_WARMUP_SECONDS", "0.3")
            .start();
        let began = Instant::now();
        let answers = get_many(server.address(), &vec!["/warmup".to_owned(); 3], PATIENCE);
        assert!(began.elapsed() >= Duration::from_millis(300), "{class}");
        for answer in answers {
            let body = answer.response().and_then(|response| response.json());
            let body = body.expect("JSON");
            assert_eq!(answer.status(), Some(200), "{class}: {body}");
            assert_eq!(body["workers"], json!({"warm": 3, "wanted": 3}), "{class}");
            assert_eq!(body["steps"][0]["name"], "caches");
            assert!(body["steps"][0]["duration_ms"].as_f64() >= Some(300.0));
        }
        assert_eq!(server.get("/ready").status(), Some(200), "{class}");
        assert_eq!(server.get("/startup").status(), Some(200), "{class}");

        // A worker that comes later warms itself up; the pool stays ready meanwhile.
        let victim = server.ready_worker();
        server.signal_to(victim, Signal::SIGKILL);
        server.wait_for_count(4, "Booting worker with pid: ");
        assert_eq!(server.get("/ready").status(), Some(200), "{class}");
        let warm = poll(PATIENCE, || {
            let body = server.json("/warmup");
            (body["workers"]["warm"] == 3).then_some(())
        });
        assert!(warm.is_some(), "{class}");
    }
}

#[test]
fn who_comes_before_the_warm_up_waits_for_it_and_who_comes_after_does_not() {
    for class in CLASSES {
        let server = Launch::new(Kind::Labrat, "--workers 1 --worker-class")
            .argument(class)
            .env("LAB_WARMUP_SECONDS", "1")
            .start()
            .ready();
        let first = server.get("/fast");
        assert_eq!(first.status(), Some(200));
        assert!(first.took >= Duration::from_secs(1), "{class}: {first}");
        let second = server.get("/fast");
        assert!(
            second.took < Duration::from_millis(900),
            "{class}: {second}"
        );
        assert_eq!(server.get("/ready").status(), Some(200), "{class}");
    }
}

#[test]
fn readiness_says_no_until_the_pool_is_warm_and_begins_the_warm_up_itself() {
    let server = Launch::new(Kind::Labrat, "--workers 2")
        .env("LAB_WARMUP_SECONDS", "0.5")
        .start();
    let first = server.get("/ready");
    assert_eq!(first.status(), Some(503));
    let response = first.response().expect("an answer");
    assert_eq!(response.header("Retry-After"), Some("1"));
    assert_eq!(
        server.get("/health").status(),
        Some(200),
        "alive all the same"
    );
    let ready = poll(PATIENCE, || {
        (server.get("/ready").status() == Some(200)).then_some(())
    });
    assert!(ready.is_some(), "no is not for ever");
}

#[test]
fn at_term_readiness_goes_first_then_the_listener_then_the_work_in_flight() {
    for class in ["sync", "gthread --threads 4", "async"] {
        let arguments = format!("--workers 2 --drain-pause 2 --worker-class {class}");
        let mut server = Launch::new(Kind::Labrat, &arguments)
            .start()
            .with_workers(2);
        let held = server.in_flight("/slow?seconds=10");
        let in_flight = std::thread::spawn(move || held.end(PATIENCE));
        assert_eq!(server.get("/ready").status(), Some(200), "{class}");
        server.signal(Signal::SIGTERM);
        let not_ready = poll(PATIENCE, || {
            let answer = server.get("/ready").response()?;
            (answer.status == 503).then_some((answer, Instant::now()))
        });
        let (answer, not_ready) = not_ready.expect("readiness goes");
        let body = answer.json().expect("JSON");
        assert_eq!(body["latches"]["not_draining"], false, "{class}: {body}");
        assert_eq!(
            server.get("/fast").status(),
            Some(200),
            "{class}: still served"
        );
        assert_eq!(
            server.get("/health").status(),
            Some(200),
            "{class}: still alive"
        );

        let closed = poll(PATIENCE, || {
            let answer = server.get("/fast");
            (answer.ending == Ending::Refused).then(Instant::now)
        });
        let closed = closed.expect("the listener closes");
        assert!(
            closed - not_ready >= Duration::from_millis(1500),
            "{class}: the pause"
        );
        let answer = in_flight.join().expect("no panic");
        assert_eq!(
            answer.status(),
            Some(200),
            "{class}: work in flight is finished"
        );
        assert!(answer.ended > closed, "{class}: after the listener");
        assert_eq!(server.wait_for_end(), Some(0), "{class}");
    }
}

#[test]
fn a_warm_up_is_waited_for_as_long_as_a_swap_waits_and_never_until_a_worker_is_killed() {
    let server = Launch::new(Kind::Labrat, "--workers 1 -k gthread --threads 2")
        .env("LAB_WARMUP_SECONDS", "11")
        .start();
    let answer = server.get("/warmup");
    assert_eq!(answer.status(), Some(200), "{answer}");

    let server = Launch::new(Kind::Labrat, "--workers 1 --timeout 4")
        .env("LAB_WARMUP_SECONDS", "5")
        .start();
    let (worker, answer) = (server.booted(), server.get("/warmup"));
    assert_eq!(answer.status(), Some(503), "{answer}");
    let body = answer.response().unwrap().json().unwrap();
    assert_eq!(body["error"], "still_warming_up");
    let warm = poll(PATIENCE, || {
        (server.get("/warmup").status() == Some(200)).then_some(())
    });
    assert!(warm.is_some());
    assert_eq!(server.booted(), worker, "it was not taken for hung");
}
