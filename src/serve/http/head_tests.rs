//! What Gunicorn accepts and refuses, one line each.

use super::*;
use crate::serve::settings::HeaderMap;

const LIMITS: HeadLimits = HeadLimits {
    line: 4094,
    fields: 100,
    field_size: 8190,
};

/// What nobody has set.
pub const RULES: HeadRules = HeadRules {
    limits: LIMITS,
    header_map: HeaderMap::Drop,
    forwarder_headers: Vec::new(),
};

fn parse(input: &[u8], limits: HeadLimits) -> Result<Progress, Refused> {
    let rules = HeadRules { limits, ..RULES };
    HeadParser::default().parse(input, &rules, false)
}

fn refusal(input: &[u8]) -> Rejection {
    parse(input, LIMITS).expect_err("must be refused").rejection
}

fn head(input: &[u8]) -> Head {
    match parse(input, LIMITS) {
        Ok(Progress::Complete(head)) => head,
        other => panic!("expected a complete head, got {other:?}"),
    }
}

#[test]
fn a_plain_request_is_read_whole() {
    let head = head(b"GET /health?x=1 HTTP/1.1\r\nHost: a\r\nX-Test:  v \r\n\r\nrest");
    assert_eq!(head.method, "GET");
    assert_eq!(head.path_and_query("").unwrap(), "/health?x=1");
    assert_eq!(head.header("X-TEST"), Some("v"));
    assert_eq!(head.body, BodyFraming::Length(0));
    assert_eq!(head.consumed, 50);
}

#[test]
fn a_head_without_headers_and_host_is_accepted() {
    assert!(head(b"GET / HTTP/1.1\r\n\r\n").headers.is_empty());
}

#[test]
fn an_unfinished_head_waits_for_more() {
    for input in [
        &b""[..],
        b"GET /",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
    ] {
        assert_eq!(parse(input, LIMITS), Ok(Progress::Partial), "{input:?}");
    }
    assert_eq!(
        parse(b"GET / HTTP/1.1\nHost: a\n\n", LIMITS),
        Ok(Progress::Partial)
    );
}

#[test]
fn request_lines_are_judged_before_any_header() {
    assert_eq!(
        refusal(b"garbage\r\n"),
        Rejection::RequestLine("garbage".into())
    );
    assert_eq!(
        refusal(b"\r\nGET / HTTP/1.1\r\n"),
        Rejection::RequestLine(String::new())
    );
    assert_eq!(
        refusal(b"get / HTTP/1.1\r\n"),
        Rejection::Method("get".into())
    );
    assert_eq!(
        refusal(b"GE / HTTP/1.1\r\n"),
        Rejection::Method("GE".into())
    );
    assert_eq!(
        refusal(b"G(T / HTTP/1.1\r\n"),
        Rejection::Method("G(T".into())
    );
    assert_eq!(
        refusal(b"GET / XTTP/1.1\r\n"),
        Rejection::VersionText("XTTP/1.1".into())
    );
    assert_eq!(
        refusal(b"GET /a b HTTP/1.1\r\n"),
        Rejection::VersionText("b HTTP/1.1".into())
    );
    assert_eq!(
        refusal(b"GET / HTTP/2.0\r\n"),
        Rejection::VersionNumber(2, 0)
    );
}

#[test]
fn later_minor_versions_are_echoed_not_refused() {
    assert_eq!(head(b"GET / HTTP/1.2\r\n\r\n").version, (1, 2));
}

#[test]
fn the_request_line_may_be_as_long_as_the_limit_and_no_longer() {
    let line = |length: usize| {
        let mut line = format!("GET /{} HTTP/1.1", "a".repeat(length - 14)).into_bytes();
        assert_eq!(line.len(), length);
        line.extend_from_slice(b"\r\n\r\n");
        line
    };
    assert!(parse(&line(4094), LIMITS).is_ok());
    assert_eq!(refusal(&line(4095)), Rejection::LineTooLong(4095, 4094));
    assert_eq!(
        refusal(&vec![b'a'; 8192]),
        Rejection::LineTooLong(8192, 4094)
    );
}

#[test]
fn header_fields_are_counted_and_measured() {
    let fields = |count: usize| {
        let mut text = String::from("GET / HTTP/1.1\r\n");
        for index in 0..count {
            text.push_str(&format!("X{index}: 1\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    };
    assert!(parse(&fields(100), LIMITS).is_ok());
    assert_eq!(
        refusal(&fields(101)),
        Rejection::HeadersTooLarge("limit request headers fields")
    );
    let sized = |length: usize| {
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "v".repeat(length - 5)).into_bytes()
    };
    assert!(parse(&sized(8190), LIMITS).is_ok());
    assert_eq!(
        refusal(&sized(8191)),
        Rejection::HeadersTooLarge("limit request headers fields size")
    );
}

#[test]
fn malformed_headers_are_refused_with_what_was_wrong() {
    let header = |quoted: &str, framing| Rejection::Header {
        quoted: quoted.into(),
        framing,
    };
    let with = |line: &str| refusal(format!("GET / HTTP/1.1\r\n{line}\r\n\r\n").as_bytes());
    assert_eq!(with("nocolon"), header("nocolon", false));
    assert_eq!(with(": empty"), header(": empty", false));
    assert_eq!(with("X : v"), Rejection::HeaderName("X ".into()));
    assert_eq!(with("X: a\0b"), header("X", false));
    assert_eq!(with("X: a\r\n b"), Rejection::Folding("X".into()));
    assert_eq!(with("Expect: foo"), Rejection::Expectation("foo".into()));
    assert_eq!(
        with("Transfer-Encoding: foo"),
        Rejection::TransferCoding("foo".into())
    );
    assert_eq!(
        with("Transfer-Encoding: chunked, chunked"),
        header("TRANSFER-ENCODING", true)
    );
    for value in [
        "abc",
        "-1",
        "+5",
        "",
        "1\r\nContent-Length: 1",
        "1\r\nTransfer-Encoding: chunked",
    ] {
        assert_eq!(
            with(&format!("Content-Length: {value}")),
            header("CONTENT-LENGTH", true),
            "{value:?}"
        );
    }
}

#[test]
fn names_with_an_underscore_are_dropped() {
    assert!(head(b"GET / HTTP/1.1\r\nX_A: 1\r\n\r\n").headers.is_empty());
}

#[test]
fn targets_of_every_form_become_a_path() {
    let path = |target: &str| {
        head(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes())
            .path_and_query("")
            .unwrap()
            .into_owned()
    };
    assert_eq!(path("http://host/health?a"), "/health?a");
    assert_eq!(path("http://host"), "");
    assert_eq!(path("http://host?a"), "?a");
    assert_eq!(path("x:health"), "/health");
    assert_eq!(path("*"), "/*");
    assert_eq!(path("/health#x"), "/health");
    assert_eq!(path("//health"), "//health");
}

#[test]
fn the_connection_header_decides_over_the_version() {
    let keeps = |text: &str| head(text.as_bytes()).keeps_alive();
    assert!(keeps("GET / HTTP/1.1\r\n\r\n"));
    assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
    assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    assert!(!keeps("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
}

#[test]
fn names_with_an_underscore_are_kept_or_refused_as_the_two_settings_say() {
    let input = b"GET / HTTP/1.1\r\nX_A: 1\r\nSCRIPT_NAME: /x\r\n\r\n";
    let kept = |header_map, forwarders: &[&str], is_trusted| {
        let rules = HeadRules {
            header_map,
            forwarder_headers: forwarders.iter().map(ToString::to_string).collect(),
            ..RULES
        };
        match HeadParser::default().parse(input, &rules, is_trusted) {
            Ok(Progress::Complete(head)) => Some(head.headers.len()),
            Ok(Progress::Partial) => panic!("it is whole"),
            Err(refused) => {
                assert_eq!(refused.rejection, Rejection::HeaderName("X_A".to_owned()));
                None
            }
        }
    };
    assert_eq!(kept(HeaderMap::Drop, &[], true), Some(0));
    assert_eq!(kept(HeaderMap::Drop, &["SCRIPT_NAME"], true), Some(1));
    assert_eq!(kept(HeaderMap::Drop, &["script_name"], true), Some(0));
    assert_eq!(kept(HeaderMap::Drop, &["*"], true), Some(2));
    assert_eq!(kept(HeaderMap::Drop, &["*"], false), Some(0));
    assert_eq!(kept(HeaderMap::Dangerous, &[], false), Some(2));
    assert_eq!(kept(HeaderMap::Refuse, &["SCRIPT_NAME"], true), None);
    assert_eq!(
        kept(HeaderMap::Refuse, &["X_A", "SCRIPT_NAME"], true),
        Some(2)
    );
    let trailers = |header_map| {
        parse_trailers(
            b"X_A: 1",
            &HeadRules {
                header_map,
                ..RULES
            },
        )
    };
    assert!(trailers(HeaderMap::Drop).is_ok());
    assert!(trailers(HeaderMap::Refuse).is_err());
}

proptest::proptest! {
    #[test]
    fn no_input_makes_the_parser_panic(input: Vec<u8>) {
        let _ = parse(&input, LIMITS);
    }

    #[test]
    fn a_head_cut_anywhere_is_partial_or_refused_but_never_complete(cut in 0usize..50) {
        let whole = b"GET /health?x=1 HTTP/1.1\r\nHost: a\r\nX-Test:  v \r\n\r\n";
        let progress = parse(&whole[..cut.min(whole.len() - 1)], LIMITS);
        proptest::prop_assert!(!matches!(progress, Ok(Progress::Complete(_))));
    }
}

#[test]
fn a_head_that_dribbles_in_is_read_in_linear_time() {
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    for number in 0..100 {
        let filler = "x".repeat(8000);
        head.extend_from_slice(format!("X-{number}: {filler}\r\n").as_bytes());
    }
    head.truncate(head.len() - 20_000);
    let began = std::time::Instant::now();
    let mut parser = HeadParser::default();
    for end in 1..=head.len() {
        let progress = parser.parse(&head[..end], &RULES, false);
        assert_eq!(progress, Ok(Progress::Partial));
    }
    // From byte 0 each time it would be half an hour.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn a_coding_whose_end_is_not_known_ends_the_connection() {
    let head = head(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n");
    assert!(head.must_close && !head.keeps_alive());
}

#[test]
fn schemes_are_compared_only_where_the_client_is_trusted() {
    let input = b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n";
    let parse = |is_trusted| HeadParser::default().parse(input, &RULES, is_trusted);
    assert_eq!(parse(true).unwrap_err().rejection, Rejection::SchemeHeaders);
    assert!(parse(false).is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(crate::serve::http::fuzz_cases()))]

    /// However a head is split, it means the same.
    #[test]
    fn pieces_of_a_head_mean_what_the_whole_means(
        input in proptest::collection::vec(proptest::sample::select(
            &b"GET /x HTTP/1.1\r\n\r\nHost: a\r\n: _\x00\xff"[..]), 0..80),
        at_a_time in 1_usize..9,
        is_trusted in proptest::bool::ANY,
    ) {
        let whole = HeadParser::default().parse(&input, &RULES, is_trusted);
        let mut parser = HeadParser::default();
        let mut last = Ok(Progress::Partial);
        let mut end = 0;
        while end < input.len() && last == Ok(Progress::Partial) {
            end = (end + at_a_time).min(input.len());
            last = parser.parse(&input[..end], &RULES, is_trusted);
        }
        proptest::prop_assert_eq!(last, whole);
    }
}
