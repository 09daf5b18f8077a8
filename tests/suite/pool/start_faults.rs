//! Faults at start, by knob, and the lock of the fault endpoints.

use std::time::{Duration, Instant};

use crate::harness::{Kind, Launch, Stream, exchange, request};

#[test]
fn a_slow_start_accepts_connections_and_answers_them_when_it_is_ready() {
    let began = Instant::now();
    // The timeout is shorter than the start: it must not count before the worker is ready.
    let server = Launch::new(Kind::Labrat, "--workers=1 --timeout=1")
        .env("LAB_START_DELAY_SECONDS", "3")
        .start();
    let answer = exchange(
        server.address(),
        &request("GET", "/health"),
        Duration::from_secs(30),
    );
    assert_eq!(answer.status(), Some(200));
    assert!(began.elapsed() >= Duration::from_secs(3));
    assert_eq!(server.booted().len(), 1, "nobody was killed meanwhile");
}

#[test]
fn a_failing_boot_says_why_and_ends_with_code_3() {
    let ended = Launch::new(Kind::Labrat, "--workers=3")
        .env("LAB_BOOT_FAIL", "the licence has run out")
        .run();
    assert_eq!(ended.code, Some(3));
    let text = ended.text(Stream::Error);
    assert!(
        text.contains("RuntimeError: the licence has run out\n"),
        "{text}"
    );
    assert!(text.contains("Reason: Worker failed to boot."), "{text}");
}

#[test]
fn a_missing_setting_fails_fast_and_is_named() {
    let launch = Launch::new(Kind::Labrat, "--workers=1")
        .env("LAB_REQUIRED_SETTINGS", "HOME,LAB_TEST_DATABASE");
    let ended = launch.clone().run();
    assert_eq!(ended.code, Some(3));
    assert!(ended.text(Stream::Error).contains("LAB_TEST_DATABASE"));
    let healthy = launch.env("LAB_TEST_DATABASE", "here").start();
    assert_eq!(healthy.get("/health").status(), Some(200));
}

#[test]
fn a_preloaded_failure_stops_before_the_first_line() {
    let ended = Launch::new(Kind::Labrat, "--workers=1 --preload")
        .env("LAB_BOOT_FAIL", "cannot start")
        .run();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.text(Stream::Error), "\nError: cannot start\n\n");
}

#[test]
fn a_knob_that_cannot_be_read_is_named_with_its_bounds() {
    let ended = Launch::new(Kind::Labrat, "--workers=1")
        .env("LAB_LEAK_MAX_BLOCKS", "many")
        .run();
    assert_eq!(ended.code, Some(3));
    let text = ended.text(Stream::Error);
    assert!(
        text.contains("LAB_LEAK_MAX_BLOCKS=\"many\" is not accepted"),
        "{text}"
    );
}

#[test]
fn a_public_address_without_a_key_is_warned_about_and_with_one_is_not() {
    let open = Launch::new(Kind::Labrat, "--bind=0.0.0.0:0 --workers=1")
        .without_bind()
        .start();
    open.wait_for("Fault endpoints are open to anybody");
    let locked = Launch::new(Kind::Labrat, "--bind=0.0.0.0:0 --workers=1")
        .without_bind()
        .env("LAB_KEY", "k")
        .start();
    locked.wait_for("Booting worker");
    let said = locked
        .lines()
        .iter()
        .any(|line| line.text.contains("Fault endpoints"));
    assert!(!said);
}

#[test]
fn a_locked_pool_leaks_only_for_who_has_the_key() {
    let server = Launch::new(Kind::Labrat, "--workers=1")
        .env("LAB_KEY", "open sesame")
        .start();
    assert_eq!(server.get("/leak").status(), Some(403));
    assert_eq!(server.json("/diag/stats")["leak_block_count"], 0);
    let with_key = b"GET /leak HTTP/1.1\r\nHost: a\r\nX-Lab-Key: open sesame\r\n\r\n";
    let answer = exchange(server.address(), with_key, Duration::from_secs(30));
    assert_eq!(answer.status(), Some(200));
    let shown = server.get("/diag/env").response().unwrap().text();
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn checking_the_configuration_loads_the_application_and_opens_nothing() {
    let good = Launch::new(Kind::Labrat, "--check-config").run();
    assert_eq!(
        (good.code, good.text(Stream::Error).as_str()),
        (Some(0), "")
    );
    let bad = Launch::new(Kind::Labrat, "--check-config")
        .env("LAB_BOOT_FAIL", "no licence")
        .run();
    assert_eq!(bad.code, Some(1));
    let text = bad.text(Stream::Error);
    assert!(
        text.contains("Error while loading the application:"),
        "{text}"
    );
    assert!(text.ends_with("RuntimeError: no licence\n"), "{text}");
}
