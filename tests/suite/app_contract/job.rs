//! `/job`: work behind an answer that was given, its bound, and its undo.

use http::StatusCode;
use serde_json::json;

use super::App;

/// Ask until no job is under way.
fn done(app: &App) -> serde_json::Value {
    loop {
        let answer = app.get("/job/status");
        match answer.status {
            StatusCode::OK => return answer.json(),
            StatusCode::ACCEPTED => std::thread::yield_now(),
            other => panic!("{other}: {}", answer.body),
        }
    }
}

#[test]
fn a_job_is_accepted_at_once_worked_on_behind_the_answer_and_asked_about_until_it_is_done() {
    let app = App::new(&[]);
    assert_eq!(done(&app), json!({"finished": 0, "under_way": 0}));
    let begun = std::time::Instant::now();
    let accepted = app.get("/job?seconds=0.2");
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert_eq!(accepted.header("location"), Some("/job/status"));
    assert!(accepted.header("retry-after").is_some());
    let answer = app.get("/job/status");
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    assert_eq!(done(&app), json!({"finished": 1, "under_way": 0}));
    assert!(begun.elapsed().as_secs_f64() >= 0.2);
}

#[test]
fn no_more_jobs_are_under_way_than_may_be_and_a_reset_ends_them_all() {
    let app = App::new(&[("LAB_JOBS_MAX", "2")]);
    for _ in 0..2 {
        let answer = app.get("/job?seconds=300");
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    let refused = app.get("/job?seconds=300");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["status"], "refused");
    assert_eq!(app.ask("POST", "/lab/reset").status, StatusCode::OK);
    assert_eq!(done(&app), json!({"finished": 0, "under_way": 0}));
    assert_eq!(app.get("/job?seconds=0").status, StatusCode::ACCEPTED);
}

#[test]
fn a_job_lasts_no_longer_than_a_slow_request_may() {
    let app = App::new(&[]);
    assert_eq!(app.get("/job?seconds=301").status, StatusCode::BAD_REQUEST);
}
