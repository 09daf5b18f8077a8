//! The faults: what they cost, their caps, their undo and their lock.

use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::json;

use super::App;

/// What one block costs in CPython, in kilobytes of resident memory (median of 180 requests).
const CPYTHON_BLOCK_KILOBYTES: f64 = 17_644.0;

/// What one `/heavy` adds to CPython's resident memory at its peak, in kilobytes.
const CPYTHON_HEAVY_KILOBYTES: f64 = 21_000.0;

/// Set in the process that runs one test alone.
const ALONE: &str = "LABRAT_TEST_ALONE";

/// Run the test `name` in a process of its own, where no other test allocates at the same time.
/// True in that process.
fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let test = format!("app_contract::faults::{name}");
    let output = std::process::Command::new(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", &test, "--nocapture"])
        .env(ALONE, "1")
        // What `serve` sets for its workers: one arena, and thresholds that stay as they are.
        .env("MALLOC_ARENA_MAX", "1")
        .env("MALLOC_TRIM_THRESHOLD_", "131072")
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .output()
        .expect("this test's binary starts again");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no test is named {test}: {said}");
    false
}

fn anonymous_kilobytes() -> f64 {
    status_kilobytes("RssAnon:")
}

fn status_kilobytes(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = text.lines().find(|line| line.starts_with(name));
    let word = line.and_then(|line| line.split_whitespace().nth(1));
    word.and_then(|word| word.parse().ok()).expect("a size")
}

#[test]
fn a_leaked_block_costs_what_it_costs_in_cpython_and_its_undo_gives_it_back() {
    if !is_alone("a_leaked_block_costs_what_it_costs_in_cpython_and_its_undo_gives_it_back") {
        return;
    }
    let app = App::new(&[]);
    let begun = anonymous_kilobytes();
    for block in 1..=8 {
        let before = anonymous_kilobytes();
        let answer = app.get("/leak");
        assert_eq!(
            answer.body,
            format!("{{\"blocks\":{block},\"status\":\"allocated\"}}\n")
        );
        let cost = anonymous_kilobytes() - before;
        let ratio = cost / CPYTHON_BLOCK_KILOBYTES;
        assert!(
            (0.97..=1.03).contains(&ratio),
            "block {block}: {cost} kB, {ratio} of CPython's"
        );
    }
    assert_eq!(app.state.leak_blocks(), 8);
    assert_eq!(app.state.undo_faults(), 8);
    let left = anonymous_kilobytes() - begun;
    assert!(left < 1_000.0, "{left} kB are left of 8 blocks");
}

#[test]
fn leaked_memory_belongs_to_the_worker_and_is_counted_block_by_block() {
    let app = App::new(&[]);
    assert_eq!(app.json("/leak")["blocks"], 1);
    assert_eq!(app.json("/leak?blocks=2")["blocks"], 3);
    assert_eq!(app.json("/diag/stats")["leak_block_count"], 3);
    assert_eq!(App::new(&[]).state.leak_blocks(), 0);
    let freed = app.ask("DELETE", "/leak");
    assert_eq!(
        freed.json(),
        json!({"blocks": 0, "freed": 3, "status": "freed"})
    );
    assert_eq!(app.json("/diag/stats")["leak_block_count"], 0);
}

#[test]
fn the_cap_answers_507_and_leaks_nothing() {
    let app = App::new(&[("LAB_LEAK_MAX_BLOCKS", "2")]);
    for (target, held) in [
        ("/leak?blocks=3", 0),
        ("/leak", 1),
        ("/leak?blocks=2", 1),
        ("/leak", 2),
        ("/leak", 2),
    ] {
        let answer = app.get(target);
        assert_eq!(app.state.leak_blocks(), held, "{target}");
        if answer.status != StatusCode::OK {
            assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE);
            assert_eq!(answer.phrase.as_deref(), Some("INSUFFICIENT STORAGE"));
            let body = answer.json();
            assert_eq!((&body["cap"], &body["blocks"]), (&json!(2), &json!(held)));
            assert!(
                body["error"]
                    .as_str()
                    .is_some_and(|text| text.contains("cap of 2"))
            );
        }
    }
    assert_eq!(app.get("/leak").status, StatusCode::INSUFFICIENT_STORAGE);
}

#[test]
fn bad_query_values_get_400_that_names_parameter_value_and_bound() {
    let app = App::new(&[
        ("LAB_HEAVY_MAX_ROUNDS", "7"),
        ("LAB_SLOW_LIMIT_SECONDS", "2.5"),
    ]);
    for (target, parameter, value, bound) in [
        (
            "/leak?blocks=0",
            "blocks",
            "0",
            "a whole number from 1 to 100",
        ),
        (
            "/leak?blocks=101",
            "blocks",
            "101",
            "a whole number from 1 to 100",
        ),
        (
            "/leak?blocks=two",
            "blocks",
            "two",
            "a whole number from 1 to 100",
        ),
        (
            "/heavy?rounds=8",
            "rounds",
            "8",
            "a whole number from 1 to 7",
        ),
        (
            "/heavy?rounds=-1",
            "rounds",
            "-1",
            "a whole number from 1 to 7",
        ),
        ("/heavy?rounds=", "rounds", "", "a whole number from 1 to 7"),
        (
            "/slow?seconds=2.6",
            "seconds",
            "2.6",
            "a number of seconds from 0 to 2.5",
        ),
        (
            "/slow?seconds=NaN",
            "seconds",
            "NaN",
            "a number of seconds from 0 to 2.5",
        ),
    ] {
        let answer = app.get(target);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}");
        assert_eq!(answer.phrase.as_deref(), Some("BAD REQUEST"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        assert_eq!(
            (&body["parameter"], &body["value"], &body["bound"]),
            (&json!(parameter), &json!(value), &json!(bound))
        );
    }
    assert_eq!(app.state.leak_blocks(), 0);
}

#[test]
fn rounds_of_heavy_repeat_the_work_and_leave_no_memory_behind() {
    if !is_alone("rounds_of_heavy_repeat_the_work_and_leave_no_memory_behind") {
        return;
    }
    let app = App::new(&[]);
    let before = anonymous_kilobytes();
    assert_eq!(app.json("/heavy?rounds=2")["count"], 500_000);
    let left = anonymous_kilobytes() - before;
    // CPython keeps up to 7,100 kB of about 21,000.
    assert!(left < 7_100.0, "{left} kB are left");
}

/// The most that this process has had resident, in kilobytes.
fn peak_kilobytes() -> f64 {
    status_kilobytes("VmHWM:")
}

#[test]
fn heavy_needs_the_transient_memory_that_cpython_needs() {
    if !is_alone("heavy_needs_the_transient_memory_that_cpython_needs") {
        return;
    }
    let app = App::new(&[]);
    app.get("/health");
    let before = status_kilobytes("VmRSS:");
    assert_eq!(app.json("/heavy")["status"], "computed");
    let transient = peak_kilobytes() - before;
    let ratio = transient / CPYTHON_HEAVY_KILOBYTES;
    assert!(
        (0.8..=1.2).contains(&ratio),
        "{transient} kB, {ratio} of CPython's"
    );
}

#[test]
fn locked_fault_routes_do_nothing_without_the_key() {
    let app = App::new(&[("LAB_KEY", "correct horse")]);
    for (method, target) in [
        ("GET", "/leak"),
        ("HEAD", "/leak"),
        ("DELETE", "/leak"),
        ("GET", "/heavy"),
        ("GET", "/slow?seconds=0"),
        ("POST", "/lab/reset"),
    ] {
        for key in [None, Some(""), Some("wrong"), Some("correct horse ")] {
            let answer = app.ask_with_key(method, target, key);
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{method} {target} {key:?}"
            );
            assert_eq!(answer.phrase.as_deref(), Some("FORBIDDEN"));
        }
    }
    assert_eq!(app.state.leak_blocks(), 0);
    assert_eq!(app.pool.resets.load(Ordering::Relaxed), 0);
    assert_eq!(app.get("/leak").json()["status"], "forbidden");
    assert_eq!(app.json("/diag/stats")["endpoint_counters"]["heavy"], 4);
}

#[test]
fn the_key_opens_the_fault_routes_and_the_others_never_ask_for_it() {
    let app = App::new(&[("LAB_KEY", "correct horse")]);
    let opened = app.ask_with_key("GET", "/leak", Some("correct horse"));
    assert_eq!(
        (opened.status, app.state.leak_blocks()),
        (StatusCode::OK, 1)
    );
    for target in [
        "/",
        "/health",
        "/fast",
        "/config",
        "/diag/stats",
        "/diag/env",
    ] {
        assert_eq!(app.get(target).status, StatusCode::OK, "{target}");
    }
    // Routing comes before the lock, as it comes before any code of a Flask application.
    assert_eq!(
        app.ask("POST", "/heavy").status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(app.ask("OPTIONS", "/heavy").status, StatusCode::OK);
}

#[test]
fn a_reset_undoes_this_workers_faults_and_asks_the_others() {
    let app = App::new(&[]);
    app.get("/leak?blocks=2");
    let answer = app.ask("POST", "/lab/reset").json();
    assert_eq!(answer["freed_blocks"], 2);
    assert_eq!(answer["workers_asked"], 3);
    assert_eq!(answer["status"], "reset");
    assert_eq!(app.state.leak_blocks(), 0);
    assert_eq!(app.pool.resets.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_page_of_another_site_pulls_no_trigger_and_turns_no_knob() {
    use tower::ServiceExt as _;
    let from = |method: &str, target: &str, site: &str| {
        http::Request::builder()
            .method(method)
            .uri(target)
            .header("host", "127.0.0.1:8080")
            .header("sec-fetch-site", site)
            .body(axum::body::Body::empty())
            .unwrap()
    };
    let app = App::new(&[]);
    let service = std::sync::Arc::new(labrat::downstream::Service::default());
    let downstream = labrat::downstream::routes(service);
    for (router, method, target) in [
        (&app.router, "GET", "/leak"),
        (&app.router, "GET", "/heavy"),
        (&app.router, "GET", "/slow?seconds=0"),
        (&app.router, "POST", "/lab/reset"),
        (&downstream, "POST", "/knobs?latency_seconds=1"),
        (&downstream, "DELETE", "/knobs"),
    ] {
        for (site, refused) in [
            ("cross-site", true),
            ("same-origin", false),
            ("none", false),
        ] {
            let answer = router.clone().oneshot(from(method, target, site)).await;
            let status = answer.unwrap().status();
            assert_eq!(
                status == StatusCode::FORBIDDEN,
                refused,
                "{method} {target} {site}: {status}"
            );
        }
    }
}
