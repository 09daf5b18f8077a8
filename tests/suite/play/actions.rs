//! What a trigger does where the platform must act.

use labrat::evidence::manifest::{Completion, EventKind};
use labrat::evidence::read;
use labrat::load::{Client, Target};
use labrat::scenario::trigger::{State, look};
use tempfile::tempdir;

use super::program::{labrat, manifest, trigger};
use super::server::{Reply, Server};
use super::target_double::{self, PIDS, usual};
use crate::harness::write_program;

const NO_SPECIAL: fn(&str, usize) -> Option<Reply> = |_, _| None;

#[tokio::test]
async fn startup_failed_begins_with_a_target_that_is_down_and_ends_with_its_recovery() {
    // The first question before the load, three probes, two probes after the fix: all in vain.
    let server = target_double::start(|path, before| match (path, before) {
        ("/health", 0..=5) => Some(Reply::Answer(503, ":( Application Error".into())),
        _ => None,
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger(
        "startup-failed",
        &url,
        &out,
        &[
            "--pace",
            "0.1",
            "--assume-done",
            "--command-before",
            "labrat serve wrong_module:app",
            "--command-after",
            "labrat serve app:app",
        ],
    ))
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err.contains("do this now: Change the startup command"),
        "{}",
        run.err
    );
    let manifest = manifest(&out);
    assert_eq!(manifest.events[0].kind, EventKind::CommandChanged);
    let read = read(&out).unwrap();
    let statuses = |wanted: &str| -> Vec<u16> {
        let set = read.samples.iter().find(|set| set.phase == wanted).unwrap();
        set.samples
            .iter()
            .map(|sample| sample.status.code())
            .collect()
    };
    assert_eq!(statuses("broken"), [503, 503, 503]);
    assert_eq!(statuses("recovery"), [503, 503, 200]);
    assert!(out.join("baseline/startup-command.txt").exists());
    assert!(out.join("post/startup-command.txt").exists());
    assert!(
        out.join(format!("post/diag-stats-{}.json", PIDS[0]))
            .exists()
    );
}

#[tokio::test]
async fn a_target_that_may_be_down_is_so_when_its_second_question_fails() {
    // Its workers are killed one after the other: what one answers the next need not.
    let server = target_double::start(|path, before| match (path, before) {
        ("/health", 1..=5) | ("/diag/stats", 0) => Some(Reply::Answer(503, String::new())),
        _ => None,
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let more = ["--pace", "0.1", "--assume-done"];
    let run = labrat(&trigger("startup-failed", &url, &out, &more)).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let other = folder.path().join("other");
    let server = target_double::start(|path, _| {
        (path == "/diag/stats").then(|| Reply::Answer(503, String::new()))
    })
    .await;
    let run = labrat(&trigger("intermittent-5xx", &server.url(), &other, &more)).await;
    assert_eq!(run.code, Some(1), "one that must not be down is an error");
    assert!(run.err.contains("/diag/stats"), "{}", run.err);
}

#[tokio::test]
async fn a_target_that_may_be_down_is_waited_for_at_the_pace_of_the_run() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let client = Client::new("test").unwrap();
    let target = Target::parse(&server.url()).unwrap();
    let found = look(&client, &target, true, 0.1).await.unwrap();
    let State::Down { why } = found else {
        panic!("it never answers: {found:?}");
    };
    assert!(why.contains("within 3.000 s"), "{why}");
}

#[tokio::test]
async fn an_action_that_nobody_confirms_ends_the_run_and_says_how_to_go_on() {
    let server = target_double::start(|path, _| {
        (path == "/health").then(|| Reply::Answer(503, String::new()))
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger("startup-failed", &url, &out, &["--pace", "0.01"])).await;
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--assume-done"), "{}", run.err);
    assert!(matches!(
        manifest(&out).completion,
        Completion::CutShort { .. }
    ));
}

#[tokio::test]
async fn a_swap_is_seen_by_the_process_that_answers() {
    let production = target_double::start(|path, before| {
        // The first two are asked before the load: the check and every worker of the baseline.
        let start = match (path, before) {
            ("/diag/stats", 12..) => "2026-02-02T00:00:00+00:00",
            _ => "2026-01-01T00:00:00+00:00",
        };
        Some(usual(path, PIDS[before % 2], start))
    })
    .await;
    let staging = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let (url, slot_url) = (production.url(), staging.url());
    let run = labrat(&trigger(
        "slot-swap-drift",
        &url,
        &out,
        &[
            "--slot-url",
            &slot_url,
            "--pace",
            "0.1",
            "--not-sticky",
            "DB_CONNECTION_STRING",
        ],
    ))
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err
            .contains("do this now: Swap staging into production"),
        "{}",
        run.err
    );
    let manifest = manifest(&out);
    assert_eq!(manifest.events.len(), 1);
    assert_eq!(manifest.events[0].kind, EventKind::Swap);
    assert_eq!(manifest.events[0].succeeded, Some(true));
    assert_eq!(manifest.topology.settings[0].sticky, Some(false));
    for file in [
        "baseline/config-production.json",
        "baseline/config-staging.json",
        "post/config-production.json",
        "post/diag-slots-production.json",
        "trigger/samples-swap.csv",
        "trigger/samples-after.csv",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
}

#[tokio::test]
async fn a_swap_without_the_second_slots_url_is_refused() {
    let server = target_double::start(NO_SPECIAL).await;
    let url = server.url();
    let run = labrat(&["trigger", "slot-swap-drift", "--url", &url]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--slot-url"), "{}", run.err);
}

/// A platform that says what it has and does nothing of what it is told.
const DEAF: &str = r#"#!/bin/sh
case $(cat) in
*show*) echo '[{"slot":"production","startup_command":"labrat serve wrong_module:app","settings":[{"name":"DB","sticky":true}]}]' ;;
*) echo done ;;
esac
"#;

#[tokio::test]
async fn a_command_that_was_not_applied_is_what_the_platform_says_and_not_what_was_planned() {
    let server = target_double::start(|path, before| match (path, before) {
        ("/health", 0..=5) => Some(Reply::Answer(503, String::new())),
        _ => None,
    })
    .await;
    let folder = tempdir().unwrap();
    let (out, operator) = (folder.path().join("run"), folder.path().join("operator"));
    write_program(&operator, DEAF);
    let more = ["--pace", "0.1", "--operator", operator.to_str().unwrap()];
    let run = labrat(&trigger("startup-failed", &server.url(), &out, &more)).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let manifest = manifest(&out);
    assert_eq!(
        manifest.topology.settings[0].sticky,
        Some(true),
        "as it was observed"
    );
    let line = "ModuleNotFoundError: No module named 'wrong_module'";
    let row = format!(
        "{{\"TimeGenerated\":\"{}\",\"ResultDescription\":\"{line}\"}}\n",
        manifest.clock.started
    );
    std::fs::create_dir_all(out.join("tables")).unwrap();
    std::fs::write(out.join("tables/console.jsonl"), row).unwrap();
    let rules = labrat::scenario::catalogue::rules_of("startup-failed").unwrap();
    let verdict = labrat::verdict::judge(rules, &read(&out).unwrap());
    let finding = |id: &str| {
        let found = verdict.criteria.iter().find(|one| one.id == id).unwrap();
        (found.finding, found.observed.clone())
    };
    let (before, after) = (
        finding("command-wrong-before"),
        finding("command-right-after"),
    );
    assert_eq!(before.0, labrat::verdict::Finding::Met, "{}", before.1);
    assert_eq!(after.0, labrat::verdict::Finding::NotMet, "{}", after.1);
}
