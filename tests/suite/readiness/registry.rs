//! Latches, checks and steps, held against what probes of real platforms do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use labrat::readiness::{Failure, Latch, Readiness, routes};
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt as _;

const SECOND: Duration = Duration::from_secs(1);

/// Counts how often it was asked.
fn counted(
    count: &Arc<AtomicUsize>,
) -> impl Fn() -> std::future::Ready<Result<(), Failure>> + use<> {
    let count = Arc::clone(count);
    move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(()))
    }
}

async fn ask(router: &Router, path: &str) -> (StatusCode, http::HeaderMap, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&body).unwrap_or_default();
    (parts.status, parts.headers, json)
}

#[tokio::test]
async fn an_empty_registry_is_ready_and_says_since_when() {
    let router = routes(&Readiness::builder().build());
    for path in ["/ready", "/ready/", "/startup", "/startup/"] {
        let (status, headers, body) = ask(&router, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(body["ready"], true);
        assert_eq!(body["checks"], serde_json::json!({}));
        assert_eq!(body["latches"]["process_up"], true);
        let timestamp = body["timestamp"].as_str().unwrap();
        assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("retry-after"));
    }
    let (status, _, body) = ask(&router, "/warmup/").await;
    assert_eq!(
        (status, &body["done"]),
        (StatusCode::OK, &Value::Bool(true))
    );
}

#[tokio::test(start_paused = true)]
async fn a_hanging_check_costs_its_own_budget_and_no_other_checks_time() {
    let hang = || std::future::pending::<Result<(), Failure>>();
    let readiness = Readiness::builder()
        .check("hanging", 2 * SECOND, hang)
        .check("hanging_longer", 3 * SECOND, hang)
        .check("quick", SECOND, || async { Ok(()) })
        .check("refused", SECOND, || async { Err(Failure::new("refused")) })
        .build();
    let began = Instant::now();
    let answer = readiness.ready().await;
    assert_eq!(
        began.elapsed().as_secs(),
        3,
        "at the same time, not one after another"
    );
    let error = |name| answer.checks()[name].error();
    assert!(!answer.is_ready());
    assert_eq!(error("hanging"), Some("timeout"));
    assert_eq!(error("hanging_longer"), Some("timeout"));
    assert_eq!(error("quick"), None);
    assert_eq!(error("refused"), Some("refused"));
    assert!(answer.checks()["quick"].latency_ms() < 10.0);
    assert!(answer.checks()["hanging"].latency_ms() >= 2000.0);
}

#[tokio::test]
async fn a_check_that_panics_fails_alone() {
    let readiness = Readiness::builder()
        .check("careless", SECOND, || async { panic!("planted") })
        .check("careful", SECOND, || async { Ok(()) })
        .build();
    let answer = readiness.ready().await;
    assert_eq!(answer.checks()["careless"].error(), Some("panicked"));
    assert!(answer.checks()["careful"].is_ok());
}

#[tokio::test(start_paused = true)]
async fn results_are_kept_for_a_second_so_that_probes_are_no_load() {
    let count = Arc::new(AtomicUsize::new(0));
    let readiness = Readiness::builder()
        .check("counted", SECOND, counted(&count))
        .build();
    for _ in 0..50 {
        assert!(readiness.ready().await.is_ready());
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_millis(999)).await;
    readiness.ready().await;
    assert_eq!(count.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_millis(2)).await;
    readiness.ready().await;
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn one_evaluation_serves_everybody_who_asks_meanwhile() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let readiness = Readiness::builder()
        .check("slow", 5 * SECOND, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(2 * SECOND).await;
                Ok(())
            }
        })
        .build();
    let began = Instant::now();
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let readiness = readiness.clone();
            tokio::spawn(async move { readiness.ready().await.is_ready() })
        })
        .collect();
    for one in asked {
        assert!(one.await.unwrap());
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_latch_is_read_at_every_probe_however_fresh_the_checks_are() {
    let not_draining = Latch::open();
    let readiness = Readiness::builder()
        .latch("not_draining", not_draining.clone())
        .check("database", SECOND, || async { Ok(()) })
        .build();
    let router = routes(&readiness);
    assert_eq!(ask(&router, "/ready").await.0, StatusCode::OK);
    assert_eq!(ask(&router, "/startup").await.0, StatusCode::OK);
    not_draining.close();
    let (status, headers, body) = ask(&router, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(body["latches"]["not_draining"], false);
    assert_eq!(body["checks"]["database"]["ok"], true);
    // A start that is over stays over: a startup probe must not restart what drains.
    assert_eq!(ask(&router, "/startup").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_start_is_not_over_before_every_latch_was_open() {
    let booted = Latch::closed();
    let readiness = Readiness::builder().latch("booted", booted.clone()).build();
    assert!(!readiness.started().is_ready());
    assert!(!readiness.ready().await.is_ready());
    booted.set_open();
    assert!(readiness.started().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_is_done_once_for_all_who_call_at_the_same_time() {
    let (first, second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&first);
    let readiness = Readiness::builder()
        .step("connection", SECOND * 5, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(SECOND).await;
                Ok(())
            }
        })
        .step("caches", SECOND, counted(&second))
        .build();
    let router = routes(&readiness);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move { ask(&router, "/warmup").await })
        })
        .collect();
    let mut bodies = Vec::new();
    for call in calls {
        let (status, _, body) = call.await.unwrap();
        assert_eq!(status, StatusCode::OK);
        bodies.push(body["steps"].clone());
    }
    assert!(
        bodies.windows(2).all(|two| two[0] == two[1]),
        "the same answer for all"
    );
    assert_eq!(bodies[0][0]["name"], "connection");
    assert!(bodies[0][0]["duration_ms"].as_f64().unwrap() >= 1000.0);
    assert_eq!(bodies[0][1]["name"], "caches");
    assert_eq!(
        ask(&router, "/warmup").await.2["steps"],
        bodies[0],
        "and the same again later"
    );
    let counts = [&first, &second].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn a_step_that_failed_is_tried_again_and_one_that_is_done_is_not() {
    let (done, tried) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&tried);
    let readiness = Readiness::builder()
        .step("done", SECOND, counted(&done))
        .step("second_time", SECOND, move || {
            let before = counter.fetch_add(1, Ordering::Relaxed);
            std::future::ready(match before {
                0 => Err(Failure::new("refused")),
                _ => Ok(()),
            })
        })
        .build();
    let router = routes(&readiness);
    let (status, headers, body) = ask(&router, "/warmup").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(body["steps"][1]["error"], "refused");
    assert!(!readiness.is_warm());
    assert_eq!(ask(&router, "/warmup").await.0, StatusCode::OK);
    assert!(readiness.is_warm());
    assert_eq!(done.load(Ordering::Relaxed), 1);
    assert_eq!(tried.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_begins_the_warm_up_so_that_no_is_not_for_ever() {
    for path in ["/ready", "/startup"] {
        let readiness = Readiness::builder()
            .step("caches", 5 * SECOND, || async {
                tokio::time::sleep(SECOND).await;
                Ok(())
            })
            .build();
        let router = routes(&readiness);
        let (status, _, body) = ask(&router, path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(body["latches"]["warmed"], false);
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(ask(&router, path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_that_is_given_up_in_the_middle_can_be_begun_again() {
    let readiness = Readiness::builder()
        .step("slow", 5 * SECOND, || async {
            tokio::time::sleep(SECOND).await;
            Ok(())
        })
        .build();
    let given_up = tokio::time::timeout(SECOND / 2, readiness.warm_up()).await;
    assert!(given_up.is_err());
    readiness.begin_warm_up();
    tokio::time::sleep(2 * SECOND).await;
    assert!(readiness.is_warm());
}
