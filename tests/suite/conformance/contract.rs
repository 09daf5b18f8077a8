//! Every route, method and kind of miss: status line, header names and order, bodies.

use crate::differences::{self, Difference};
use crate::harness::{
    Exchange, Launch, PATIENCE, both, covers, exchange, normal_head, normal_response, oracle,
    skip_unless,
};

/// How two answers are compared.
#[derive(Debug, Clone, Copy)]
enum Compare {
    /// Every byte, the date and the order of `Allow` excepted.
    Everything,
    /// Status line and headers; the body has all keys of the oracle's, with values of their form.
    Keys,
    /// As this entry of the table of differences allows.
    Allowed(&'static Difference),
}

use Compare::{Allowed, Everything, Keys};

const CASES: &[(&str, Compare)] = &[
    ("GET / HTTP/1.1", Everything),
    ("GET /health HTTP/1.1", Everything),
    ("GET /ready HTTP/1.1", Keys),
    ("GET /fast HTTP/1.1", Everything),
    ("GET /slow?seconds=0 HTTP/1.1", Everything),
    ("GET /slow?seconds=0.25 HTTP/1.1", Everything),
    ("GET /leak HTTP/1.1", Everything),
    ("GET /leak HTTP/1.1", Everything),
    ("GET /heavy HTTP/1.1", Everything),
    ("GET /config HTTP/1.1", Keys),
    ("GET /diag/stats HTTP/1.1", Keys),
    ("GET /diag/env HTTP/1.1", Everything),
    ("GET /diag/proc HTTP/1.1", Keys),
    ("GET /diag/slots HTTP/1.1", Keys),
    ("DELETE /leak HTTP/1.1", Everything),
    ("HEAD / HTTP/1.1", Everything),
    ("HEAD /health HTTP/1.1", Everything),
    ("HEAD /leak HTTP/1.1", Everything),
    ("HEAD /nope HTTP/1.1", Everything),
    ("OPTIONS / HTTP/1.1", Everything),
    ("OPTIONS /health HTTP/1.1", Everything),
    ("OPTIONS /leak HTTP/1.1", Everything),
    ("OPTIONS /lab/reset HTTP/1.1", Everything),
    ("OPTIONS /nope HTTP/1.1", Everything),
    ("POST / HTTP/1.1", Everything),
    ("POST /health HTTP/1.1", Everything),
    ("PUT /health HTTP/1.1", Everything),
    ("DELETE /health HTTP/1.1", Everything),
    ("PATCH /slow HTTP/1.1", Everything),
    ("FOOBAR /health HTTP/1.1", Everything),
    ("GET /lab/reset HTTP/1.1", Everything),
    ("GET /nope HTTP/1.1", Everything),
    ("GET /nope/ HTTP/1.1", Everything),
    ("GET /diag HTTP/1.1", Everything),
    ("GET /diag/ HTTP/1.1", Everything),
    ("GET /Health HTTP/1.1", Everything),
    ("GET /fast/ HTTP/1.1", Everything),
    (
        "GET /health/ HTTP/1.1",
        Allowed(&differences::TRAILING_SLASH),
    ),
    (
        "GET /ready/ HTTP/1.1",
        Allowed(&differences::TRAILING_SLASH),
    ),
    ("GET //health HTTP/1.1", Everything),
    ("GET /%68ealth HTTP/1.1", Everything),
    ("GET /diag//env HTTP/1.1", Everything),
    ("GET /health?x=1&y=2 HTTP/1.1", Everything),
    ("GET /health?a=%zz&&==& HTTP/1.1", Everything),
    ("GET /?q#part HTTP/1.1", Everything),
    ("GET / HTTP/1.0", Everything),
    ("GET /health HTTP/1.0", Everything),
    ("GET /nope HTTP/1.0", Everything),
    ("HEAD /health HTTP/1.0", Everything),
    ("GET /health HTTP/1.1\r\nConnection: keep-alive", Everything),
    ("GET /health HTTP/1.0\r\nConnection: keep-alive", Everything),
    ("GET /health HTTP/1.1\r\nConnection: close", Everything),
    ("GET /health HTTP/1.1\r\nUser-Agent: AlwaysOn", Everything),
    ("GET /health HTTP/1.1\r\nAccept: text/plain", Everything),
    ("GET /health HTTP/1.1\r\nAccept-Encoding: gzip", Everything),
    (
        "GET /health HTTP/1.1\r\nX-Forwarded-Proto: https",
        Everything,
    ),
    ("GET /health HTTP/1.1\r\nContent-Length: 0", Everything),
    // What was counted on the way here.
    ("GET /diag/stats HTTP/1.1", Keys),
];

#[test]
fn every_route_method_and_miss_is_answered_as_flask_under_gunicorn_does() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1")
            .env("LAB_NOTE", "h\u{e9}llo \"quoted\" \\ \u{1f400}")
            .env("DB_CONNECTION_STRING", "host=db1")
            .start();
        let ask = |head: &&str| {
            let bytes = format!("{head}\r\nHost: lab\r\n\r\n");
            exchange(server.address(), bytes.as_bytes(), PATIENCE)
        };
        CASES.iter().map(|(head, _)| ask(head)).collect::<Vec<_>>()
    };
    let (expected, actual) = both(run);
    let mut wrong = Vec::new();
    for (((case, compare), expected), actual) in CASES.iter().zip(&expected).zip(&actual) {
        if let Err(why) = compare_one(*compare, expected, actual) {
            wrong.push(format!("=== {case}\n{why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare_one(compare: Compare, expected: &Exchange, actual: &Exchange) -> Result<(), String> {
    let (Some(gunicorn), Some(labrat)) = (expected.response(), actual.response()) else {
        return Err(format!("Gunicorn: {expected}, labrat: {actual}"));
    };
    if expected.ending != actual.ending {
        return Err(format!("Gunicorn: {expected}, labrat: {actual}"));
    }
    let differ = |left: String, right: String| {
        if left == right {
            return Ok(());
        }
        Err(format!("--- Gunicorn\n{left}\n--- labrat\n{right}"))
    };
    match compare {
        Everything => differ(normal_response(&gunicorn), normal_response(&labrat)),
        Keys => {
            let (Some(left), Some(right)) = (gunicorn.json(), labrat.json()) else {
                return Err("no JSON".to_owned());
            };
            covers(&left, &right)?;
            // The lengths differ with the figures.
            let head = |response| {
                let head: String = normal_head(response);
                head.lines()
                    .filter(|line| !line.starts_with("Content-Length: "))
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            differ(head(&gunicorn), head(&labrat))
        }
        Allowed(difference) => {
            difference.holds(gunicorn.status == 404 && labrat.status == 200);
            Ok(())
        }
    }
}

#[test]
fn counters_count_the_same_requests_under_the_same_names() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1").start();
        for (head, _) in CASES
            .iter()
            .filter(|(_, compare)| matches!(compare, Everything))
        {
            let bytes = format!("{head}\r\nHost: lab\r\n\r\n");
            exchange(server.address(), bytes.as_bytes(), PATIENCE);
        }
        let mut stats = server.json("/diag/stats");
        let pid = stats["pid"].as_u64().map(|pid| u32::try_from(pid).unwrap());
        assert_eq!(
            pid,
            server.booted().first().copied(),
            "the worker's own pid"
        );
        for own in ["pid", "process_start_time", "uptime_seconds"] {
            stats[own].take();
        }
        stats
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn the_digest_of_the_configuration_is_the_labs() {
    use sha2::{Digest, Sha256};
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1")
            .env("DB_CONNECTION_STRING", "host=db1;database=orders")
            .env("EXPECTED_DB_CONNECTION_STRING", "host=db2")
            .env("WEBSITE_SLOT_NAME", "staging")
            .start();
        let slots = server.json("/diag/slots");
        // Keys sorted, no spaces: serde_json writes a map so.
        let text = slots["current_config"].to_string();
        let digest: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(slots["config_hash"], digest, "{kind:?}");
        assert_eq!(
            slots["current_config"]["PROCESS_START_UTC"],
            slots["process_start_time"]
        );
        (
            slots["expected_vs_actual"].clone(),
            slots["slot_relevant_env"].clone(),
        )
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}
