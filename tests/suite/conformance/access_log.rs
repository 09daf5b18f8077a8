//! The access log: default format, every atom, and what a cut-off or refused request leaves.

use nix::unistd::geteuid;

use crate::differences;
use crate::harness::{
    Kind, Launch, PATIENCE, Server, Stream, both, exchange, oracle, poll, skip_unless,
};

/// Every atom whose value does not depend on the moment.
const FORMAT: &str = "%(h)s %(l)s %(u)s \"%(r)s\" %(s)s %(m)s %(U)s %(q)s %(H)s %(b)s %(B)s \
                      \"%(f)s\" \"%(a)s\" %({x-note}i)s %({content-type}o)s %({server}o)s \
                      %({connection}o)s %({request_method}e)s %({path_info}e)s %({nothing}e)s \
                      %({nothing}i)s %(z)s %%";

/// Requests, some with what a log must survive.
const REQUESTS: &[&str] = &[
    "GET /fast HTTP/1.1\r\nHost: lab\r\n\r\n",
    "GET /fast?a=1&b=2 HTTP/1.1\r\nHost: lab\r\nX-Note: hello\r\n\r\n",
    "GET /nope HTTP/1.1\r\nReferer: http://elsewhere/\r\nUser-Agent: curl/8\r\n\r\n",
    "HEAD /health HTTP/1.0\r\n\r\n",
    "POST /health HTTP/1.1\r\nUser-Agent: with \"quotes\" \\ and \u{e9}\r\n\r\n",
    "GET /health HTTP/1.1\r\nAuthorization: Basic Ym9iOnNlY3JldA==\r\n\r\n",
    "GET /health HTTP/1.1\r\nAuthorization: nonsense\r\n\r\n",
    "GET /%68ealth HTTP/1.1\r\nX-Note: two\r\nX-Note: notes\r\n\r\n",
    "OPTIONS /health HTTP/1.1\r\n\r\n",
    "garbage\r\n\r\n",
    "GET /health HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
];

fn logged(server: &Server, count: usize) -> Vec<String> {
    let output = || -> Vec<String> {
        let lines = server.lines();
        let output = lines
            .into_iter()
            .filter(|line| line.stream == Stream::Output);
        output.map(|line| line.text).collect()
    };
    match poll(PATIENCE, || (output().len() >= count).then(output)) {
        Some(lines) => lines,
        None => server.fail(&format!("not {count} lines in the access log")),
    }
}

#[test]
fn every_atom_has_gunicorns_value() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        let server = Launch::new(kind, "--workers 1 --access-logfile -")
            .argument("--access-logformat")
            .argument(FORMAT)
            .start();
        for bytes in REQUESTS {
            exchange(server.address(), bytes.as_bytes(), PATIENCE);
        }
        // `garbage` leaves no line; the last request comes when all others are logged.
        server.get("/");
        logged(&server, REQUESTS.len())
    };
    let (mut expected, actual) = both(run);
    for (expected, actual) in expected.iter_mut().zip(&actual) {
        if expected.contains("- bob \"") {
            differences::ACCESS_LOG_USER.holds(actual.contains("- - \""));
            *expected = expected.replace("- bob \"", "- - \"");
        }
        assert_eq!(expected, &actual.replace("- bob \"", "- - \""));
    }
    assert_eq!(expected.len(), actual.len());
}

/// Digits become `0`: times and durations.
fn form(line: &str) -> String {
    let mut form = String::new();
    for character in line.chars() {
        match character {
            '0'..='9' if form.ends_with('0') => {}
            '0'..='9' => form.push('0'),
            _ => form.push(character),
        }
    }
    form
}

#[test]
fn the_default_format_and_the_durations_look_like_gunicorns() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        let default = Launch::new(kind, "--workers 1 --access-logfile -").start();
        default.get("/fast");
        let durations = Launch::new(kind, "--workers 1 --access-logfile -")
            .argument("--access-logformat")
            .argument("%(t)s %(T)s %(D)s %(M)s %(L)s %(p)s")
            .start();
        durations.get("/slow?seconds=0.3");
        let line = logged(&durations, 1).remove(0);
        let pid = durations.booted()[0];
        assert!(line.ends_with(&format!("<{pid}>")), "{kind:?}: {line}");
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |position: usize| fields[position].parse::<f64>().unwrap_or(-1.0);
        let (seconds, micros, millis, fraction) = (number(2), number(3), number(4), number(5));
        assert!((0.3..2.0).contains(&fraction), "{kind:?}: {line}");
        assert!((300_000.0..2e6).contains(&micros), "{kind:?}: {line}");
        assert!(
            (300.0..2e3).contains(&millis) && seconds < 2.0,
            "{kind:?}: {line}"
        );
        (form(&logged(&default, 1).remove(0)), form(&line))
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

/// The offset of the time of day in the access log and in the console.
fn offsets(launch: Launch) -> (String, String) {
    let server = launch.argument("--access-logfile").argument("-").start();
    server.get("/fast");
    let logged = logged(&server, 1).remove(0);
    let of_request = logged.split([' ', ']']).nth(4).unwrap_or_default();
    let console = server.lines().into_iter();
    let first = console
        .map(|line| line.text)
        .find(|text| text.contains("[INFO]"));
    let first = first.unwrap_or_else(|| server.fail("no line of the console"));
    let of_console = first.split([' ', ']']).nth(2).unwrap_or_default();
    (of_request.to_owned(), of_console.to_owned())
}

#[test]
fn the_time_of_day_is_of_the_zone_that_tz_names() {
    if skip_unless(oracle()) {
        return;
    }
    for (zone, offset) in [
        ("Asia/Kolkata", "+0530"),
        ("XYZ-5:45", "+0545"),
        ("UTC", "+0000"),
        ("", "+0000"),
    ] {
        let (expected, actual) = both(|kind| offsets(Launch::new(kind, "").env("TZ", zone)));
        assert_eq!(
            (expected.0.as_str(), &expected),
            (offset, &actual),
            "TZ={zone}"
        );
    }
}

#[test]
fn without_tz_the_time_of_day_is_of_the_machines_zone() {
    let is_root = geteuid().is_root().then_some(());
    if skip_unless(oracle().and(is_root.ok_or_else(|| "only root mounts another zone".to_owned())))
    {
        return;
    }
    let script =
        "mount --bind /usr/share/zoneinfo/Asia/Kolkata /etc/localtime && exec env -u TZ \"$@\"";
    let words = ["unshare", "--mount", "sh", "-c", script, "sh"];
    let (expected, actual) =
        both(|kind| offsets(Launch::new(kind, "").started_by(words.map(Into::into).to_vec())));
    assert_eq!((expected.1.as_str(), &expected), ("+0530", &actual));
}

#[test]
fn a_request_that_the_timeout_cuts_down_is_logged_as_500() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        let server = Launch::new(kind, "--workers 1 --timeout 1 --access-logfile -")
            .start()
            .ready();
        server.get("/slow?seconds=9");
        form(&logged(&server, 2)[1])
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}
