//! The life of a gthread connection beyond one plain request, state by state.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::{
    Connection, Kind, Launch, PATIENCE, Response, Server, both, in_parallel, oracle, poll,
    skip_unless,
};

/// What one state showed.
type Seen = Vec<String>;

/// A state: its name, the server's arguments, and what is done and seen.
type State = (&'static str, &'static str, fn(&mut Server) -> Seen);

const NEXT: &[u8] = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n";

fn told(answer: Option<Response>) -> String {
    answer.map_or_else(
        || "no answer".to_owned(),
        |answer| {
            let connection = answer.header("Connection").unwrap_or("-").to_owned();
            format!("{} {connection}", answer.status)
        },
    )
}

/// An answer that must come.
fn answer(connection: &mut Connection) -> String {
    told(connection.next_response(PATIENCE))
}

/// The answer to a next request. One that the server reads together with the end of the body before
/// it waits for more to come, with both servers.
fn answer_to_the_next(connection: &mut Connection) -> String {
    for _ in 0..20 {
        connection.send(NEXT);
        if let Some(answer) = connection.next_response(Duration::from_secs(1)) {
            return told(Some(answer));
        }
    }
    told(None)
}

/// Nothing may come for a while.
fn silence(connection: &mut Connection) -> String {
    told(connection.next_response(Duration::from_millis(700)))
}

fn end(connection: Connection) -> String {
    format!("then {:?}", connection.end(PATIENCE).ending)
}

fn open(server: &Server, bytes: &[u8]) -> Connection {
    let mut connection = Connection::open(server.address());
    connection.send(bytes);
    connection
}

/// A connection that has had one answer and stays open.
fn idle(server: &Server) -> (Connection, String) {
    let mut connection = open(server, NEXT);
    let first = answer(&mut connection);
    (connection, first)
}

/// The same, and surely kept: either server keeps it only after the answer, and nothing outside tells
/// when it has.
fn kept(server: &Server) -> (Connection, String) {
    let found = idle(server);
    std::thread::sleep(Duration::from_millis(300));
    found
}

/// Wait until the server has acted on the signal.
fn signal(server: &Server, signal: Signal, name: &str) {
    server.signal(signal);
    server.wait_for(&format!("Handling signal: {name}"));
}

const STATES: &[State] = &[
    ("two requests in one write", "--keep-alive 9", |server| {
        let mut connection = open(server, &[NEXT, NEXT].concat());
        let first = answer(&mut connection);
        let silence = silence(&mut connection);
        connection.send(NEXT);
        vec![first, silence, answer(&mut connection)]
    }),
    ("chunked, then the next", "--keep-alive 9", |server| {
        let chunked = b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n";
        let mut connection = open(server, chunked);
        let first = answer(&mut connection);
        connection.send(b"0\r\nX: y\r\n\r\n");
        vec![first, answer_to_the_next(&mut connection)]
    }),
    (
        "a large body that nobody reads",
        "--keep-alive 9",
        |server| {
            let mut request = b"POST /health HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n".to_vec();
            request.resize(request.len() + 3_000_000, b'x');
            let mut connection = open(server, &request);
            let first = answer(&mut connection);
            vec![first, answer_to_the_next(&mut connection)]
        },
    ),
    ("a body that ends early", "--keep-alive 9", |server| {
        let half = b"POST /health HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf";
        let mut connection = open(server, half);
        let first = answer(&mut connection);
        connection.finish();
        vec![first, end(connection)]
    }),
    ("coding gzip", "--keep-alive 9", |server| {
        let gzip = b"POST /health HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n";
        let mut connection = open(server, gzip);
        vec![answer(&mut connection), end(connection)]
    }),
    ("a malformed chunk", "--keep-alive 9", |server| {
        let bad = b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut connection = open(server, bad);
        let first = answer(&mut connection);
        connection.send(b"zz\r\n");
        vec![first, end(connection)]
    }),
    ("a malformed trailer", "--keep-alive 9", |server| {
        let bad = b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        let mut connection = open(server, bad);
        let first = answer(&mut connection);
        connection.send(b"no colon\r\n\r\n");
        vec![first, answer(&mut connection), end(connection)]
    }),
    ("garbage after an answer", "--keep-alive 9", |server| {
        let (mut connection, first) = idle(server);
        connection.send(b"garbage\r\n\r\n");
        vec![first, answer(&mut connection), end(connection)]
    }),
    ("no keep-alive", "--keep-alive 0", |server| {
        let (connection, first) = idle(server);
        vec![first, end(connection)]
    }),
    (
        "one may be kept",
        "--keep-alive 9 --worker-connections 3",
        |server| {
            let (mut kept, first) = idle(server);
            let kept_is_known = poll(PATIENCE, || {
                let (_, second) = idle(server);
                (second == "200 close").then_some(())
            });
            kept.send(NEXT);
            vec![first, format!("{kept_is_known:?}"), answer(&mut kept)]
        },
    ),
    (
        "none can be kept",
        "--keep-alive 9 --worker-connections 2",
        |server| {
            server.wait_for("No keepalived connections can be handled.");
            let (connection, first) = idle(server);
            vec![first, end(connection)]
        },
    ),
    (
        "idle at TERM, then a request",
        "--keep-alive 9 --graceful-timeout 20",
        |server| {
            let (mut connection, first) = kept(server);
            signal(server, Signal::SIGTERM, "term");
            std::thread::sleep(Duration::from_millis(300));
            connection.send(NEXT);
            let second = answer(&mut connection);
            vec![
                first,
                second,
                end(connection),
                format!("{:?}", server.wait_for_end()),
            ]
        },
    ),
    (
        "idle at TERM, and silent",
        "--keep-alive 9 --graceful-timeout 3",
        |server| {
            let (connection, first) = kept(server);
            let began = Instant::now();
            signal(server, Signal::SIGTERM, "term");
            let code = server.wait_for_end();
            // Held open by the silent connection, for the whole graceful timeout.
            let held = began.elapsed() > Duration::from_millis(2500);
            vec![first, format!("{code:?} held {held}"), end(connection)]
        },
    ),
    (
        "idle at HUP, then a request",
        "--keep-alive 9 --graceful-timeout 20",
        |server| {
            let (mut connection, first) = kept(server);
            signal(server, Signal::SIGHUP, "hup");
            server.wait_for_count(2, "Booting worker");
            std::thread::sleep(Duration::from_millis(300));
            connection.send(NEXT);
            vec![first, answer(&mut connection), end(connection)]
        },
    ),
    ("idle at QUIT", "--keep-alive 9", |server| {
        let (connection, first) = kept(server);
        signal(server, Signal::SIGQUIT, "quit");
        vec![
            first,
            format!("{:?}", server.wait_for_end()),
            end(connection),
        ]
    }),
    ("in flight at QUIT", "--keep-alive 9", |server| {
        let mut connection = server.in_flight("/slow?seconds=1");
        std::thread::sleep(Duration::from_millis(300));
        signal(server, Signal::SIGQUIT, "quit");
        let first = answer(&mut connection);
        vec![
            first,
            end(connection),
            format!("{:?}", server.wait_for_end()),
        ]
    }),
    ("in flight at TERM", "--keep-alive 9", |server| {
        let mut connection = open(server, b"GET /slow?seconds=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        server.wait_for_queue(0);
        std::thread::sleep(Duration::from_millis(300));
        signal(server, Signal::SIGTERM, "term");
        let first = answer(&mut connection);
        vec![
            first,
            end(connection),
            format!("{:?}", server.wait_for_end()),
        ]
    }),
    (
        "the last of its requests",
        "--keep-alive 9 --max-requests 3",
        |server| {
            let (mut connection, first) = idle(server);
            connection.send(NEXT);
            let second = answer(&mut connection);
            let gone = end(connection);
            server.wait_for("Autorestarting worker");
            server.wait_for_count(2, "Booting worker");
            vec![first, second, gone]
        },
    ),
];

#[test]
fn a_gthread_connection_lives_and_ends_as_gunicorns_does() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        // Few at a time: each has a server.
        let mut seen = Vec::new();
        for some in STATES.chunks(6) {
            seen.extend(in_parallel(some, |(_, arguments, play)| {
                let launch = Launch::new(kind, &format!("-k gthread --threads 2 {arguments}"));
                play(&mut launch.start().ready())
            }));
        }
        seen
    };
    let (expected, actual) = both(run);
    for (((name, ..), expected), actual) in STATES.iter().zip(&expected).zip(&actual) {
        assert_eq!(expected, actual, "{name}");
    }
}
