//! How long an idle connection of an async worker lives, and what is not idle.

use crate::harness::{Address, Connection, Ending, Kind, Launch, PATIENCE, Response};

/// Settings whose sum is several times what a socket holds.
const SETTINGS: usize = 12;
const BYTES: usize = 100_000;

#[test]
fn a_client_that_is_slow_to_read_gets_its_whole_answer_and_is_idle_only_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    // A socket file: its buffers do not grow, as those of loopback do.
    let bind = format!("--bind=unix:{}", path.display());
    let mut launch = Launch::new(Kind::Labrat, "--workers 1 -k async --keep-alive 1")
        .without_bind()
        .argument(bind);
    for number in 0..SETTINGS {
        launch = launch.env(&format!("LAB_FILLER_{number}"), "x".repeat(BYTES));
    }
    let _server = launch.start().ready();
    let address = Address::Unix(path);
    let mut slow = Connection::open(&address);
    slow.send(b"GET /diag/env HTTP/1.1\r\nHost: a\r\n\r\n");
    // Idle connections that come and go say that the time of --keep-alive has passed twice.
    for _ in 0..2 {
        let mut idle = Connection::open(&address);
        idle.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(
            idle.next_response(PATIENCE).map(|answer| answer.status),
            Some(200)
        );
        assert_eq!(idle.end(PATIENCE).ending, Ending::Finished);
    }
    let answer = slow.end(PATIENCE);
    let response = Response::parse(&answer.bytes);
    let is_whole = response.is_some_and(|response| response.is_complete());
    assert!(is_whole, "{} bytes", answer.bytes.len());
    assert!(answer.bytes.len() > SETTINGS * BYTES);
    assert_eq!(answer.ending, Ending::Finished, "then it was idle");
}
