//! Raw exchanges by a generator, against the real Gunicorn: methods, targets, versions, headers,
//! lengths, chunks, splits and pipelining, good and bad. Every byte that comes back is compared.
//!
//! `LABRAT_EXCHANGES` sets how many there are, `LABRAT_SEED` another beginning.

use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;

use crate::harness::{
    Address, Connection, Ending, Kind, Launch, PATIENCE, both, oracle, skip_unless,
};

/// Exchanges of each worker class, unless told otherwise.
const EXCHANGES: usize = 1000;
/// Clients at the same time.
const CLIENTS: usize = 6;

fn setting(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One of these; the first one as often as all others together.
fn mostly<'a>(rng: &mut Rng, choices: &[&'a [u8]]) -> &'a [u8] {
    if rng.bool() {
        choices[0]
    } else {
        choices[rng.usize(..choices.len())]
    }
}

const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"get",
    b"GE",
    b"G#T",
    b"FOOBAR",
    b"CONNECT",
    b"TRACE",
    b"",
    b"ABCDEFGHIJKLMNOPQRSTU",
    b"G\xc9T",
    b"GET\t",
];
const TARGETS: &[&[u8]] = &[
    b"/health",
    b"/fast",
    b"/slow?seconds=0",
    b"/nope",
    b"//health",
    b"///fast",
    b"/health?x=1",
    b"/%68ealth",
    b"/health%00",
    b"/health#f",
    b"/health?a#b?c",
    b"http://h/health",
    b"http://h",
    b"http://h?x=1",
    b"http:/health",
    b"http:health",
    b"h://[::1]/fast",
    b"s://]ufd/:",
    b"s://[1.2.3.4]/",
    b"s://[v1.x]/fast",
    b"*",
    b"health",
    b"a:health",
    b"1:health",
    b":health",
    b"",
    b"/he alth",
    b"/h\xe9",
    b"/h\xc3\xa9",
    b"/a\tb",
    b"/health\r",
    b"\x01/health",
    b"?x",
    b"#f",
    b"/",
    b"/health/../fast",
    b"/./health",
    b"/diag//stats",
    b"/health;x",
    b"/health\\",
    b"/<>\"`{}|^",
    b"/health%",
    b"/health%zz",
    b"/HEALTH",
    b"lab:443",
    b"/\x7f",
];
const VERSIONS: &[&[u8]] = &[
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.10",
    b"http/1.1",
    b"HTTP/1.",
    b"",
    b"HTTP/1.1 ",
    b"XTTP/1.1",
    b"HTTP/\xb2.1",
    b"HTTP/1.1\r",
];
const HEADERS: &[&[u8]] = &[
    b"Host: lab",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Close",
    b"connection:\tclose\t",
    b"Connection: upgrade",
    b"Connection: close, x",
    b"Connection:",
    b"X: y",
    b"X_Y: z",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Proto: http",
    b"X-Forwarded-Protocol: ssl",
    b"X-Forwarded-Ssl: on",
    b"X-Forwarded-Ssl: off",
    b"SCRIPT_NAME: /health",
    b"SCRIPT_NAME: /",
    b"SCRIPT_NAME: /x",
    b"Script_Name:",
    b"PATH_INFO: /x",
    b"Expect: 100-continue",
    b"Expect: 100-Continue",
    b"Expect: x",
    b"Expect:",
    b"No colon",
    b": x",
    b"X : y",
    b"X\t: y",
    b"X(: y",
    b"X: a\x00b",
    b"X: a\rb",
    b"X: a\nb",
    b"X: \x07",
    b"X: \xff\x80",
    b"X: a\r\n b",
    b" X: y",
    b"\tX: y",
    b"X:\xa0y\xa0",
    b"\xc9: x",
    b"X:",
    b"X: \t y \t",
    b"Content-Type: text/plain",
    b"User-Agent: x",
    b"Authorization: Basic eDp5",
    b"Upgrade: h2c",
    b"Trailer: X",
    b"TE: trailers",
    b"Range: bytes=0-1",
    b"If-Match: *",
    b"Content-Length: 0",
];
const LENGTHS: &[&[u8]] = &[
    b"5", b"0", b"3", b"9", b"05", b"+5", b"-1", b"5 ", b" 5", b"", b"abc", b"5, 5", b"5_0",
    b"\xb2", b"0x5", b"5.0",
];
const CODINGS: &[&[u8]] = &[
    b"chunked",
    b"Chunked",
    b" chunked ",
    b"gzip",
    b"gzip, chunked",
    b"chunked, gzip",
    b"identity",
    b"identity, chunked",
    b"chunked, chunked",
    b"chunked, identity",
    b"deflate",
    b"foo",
    b"",
    b",",
    b"chunked,",
    b"\x85chunked",
    b"\x1cchunked",
    b"chunked;x=1",
];
const CHUNKS: &[&[u8]] = &[
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\n\r\n",
    b"1\r\na\r\n2\r\nbc\r\n0\r\nX: y\r\n\r\n",
    b"zz\r\n",
    b"5\r\nhelloXX",
    b"5\r\nhel",
    b"5",
    b"\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5 ;x\r\nhello\r\n0\r\n\r\n",
    b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    b"0\r\nno colon\r\n\r\n",
    b"0\r\nX: y\r\n",
    b"00005\r\nhello\r\n000\r\n\r\n",
    b"-5\r\n",
    b"0x5\r\n",
    b"0\r\nContent-Length: 5\r\n\r\nhello",
    b"ffffffffffffffffffff\r\nhello",
    b"A\r\n0123456789\r\n0\r\n\r\n",
];

/// The bytes of one request, or of what looks like one.
fn request(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if rng.u8(..40) == 0 {
        bytes.extend_from_slice(mostly(
            rng,
            &[b"\r\n", b"garbage\r\n\r\n", b"\n", b"\x00\xff"],
        ));
    }
    for (part, end) in [
        (METHODS, b" " as &[u8]),
        (TARGETS, b" "),
        (VERSIONS, b"\r\n"),
    ] {
        bytes.extend_from_slice(mostly(rng, part));
        bytes.extend_from_slice(end);
    }
    for _ in 0..rng.usize(..4) {
        bytes.extend_from_slice(mostly(rng, HEADERS));
        bytes.extend_from_slice(b"\r\n");
    }
    let mut body: &[u8] = b"";
    match rng.u8(..8) {
        0 | 1 => {
            bytes.extend_from_slice(b"Content-Length: ");
            bytes.extend_from_slice(mostly(rng, LENGTHS));
            bytes.extend_from_slice(b"\r\n");
            body = mostly(rng, &[b"hello", b"", b"he", b"hello more"]);
        }
        2 | 3 => {
            bytes.extend_from_slice(b"Transfer-Encoding: ");
            bytes.extend_from_slice(mostly(rng, CODINGS));
            bytes.extend_from_slice(b"\r\n");
            body = mostly(rng, CHUNKS);
        }
        4 => body = mostly(rng, &[b"", b"hello"]),
        _ => {}
    }
    if rng.u8(..30) == 0 {
        bytes.extend_from_slice(b"Content-Length: 5\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    if rng.u8(..20) == 0 {
        bytes.truncate(rng.usize(..=bytes.len()));
    }
}

/// What a client sends, in so many pieces.
fn pieces(number: usize) -> Vec<Vec<u8>> {
    let seed = setting("LABRAT_SEED", 20_261_127);
    let mut rng = Rng::with_seed((seed + number) as u64);
    let mut bytes = Vec::new();
    for _ in 0..=rng.usize(..6) / 3 {
        request(&mut rng, &mut bytes);
    }
    let mut pieces = Vec::new();
    for _ in 0..rng.usize(..4) {
        let rest = bytes.split_off(rng.usize(..=bytes.len()));
        pieces.push(std::mem::replace(&mut bytes, rest));
    }
    pieces.push(bytes);
    pieces
}

fn own_port(address: &Address) -> u16 {
    match address {
        Address::Tcp(address) => address.port(),
        Address::Unix(_) => 0,
    }
}

/// What came back, without what may differ, and how it ended.
fn play(address: &Address, pieces: &[Vec<u8>]) -> (String, Ending) {
    let mut connection = Connection::open(address);
    for piece in pieces {
        connection.send(piece);
    }
    connection.finish();
    let end = connection.end(PATIENCE);
    let text: String = end.bytes.iter().map(|&byte| char::from(byte)).collect();
    // Where no host is named it is the server's own, and each has its own port.
    let text = text.replace(&format!("127.0.0.1:{}", own_port(address)), "<own>");
    let lines = text.split_inclusive("\r\n").map(|line| {
        if line.starts_with("Date: ") {
            "Date: <date>\r\n".to_owned()
        } else if let Some(methods) = line.strip_prefix("Allow: ") {
            let mut methods: Vec<_> = methods.trim_end().split(", ").collect();
            methods.sort_unstable();
            format!("Allow: {}\r\n", methods.join(", "))
        } else {
            line.to_owned()
        }
    });
    (lines.collect(), end.ending)
}

/// Whether two outcomes are the same as far as a reset lets one see: it takes with it what had not
/// been read, and comes or not depending on when the input that nobody reads arrives.
fn agree(expected: &(String, Ending), actual: &(String, Ending)) -> bool {
    let is_torn = |outcome: &(String, Ending)| outcome.1 == Ending::Reset;
    if is_torn(expected) || is_torn(actual) {
        return expected.0.starts_with(&actual.0) || actual.0.starts_with(&expected.0);
    }
    expected == actual
}

fn compare(arguments: &str, differs: impl Fn(&[u8]) -> bool) {
    if skip_unless(oracle()) {
        return;
    }
    let count = setting("LABRAT_EXCHANGES", EXCHANGES);
    let run = |kind| {
        let server = Launch::new(kind, arguments).start().ready();
        let next = AtomicUsize::new(0);
        let mut outcomes: Vec<(usize, (String, Ending))> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut outcomes = Vec::new();
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= count {
                                return outcomes;
                            }
                            outcomes.push((number, play(server.address(), &pieces(number))));
                        }
                    })
                })
                .collect();
            let outcomes = clients.into_iter().map(|client| client.join().unwrap());
            outcomes.flatten().collect()
        });
        outcomes.sort_by_key(|(number, _)| *number);
        let booted = server.booted().len();
        (outcomes, booted)
    };
    let (expected, actual) = both(run);
    let mut wrong = Vec::new();
    for ((number, expected), (_, actual)) in expected.0.iter().zip(&actual.0) {
        let sent = pieces(*number).concat();
        if !agree(expected, actual) && !differs(&sent) {
            let sent = sent.escape_ascii();
            wrong.push(format!(
                "=== {number}: {sent}\n--- Gunicorn, {:?}\n{}\n--- labrat, {:?}\n{}",
                expected.1, expected.0, actual.1, actual.0
            ));
        }
    }
    let shown = wrong.iter().take(30).cloned().collect::<Vec<_>>();
    assert!(
        wrong.is_empty(),
        "{} of {count} exchanges differ\n{}",
        wrong.len(),
        shown.join("\n")
    );
    assert_eq!(expected.1, actual.1, "workers were lost");
}

#[test]
fn a_sync_worker_answers_whatever_comes_as_gunicorns_does() {
    compare("--workers 2", |_| false);
}

#[test]
fn a_gthread_worker_answers_whatever_comes_as_gunicorns_does() {
    compare("--workers 2 --threads 8", |_| false);
}

/// The status codes and the bodies that a gthread Gunicorn and an async labrat answer to requests
/// without fault: hyper refuses what is malformed in its own way.
#[test]
fn an_async_worker_answers_whole_requests_as_gunicorn_does() {
    if skip_unless(oracle()) {
        return;
    }
    let count = setting("LABRAT_EXCHANGES", EXCHANGES) / 4;
    let run = |kind| {
        let class = match kind {
            Kind::Gunicorn => "-k gthread --threads 8",
            Kind::Labrat => "-k async",
        };
        let server = Launch::new(kind, &format!("--workers 1 {class}"))
            .start()
            .ready();
        let mut rng = Rng::with_seed(setting("LABRAT_SEED", 20_261_127) as u64);
        let answers = (0..count).map(|_| {
            let method = mostly(&mut rng, &METHODS[..7]);
            let target = mostly(&mut rng, &TARGETS[..8]);
            let header = mostly(&mut rng, &HEADERS[1..3]);
            let body = mostly(
                &mut rng,
                &[
                    b"",
                    b"Content-Length: 5\r\n\r\nhello",
                    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                ],
            );
            let end: &[u8] = if body.is_empty() { b"\r\n" } else { body };
            let mut bytes = [method, b" ", target, b" HTTP/1.1\r\nHost: lab\r\n"].concat();
            bytes.extend_from_slice(&[header, b"\r\n", end].concat());
            let mut connection = Connection::open(server.address());
            connection.send(&bytes);
            connection.finish();
            let answer = connection.end(PATIENCE).response();
            let told = answer.map(|answer| {
                let kind = answer.header("Content-Type").map(str::to_owned);
                (answer.status, answer.reason.clone(), kind, answer.text())
            });
            (bytes.escape_ascii().to_string(), told)
        });
        answers.collect::<Vec<_>>()
    };
    let (expected, actual) = both(run);
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected, actual);
    }
}

#[test]
fn the_generator_makes_the_same_exchanges_for_the_same_seed_and_others_for_others() {
    assert_eq!(pieces(7), pieces(7));
    assert_ne!(pieces(7), pieces(8));
}
