//! What an exported run tells of its secrets does not pass into a report.

use labrat::report::{self, Style};
use labrat::scenario::catalogue;
use labrat::verdict::judge;
use serde_json::json;

use super::builder::{answered, criterion};
use super::incidents;

#[test]
fn planted_secrets_reach_no_report() {
    let line = "OperationalError: could not connect to postgres://lab:hunter2@db.example/orders";
    let command = "gunicorn --env DB_PASSWORD=hunter2 --timeout=120 wrong_module:app";
    let mut bundle = incidents::startup_failed()
        .text("baseline/startup-command.txt", command)
        .table(
            "console",
            &[
                incidents::console_row(25.0, "No module named 'wrong_module'"),
                incidents::console_row(25.1, line),
            ],
        )
        .text(
            "trigger/kql-platform.json",
            "Authorization: Bearer hunter2hunter2hunter2hunter2 refused",
        );
    bundle.manifest = None;
    let evidence = bundle.read();
    let verdict = judge(catalogue::rules_of("startup-failed").unwrap(), &evidence);
    for text in [
        report::text(&verdict, Style::Plain),
        report::markdown(&verdict, &evidence),
        report::page(&verdict, &evidence),
        report::json(&verdict).unwrap(),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("wrong_module:app"));
        assert!(text.contains("db.example"), "{text}");
    }
}

#[test]
fn values_that_differ_only_in_a_secret_differ_though_neither_is_shown() {
    let config =
        |secret: &str| json!({"DB_CONNECTION_STRING": format!("Server=db;Password={secret}")});
    let bundle = incidents::slot_swap_drift()
        .json("baseline/config-production.json", config("hunter2"))
        .json("post/config-production.json", config("hunter3"));
    let verdict = bundle.judge();
    let changed = criterion(&verdict, "production-changed");
    assert_eq!(changed.finding, labrat::verdict::Finding::Met);
    assert_eq!(
        changed.observed,
        "DB_CONNECTION_STRING differs before and after"
    );
    for quote in &changed.quotes {
        assert_eq!(quote.text, "DB_CONNECTION_STRING=Server=db;Password=***");
    }
}

#[test]
fn a_secret_in_a_query_is_not_quoted() {
    let mut probe = answered(1, "/config", 24.0, 503, 0.02, 10.0);
    probe.route = "/config?token=hunter2".to_owned();
    let bundle = incidents::slot_swap_drift().samples("swap", &[probe]);
    let text = report::text(&bundle.judge(), Style::Plain);
    assert!(text.contains("/config?token=***"), "{text}");
    assert!(!text.contains("hunter2"));
}
