//! Malformed and hostile input: the same answer, the same close, and nobody is harmed by it.

use std::time::Duration;

use crate::harness::{
    Connection, Ending, Exchange, Launch, PATIENCE, both, normal_response, oracle, poll,
    skip_unless,
};

/// One input.
struct Input {
    name: &'static str,
    bytes: fn() -> Vec<u8>,
    after: After,
}

/// What the client does when it has sent its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Wait for the end.
    Waits,
    /// Wait for the end, which is a reset or in order depending on what of the unread input had
    /// arrived when the server closed; the answer itself may be lost with it.
    WaitsForAnyEnd,
    /// Say that nothing more comes, then wait.
    Finishes,
}

use After::{Finishes, Waits, WaitsForAnyEnd};

macro_rules! inputs {
    ($($name:literal, $after:ident, $bytes:expr;)*) => {
        &[$(Input { name: $name, bytes: || Vec::from($bytes), after: $after },)*]
    };
}

/// A GET of `/health` with one more header line.
fn with_header(line: &str) -> Vec<u8> {
    format!("GET /health HTTP/1.1\r\nHost: lab\r\n{line}\r\n\r\n").into_bytes()
}

/// A request line of exactly so many bytes, its line end not counted.
fn request_line(length: usize) -> Vec<u8> {
    let filler = "x".repeat(length - "GET /?".len() - " HTTP/1.1".len());
    format!("GET /?{filler} HTTP/1.1\r\nHost: lab\r\n\r\n").into_bytes()
}

/// So many header lines.
fn headers(count: usize) -> Vec<u8> {
    let lines: String = (0..count)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    format!("GET /health HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

/// One header line of so many bytes, its line end counted.
fn header_line(length: usize) -> Vec<u8> {
    let filler = "x".repeat(length - "X-Long: \r\n".len());
    with_header(&format!("X-Long: {filler}"))
}

const INPUTS: &[Input] = inputs! {
    "a word", Waits, b"garbage\r\n\r\n";
    "binary", Waits, b"\x00\x01\xfe\xff\r\n\r\n";
    "only line ends", Waits, b"\r\n\r\n";
    "an empty line first", Waits, b"\r\nGET /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "two empty lines first", Waits, b"\r\n\r\nGET /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "lower-case method", Waits, b"get /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "short method", Waits, b"GE /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "long method", Waits, b"ABCDEFGHIJKLMNOPQRSTU /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "method with a bad character", Waits, b"G(T /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "method with a hash", Waits, b"GE#T /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "unknown method", Waits, b"FOOBAR /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "no version", Waits, b"GET /health\r\n\r\n";
    "version 2.0", Waits, b"GET /health HTTP/2.0\r\nHost: lab\r\n\r\n";
    "version 0.9", Waits, b"GET /health HTTP/0.9\r\nHost: lab\r\n\r\n";
    "version 1.2", Waits, b"GET /health HTTP/1.2\r\nHost: lab\r\n\r\n";
    "version 1.10", Waits, b"GET /health HTTP/1.10\r\nHost: lab\r\n\r\n";
    "no HTTP", Waits, b"GET /health XTTP/1.1\r\nHost: lab\r\n\r\n";
    "a preface of HTTP/2", Waits, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    "space in the path", Waits, b"GET /he alth HTTP/1.1\r\nHost: lab\r\n\r\n";
    "two spaces", Waits, b"GET  /health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "raw UTF-8 in the path", Waits, "GET /h\u{e9}alth HTTP/1.1\r\nHost: lab\r\n\r\n".as_bytes();
    "an escaped NUL in the path", Waits, b"GET /health%00 HTTP/1.1\r\nHost: lab\r\n\r\n";
    "a fragment", Waits, b"GET /health#x HTTP/1.1\r\nHost: lab\r\n\r\n";
    "dots", Waits, b"GET /../health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "absolute form", Waits, b"GET http://elsewhere/health HTTP/1.1\r\nHost: lab\r\n\r\n";
    "an asterisk", Waits, b"OPTIONS * HTTP/1.1\r\nHost: lab\r\n\r\n";
    "CONNECT", Waits, b"CONNECT lab:443 HTTP/1.1\r\nHost: lab\r\n\r\n";
    "PROXY protocol", Waits, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n\r\n";
    "no host", Waits, b"GET /health HTTP/1.1\r\n\r\n";
    "two hosts", Waits, b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    "line of 4094 bytes", Waits, request_line(4094);
    "line of 4095 bytes", Waits, request_line(4095);
    "line of 10000 bytes", WaitsForAnyEnd, request_line(10_000);
    "100 headers", Waits, headers(100);
    "101 headers", Waits, headers(101);
    "header line of 8190 bytes", Waits, header_line(8190);
    "header line of 8191 bytes", Waits, header_line(8191);
    "header line of 20000 bytes", WaitsForAnyEnd, header_line(20_000);
    "unfinished header of 900 KB", WaitsForAnyEnd,
        format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(900_000)).into_bytes();
    "no colon", Waits, with_header("Nonsense");
    "empty header name", Waits, with_header(": value");
    "space before the colon", Waits, with_header("X : value");
    "bad character in a header name", Waits, with_header("X(Y): value");
    "underscore in a header name", Waits, with_header("X_Y: value");
    "NUL in a value", Waits, with_header("X: a\0b");
    "CR in a value", Waits, with_header("X: a\rb");
    "bell in a value", Waits, with_header("X: a\x07b");
    "Latin-1 in a value", Waits,
        [b"GET /health HTTP/1.1\r\nX: \xe9\r\n\r\n".as_slice()].concat();
    "folded header", Waits, with_header("X: a\r\n b");
    "length abc", Waits, with_header("Content-Length: abc");
    "length -1", Waits, with_header("Content-Length: -1");
    "length +5", Waits, with_header("Content-Length: +5");
    "empty length", Waits, with_header("Content-Length: ");
    "length of 30 digits", Waits, with_header(&format!("Content-Length: {}", "9".repeat(30)));
    "same length twice", Waits, with_header("Content-Length: 0\r\nContent-Length: 0");
    "two lengths", Waits, with_header("Content-Length: 0\r\nContent-Length: 5");
    "length and coding", Waits, with_header("Content-Length: 5\r\nTransfer-Encoding: chunked");
    "chunked in 1.0", Waits,
        b"GET /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    "chunked twice", Waits, with_header("Transfer-Encoding: chunked, chunked");
    "coding gzip", Waits, with_header("Transfer-Encoding: gzip");
    "coding gzip, chunked", Waits, with_header("Transfer-Encoding: gzip, chunked");
    "coding identity", Waits, with_header("Transfer-Encoding: identity");
    "coding foo", Waits, with_header("Transfer-Encoding: foo");
    "a chunked body that nobody reads", WaitsForAnyEnd,
        b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    "a bad chunk size that nobody reads", WaitsForAnyEnd,
        b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n";
    "Expect: 100-continue", Waits,
        b"GET /fast HTTP/1.1\r\nHost: lab\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    "Expect: foo", Waits, with_header("Expect: foo");
    "a body with a GET", WaitsForAnyEnd,
        b"GET /health HTTP/1.1\r\nHost: lab\r\nContent-Length: 5\r\n\r\nhello";
    "a body of 100 KB that nobody reads", WaitsForAnyEnd,
        format!("POST /fast HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000))
            .into_bytes();
    "two requests at once", WaitsForAnyEnd,
        b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n";
    "nothing, then the end", Finishes, b"";
    "half a line, then the end", Finishes, b"GET /hea";
    "half a head, then the end", Finishes, b"GET /health HTTP/1.1\r\nHost: l";
    "half a body, then the end", Finishes,
        b"GET /health HTTP/1.1\r\nHost: lab\r\nContent-Length: 50\r\n\r\nhello";
    "a whole request, then the end", Finishes, b"GET /health HTTP/1.1\r\nHost: lab\r\n\r\n";
};

/// What one input did.
#[derive(Debug, PartialEq, Eq)]
struct Observation {
    answer: String,
    ending: Option<Ending>,
    health_afterwards: Option<u16>,
    workers_lost: usize,
}

fn observe(input: &Input, exchange: &Exchange) -> (String, Option<Ending>) {
    // What a reset leaves of an answer depends on when it arrives.
    let torn = input.after == WaitsForAnyEnd;
    let answer = match exchange.response() {
        Some(response) if torn => format!("{} {}", response.status, response.reason),
        Some(response) => normal_response(&response),
        None if torn && exchange.ending == Ending::Reset => "torn".to_owned(),
        None => format!("{exchange}"),
    };
    (answer, (!torn).then_some(exchange.ending))
}

#[test]
fn malformed_requests_are_answered_or_closed_as_gunicorn_does_and_no_worker_is_lost() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1").start().ready();
        let observed = INPUTS.iter().map(|input| {
            let before = server.workers();
            let mut connection = Connection::open(server.address());
            connection.send(&(input.bytes)());
            if input.after == Finishes {
                connection.finish();
            }
            let (answer, ending) = observe(input, &connection.end(PATIENCE));
            let health_afterwards = server.get("/health").status();
            let after = server.workers();
            Observation {
                answer,
                ending,
                health_afterwards,
                workers_lost: before.iter().filter(|pid| !after.contains(pid)).count(),
            }
        });
        observed.collect::<Vec<_>>()
    };
    let (expected, actual) = both(run);
    let mut wrong = Vec::new();
    for ((input, expected), actual) in INPUTS.iter().zip(&expected).zip(&actual) {
        let torn =
            input.after == WaitsForAnyEnd && (expected.answer == "torn" || actual.answer == "torn");
        let same = if torn {
            expected.health_afterwards == actual.health_afterwards
                && expected.workers_lost == actual.workers_lost
        } else {
            expected == actual
        };
        if !same {
            wrong.push(format!(
                "=== {}\n--- Gunicorn\n{expected:#?}\n--- labrat\n{actual:#?}",
                input.name
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join("\n").replace("\\n", "\n")
    );
}

/// Inputs to which there is no answer until the worker has been silent for too long.
const HOLDING: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("garbage without a line end", b"garbage"),
    (
        "a TLS hello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ),
    ("bare line feeds", b"GET /health HTTP/1.1\nHost: lab\n\n"),
    ("half a head", b"GET /health HTTP/1.1\r\nHost: lab\r\n"),
];

#[test]
fn a_silent_client_holds_a_sync_worker_until_the_timeout_and_then_gets_the_500_page() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        std::thread::scope(|scope| {
            let holding = HOLDING.iter().map(|(name, bytes)| {
                scope.spawn(move || {
                    let server = Launch::new(kind, "--workers 1 --timeout 1").start().ready();
                    let mut attacker = Connection::open(server.address());
                    attacker.send(bytes);
                    let page = attacker.end(PATIENCE);
                    let answer = page.response().map(|answer| normal_response(&answer));
                    server.wait_for_count(2, "Booting worker");
                    server.wait_for("WORKER TIMEOUT");
                    let unread = server
                        .lines()
                        .iter()
                        .any(|line| line.text.contains("(no URI read)"));
                    let others = server.get("/health").status();
                    (
                        *name,
                        answer,
                        page.ending,
                        unread,
                        others,
                        server.booted().len(),
                    )
                })
            });
            let holding: Vec<_> = holding.collect();
            holding
                .into_iter()
                .map(|client| client.join().expect("a case must not panic"))
                .collect::<Vec<_>>()
        })
    };
    let (expected, actual) = both(run);
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected, actual);
    }
}

#[test]
fn a_trickling_client_is_cut_off_by_the_timeout_however_often_it_sends() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1 --timeout 1").start().ready();
        let mut attacker = Connection::open(server.address());
        attacker.send(b"GET /health HTTP/1.1\r\nX: ");
        let cut_off = poll(PATIENCE, || {
            attacker.send(b"y");
            let ending = attacker.read_until(Duration::from_millis(100), |bytes| !bytes.is_empty());
            (ending != Some(Ending::GaveUp)).then_some(())
        });
        assert!(cut_off.is_some(), "the trickle is never cut off");
        server.wait_for_count(2, "Booting worker");
        let status = attacker.end(PATIENCE).status();
        (status, server.get("/health").status())
    };
    let (expected, actual) = both(run);
    // The page may be lost in the reset that answers the next byte of the trickle.
    for (status, health) in [expected, actual] {
        assert!(matches!(status, None | Some(500)), "{status:?}");
        assert_eq!(health, Some(200));
    }
}
