//! `/dependency` and `/outbound` against a real service on loopback.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use labrat::app::ConsoleText;
use labrat::downstream::{Knobs, Service, routes};
use labrat::machine::reserved_port::ReservedPort;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::{App, request};
use crate::harness::skip_unless;

/// A service with these knobs; it ends with the test's runtime.
async fn service(latency_seconds: f64, fail_share: f64) -> String {
    let service = Service::new(Knobs {
        latency_seconds,
        fail_share,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let routes = routes(Arc::new(service.unwrap()));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// From now on this thread, and whatever it starts, is in a network where nobody else has a port.
fn a_network_of_its_own() -> Result<(), String> {
    let hint = "(hint: root and iproute2 are needed)";
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("no network of its own {hint}: {error}"))?;
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    match up {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!(
            "its loopback cannot be switched on {hint}: {other:?}"
        )),
    }
}

fn counted(app: &App, name: &str) -> u64 {
    app.json("/diag/stats")["outbound"][name].as_u64().unwrap()
}

#[tokio::test]
async fn a_call_is_answered_and_its_connection_used_again() {
    let url = service(0.0, 0.0).await;
    let app = App::new(&[("API_BASE_URL", &url)]);
    for _ in 0..3 {
        let answer = app.wait_for("/dependency").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.json()["attempts"], 1);
    }
    let answer = app.wait_for("/outbound?calls=5").await;
    assert_eq!(answer.json()["attempts"], 5);
    assert_eq!(
        (counted(&app, "calls"), counted(&app, "connections_opened")),
        (8, 1)
    );
}

#[tokio::test]
async fn without_reuse_every_call_holds_a_port_until_the_kernel_has_none_left() {
    if skip_unless(a_network_of_its_own()) {
        return;
    }
    let url = service(0.0, 0.0).await;
    let app = App::new(&[
        ("API_BASE_URL", &url),
        ("LAB_OUTBOUND_REUSE", "off"),
        ("LAB_OUTBOUND_PORTS", "8"),
    ]);
    assert_eq!(
        app.wait_for("/outbound?calls=8").await.status,
        StatusCode::OK
    );
    let answer = app.wait_for("/outbound").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.json()["error"], "no-port");
    assert_eq!(counted(&app, "connections_opened"), 8);
    // The undo gives the ports back, as soon as the kernel lets them go.
    app.state.undo_faults();
    let deadline = Instant::now() + Duration::from_secs(70);
    while app.wait_for("/outbound").await.status != StatusCode::OK {
        assert!(Instant::now() < deadline, "the ports do not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_slow_service_costs_the_budget_times_the_attempts_and_says_so_in_the_console() {
    let url = service(30.0, 0.0).await;
    let app = App::new(&[
        ("API_BASE_URL", &url),
        ("LAB_CALL_BUDGET_SECONDS", "0.1"),
        ("LAB_CALL_RETRIES", "2"),
    ]);
    let began = Instant::now();
    let response = app
        .router
        .clone()
        .oneshot(request("GET", "/dependency", None));
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let ConsoleText(text) = response.extensions().get().unwrap();
    assert_eq!(text.matches("ReadTimeout").count(), 3, "{text}");
    assert_eq!(counted(&app, "calls"), 3);
}

#[tokio::test]
async fn a_breaker_stops_the_calls_and_answers_503_with_retry_after() {
    let url = service(0.0, 1.0).await;
    let app = App::new(&[("API_BASE_URL", &url), ("LAB_CALL_BREAKER_FAILURES", "2")]);
    for _ in 0..2 {
        let answer = app.wait_for("/dependency").await;
        assert_eq!(answer.json()["error"], "status-503");
    }
    let answer = app.wait_for("/dependency").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(
        (counted(&app, "calls"), counted(&app, "refused_by_breaker")),
        (2, 1)
    );
    app.state.undo_faults();
    let answer = app.wait_for("/dependency").await;
    assert_eq!(answer.json()["error"], "status-503", "the undo closes it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_ends_with_the_undo() {
    let url = service(60.0, 0.0).await;
    let app = Arc::new(App::new(&[("API_BASE_URL", &url)]));
    let began = Instant::now();
    let waiting = Arc::clone(&app);
    let call = tokio::spawn(async move { waiting.wait_for("/dependency").await });
    while counted(&app, "calls") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    app.state.undo_faults();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn nobody_there_and_nothing_set_have_words_of_their_own() {
    let reserved = ReservedPort::choose().unwrap();
    let url = format!("http://{}/", reserved.address());
    let app = App::new(&[("API_BASE_URL", &url)]);
    let answer = app.wait_for("/dependency").await;
    assert_eq!(answer.json()["error"], "refused");
    let app = App::new(&[]);
    let answer = app.wait_for("/dependency").await;
    assert_eq!(answer.json()["error"], "not-configured");
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    let answer = app.wait_for("/outbound?calls=101").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_address_keeps_its_query_and_an_encrypted_one_is_not_taken_for_none() {
    let (seen, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |uri: http::Uri| async move { seen.send(uri.to_string()).unwrap() };
    let routes = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let url = format!("http://{address}/v2?key=planted");
    let app = App::new(&[("API_BASE_URL", &url)]);
    assert_eq!(app.wait_for("/dependency").await.status, StatusCode::OK);
    assert_eq!(asked.recv().await.as_deref(), Some("/v2?key=planted"));
    let url = format!("https://{address}/v2");
    let app = App::new(&[("API_BASE_URL", &url)]);
    let answer = app.wait_for("/dependency").await;
    assert_eq!(answer.json()["error"], "tls", "{}", answer.body);
}
