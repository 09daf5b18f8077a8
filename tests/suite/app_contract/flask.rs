//! Routing, heads and bodies: what Flask does by itself.

use http::StatusCode;
use serde_json::json;

use super::App;

const NOT_FOUND: &str = "<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>
";

const METHOD_NOT_ALLOWED: &str = "<!doctype html>
<html lang=en>
<title>405 Method Not Allowed</title>
<h1>Method Not Allowed</h1>
<p>The method is not allowed for the requested URL.</p>
";

/// The heads of the labs have these two of the application's own, and nothing else.
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

fn head(content_type: &str, length: usize) -> Vec<String> {
    vec![
        format!("content-length: {length}"),
        format!("content-type: {content_type}"),
    ]
}

#[test]
fn plain_routes_answer_byte_for_byte_as_the_labs_do() {
    let app = App::new(&[]);
    for (target, content_type, body) in [
        ("/", HTML, "OK"),
        ("/health", JSON, "{\"status\":\"healthy\"}\n"),
        (
            "/fast",
            JSON,
            "{\"endpoint\":\"fast\",\"message\":\"quick response\"}\n",
        ),
        (
            "/heavy",
            JSON,
            "{\"count\":500000,\"max_values\":[9999930,9999928,9999926],\"status\":\"computed\"}\n",
        ),
        ("/leak", JSON, "{\"blocks\":1,\"status\":\"allocated\"}\n"),
    ] {
        let answer = app.get(target);
        assert_eq!(
            (answer.status, answer.phrase.as_deref()),
            (StatusCode::OK, None)
        );
        assert_eq!(answer.body, body, "{target}");
        assert_eq!(answer.head(), head(content_type, body.len()), "{target}");
    }
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    let app = App::new(&[]);
    for (target, content_type, length) in
        [("/", HTML, 2), ("/health", JSON, 21), ("/fast", JSON, 47)]
    {
        let answer = app.ask("HEAD", target);
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, "");
        assert_eq!(answer.head(), head(content_type, length));
    }
    let missing = app.ask("HEAD", "/nope");
    assert_eq!(
        (missing.body.as_str(), missing.header("content-length")),
        ("", Some("207"))
    );
}

#[test]
fn an_unknown_path_is_flasks_404() {
    let app = App::new(&[]);
    for target in [
        "/nope",
        "/healthy",
        "/health/x",
        "/fast/",
        "/heal%FF",
        "/health%00",
        "*",
        "/../health",
    ] {
        let answer = app.get(target);
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{target}");
        assert_eq!(answer.phrase.as_deref(), Some("NOT FOUND"));
        assert_eq!(answer.body, NOT_FOUND);
        assert_eq!(answer.head(), head(HTML, 207));
    }
}

#[test]
fn a_method_that_a_route_does_not_have_is_flasks_405() {
    let app = App::new(&[]);
    for (method, target, allow) in [
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("PUT", "/", "GET, HEAD, OPTIONS"),
        ("DELETE", "/diag/stats", "GET, HEAD, OPTIONS"),
        ("FOOBAR", "/health", "GET, HEAD, OPTIONS"),
        ("POST", "/leak", "GET, HEAD, DELETE, OPTIONS"),
        ("GET", "/lab/reset", "POST, OPTIONS"),
    ] {
        let answer = app.ask(method, target);
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {target}"
        );
        assert_eq!(answer.phrase.as_deref(), Some("METHOD NOT ALLOWED"));
        assert_eq!(answer.body, METHOD_NOT_ALLOWED);
        let mut expected = head(HTML, 153);
        expected.insert(0, format!("allow: {allow}"));
        assert_eq!(answer.head(), expected);
    }
    let without_body = app.ask("HEAD", "/lab/reset");
    assert_eq!(without_body.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(without_body.body, "");
}

#[test]
fn options_is_answered_for_every_route_without_running_it() {
    let app = App::new(&[]);
    for (target, allow) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/leak", "GET, HEAD, DELETE, OPTIONS"),
        ("/slow", "GET, HEAD, OPTIONS"),
        ("/lab/reset", "POST, OPTIONS"),
    ] {
        let answer = app.ask("OPTIONS", target);
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
        let mut expected = head(HTML, 0);
        expected.insert(0, format!("allow: {allow}"));
        assert_eq!(answer.head(), expected);
    }
    assert_eq!(app.state.leak_blocks(), 0);
}

#[test]
fn paths_are_read_as_werkzeug_reads_them() {
    let app = App::new(&[]);
    for target in [
        "/%68ealth",
        "//health",
        "/%2Fhealth",
        "/health?x=1&y=2",
        "http://elsewhere/health",
        "/health/",
        "/%68ealth/",
    ] {
        let answer = app.get(target);
        assert_eq!(
            (answer.status, answer.body.len()),
            (StatusCode::OK, 21),
            "{target}"
        );
    }
    assert_eq!(app.get("/ready/").status, StatusCode::OK);
    assert_eq!(app.get("/diag%2Fstats").status, StatusCode::OK);
}

#[test]
fn repeated_slashes_inside_a_path_are_redirected() {
    let app = App::new(&[]);
    let answer = app.get("/diag//stats?x=1");
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.phrase.as_deref(), Some("PERMANENT REDIRECT"));
    assert_eq!(
        answer.header("location"),
        Some("http://lab.example/diag/stats?x=1")
    );
    assert_eq!(
        app.ask("POST", "/diag//stats").status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(app.get("/no//such").status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/health//").status, StatusCode::NOT_FOUND);
}

#[test]
fn counters_are_kept_under_flasks_endpoint_names() {
    let app = App::new(&[]);
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/health"),
        ("HEAD", "/health"),
        ("OPTIONS", "/health"),
        ("GET", "/%68ealth"),
        ("GET", "/config"),
        ("GET", "/diag/slots"),
        ("POST", "/health"),
        ("GET", "/nope"),
        ("GET", "/diag//stats"),
        ("DELETE", "/leak"),
        ("OPTIONS", "/leak"),
        ("POST", "/lab/reset"),
    ] {
        app.ask(method, target);
    }
    let stats = app.json("/diag/stats");
    assert_eq!(
        stats["endpoint_counters"],
        json!({
            "<unknown>": 3,
            "config_dump": 1,
            "diag_slots": 1,
            "diag_stats": 1,
            "health": 4,
            "index": 1,
            "lab_reset": 1,
            "leak": 1,
            "leak_free": 1,
        })
    );
    assert_eq!(stats["request_count"], 14);
    assert_eq!(app.state.request_count(), 14);
}
