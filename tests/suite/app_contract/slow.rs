//! `/slow`: delays, their bounds, and how a reset cuts them short.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::App;

/// Bounds that make a test short.
const SHORT: [(&str, &str); 2] = [
    ("LAB_SLOW_MIN_SECONDS", "0.005"),
    ("LAB_SLOW_MAX_SECONDS", "0.05"),
];

#[tokio::test]
async fn a_delay_lies_within_the_knobs_and_is_really_waited_for() {
    let app = App::new(&SHORT);
    for _ in 0..10 {
        let begun = std::time::Instant::now();
        let delay = app.wait_for("/slow").await.json()["delaySeconds"].as_f64();
        let delay = delay.expect("a number of seconds");
        assert!((0.005..=0.05).contains(&delay), "{delay}");
        assert!(begun.elapsed() >= Duration::from_secs_f64(delay));
    }
}

#[tokio::test]
async fn a_whole_delay_is_written_as_the_labs_write_it() {
    let app = App::new(&[("LAB_SLOW_MIN_SECONDS", "0"), ("LAB_SLOW_MAX_SECONDS", "0")]);
    let answer = app.wait_for("/slow").await;
    assert_eq!(answer.body, "{\"delaySeconds\":0,\"endpoint\":\"slow\"}\n");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_delays() {
    let seeded = [SHORT[0], SHORT[1], ("LAB_SLOW_SEED", "7")];
    let (one, other) = (App::new(&seeded), App::new(&seeded));
    let mut different = Vec::new();
    for _ in 0..5 {
        let delay = one.wait_for("/slow").await.json()["delaySeconds"].clone();
        assert_eq!(delay, other.wait_for("/slow").await.json()["delaySeconds"]);
        different.push(delay);
    }
    assert!(different.iter().any(|delay| *delay != different[0]));
}

#[tokio::test]
async fn a_query_chooses_the_delay() {
    let app = App::new(&[]);
    let begun = std::time::Instant::now();
    assert_eq!(
        app.wait_for("/slow?seconds=1").await.json()["delaySeconds"],
        json!(1)
    );
    assert_eq!(
        app.wait_for("/slow?seconds=0.25").await.json()["delaySeconds"],
        json!(0.25)
    );
    assert!(begun.elapsed() >= Duration::from_millis(1250));
    assert_eq!(app.wait_for("/slow?seconds=0").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_reset_lets_every_slow_request_in_flight_answer_at_once() {
    let app = App::new(&[]);
    let all = async {
        tokio::join!(
            app.wait_for("/slow?seconds=200"),
            app.wait_for("/slow?seconds=100.5"),
            async {
                while app.json("/diag/stats")["active_slow_requests"] != 2 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(app.ask("POST", "/lab/reset").status, StatusCode::OK);
            }
        )
    };
    let (first, second, ()) = tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("nobody waits to the end");
    assert_eq!(
        first.body,
        "{\"cut_short\":true,\"delaySeconds\":200,\"endpoint\":\"slow\"}\n"
    );
    assert_eq!(second.json()["delaySeconds"], json!(100.5));
    assert_eq!(app.json("/diag/stats")["active_slow_requests"], 0);
    // A later request is not cut short by an earlier reset.
    let later = app.wait_for("/slow?seconds=0.01").await.json();
    assert_eq!(later["cut_short"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_slow_request_whose_client_goes_away_is_no_longer_counted() {
    let app = App::new(&[]);
    tokio::select! {
        _ = app.wait_for("/slow?seconds=200") => panic!("nobody waited 200 seconds"),
        () = async {
            while app.json("/diag/stats")["active_slow_requests"] != 1 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert_eq!(app.json("/diag/stats")["active_slow_requests"], 0);
}
