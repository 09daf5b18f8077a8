//! The same incidents with the real Gunicorn and Flask as the startup command: the emulator, the
//! load and the judge cannot tell them from labrat.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{HEALTHY, REPRODUCED, verdict_of};
use crate::harness::{Kind, both, oracle, root, skip_unless};

/// Every `/slow` lasts as long as every other, so that both servers have the same work.
const SAME_WORK: &str = "LAB_SLOW_MIN_SECONDS=1 LAB_SLOW_MAX_SECONDS=1";

/// What is started in place of `labrat serve`. Where the length of `/slow` is the matter, the scenario
/// has one length for all.
fn server(kind: Kind, scenario: &str) -> String {
    let same_work = match scenario {
        "front-end-limit" => "",
        _ => SAME_WORK,
    };
    match kind {
        Kind::Labrat => format!("env {same_work} labrat serve"),
        Kind::Gunicorn => {
            let root = root().display();
            format!(
                "env {same_work} PYTHONPYCACHEPREFIX={root}/target/oracle/bytecode \
                 {root}/target/oracle/bin/gunicorn --chdir {root}/tests/oracle"
            )
        }
    }
}

/// What became of a rehearsal.
struct Rehearsed {
    code: Option<i32>,
    verdict: Value,
    folder: tempfile::TempDir,
}

fn rehearsed(pace: &str, words: &str, kind: Kind) -> Rehearsed {
    let folder = tempfile::tempdir().unwrap();
    let server = server(kind, words.split(' ').next().unwrap_or_default());
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("rehearse")
        .args(words.split(' '))
        .args(["--pace", pace, "--json", "--server", &server, "--out"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let verdict = verdict_of(words, &output, folder.path());
    Rehearsed {
        code: output.status.code(),
        verdict,
        folder,
    }
}

/// What was found of each criterion that decides something.
fn findings(verdict: &Value) -> BTreeMap<String, String> {
    let criteria = verdict["criteria"].as_array().unwrap();
    let deciding = criteria.iter().filter(|one| one["kind"] != "support");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    deciding
        .map(|one| (text(&one["id"]), text(&one["finding"])))
        .collect()
}

/// Rehearse with both servers at the same time; they have to agree in every criterion that
/// decides, and to end with `code`.
fn agree(words: &str, code: Option<i32>) -> (Rehearsed, Rehearsed) {
    agree_at("0.1", words, code)
}

fn agree_at(pace: &str, words: &str, code: Option<i32>) -> (Rehearsed, Rehearsed) {
    let (expected, actual) = both(|kind| rehearsed(pace, words, kind));
    let headline = expected.verdict["headline"].clone();
    assert_eq!(expected.code, code, "Gunicorn, {words}: {headline}");
    let headline = actual.verdict["headline"].clone();
    assert_eq!(actual.code, code, "labrat, {words}: {headline}");
    let found = findings(&expected.verdict);
    assert!(found.len() >= 4, "{found:?}");
    assert_eq!(found, findings(&actual.verdict), "{words}");
    (expected, actual)
}

/// Outcome and seconds of every request of the burst, by path; seconds in ascending order.
fn burst(folder: &Path) -> BTreeMap<String, (BTreeMap<String, usize>, Vec<f64>)> {
    let text = std::fs::read_to_string(folder.join("trigger/samples-burst.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let (path, status, seconds) = (column("route"), column("status"), column("total_seconds"));
    let mut by_path = BTreeMap::<String, (BTreeMap<String, usize>, Vec<f64>)>::new();
    for line in lines {
        let (mix, taken) = by_path.entry(line[path].to_owned()).or_default();
        *mix.entry(line[status].to_owned()).or_default() += 1;
        taken.push(line[seconds].parse().unwrap());
    }
    for (_, taken) in by_path.values_mut() {
        taken.sort_by(f64::total_cmp);
    }
    by_path
}

#[test]
fn a_saturated_gunicorn_and_a_saturated_labrat_are_one_incident_with_the_same_latencies() {
    if skip_unless(oracle()) {
        return;
    }
    let (expected, actual) = agree("intermittent-5xx", REPRODUCED);
    let (expected, actual) = (burst(expected.folder.path()), burst(actual.folder.path()));
    let figures = format!("Gunicorn {expected:.3?}\nlabrat   {actual:.3?}");
    eprintln!("{figures}");
    assert_eq!(expected.len(), 2, "{figures}");
    for (path, (mix, taken)) in &expected {
        assert_eq!(mix, &actual[path].0, "{path}: {figures}");
        assert!(
            mix.len() == 2,
            "answers and clients that gave up: {figures}"
        );
        for (first, second) in taken.iter().zip(&actual[path].1) {
            // Answers that waited for nothing take milliseconds, and no ratio holds for those.
            let near = (first - second).abs() < 0.25 || (0.7..1.4).contains(&(second / first));
            assert!(near, "{path}: {first:.3} and {second:.3} s\n{figures}");
        }
    }
}

#[test]
fn a_wrong_command_of_gunicorn_and_of_labrat_is_one_incident() {
    if skip_unless(oracle()) {
        return;
    }
    agree("startup-failed", REPRODUCED);
}

#[test]
fn a_drifting_setting_of_gunicorn_and_of_labrat_is_one_incident() {
    if skip_unless(oracle()) {
        return;
    }
    agree("slot-swap-drift", REPRODUCED);
}

#[test]
fn a_fix_and_a_control_with_gunicorn_come_out_as_with_labrat() {
    if skip_unless(oracle()) {
        return;
    }
    for variant in [
        "intermittent-5xx --fix gthread",
        "slot-swap-drift --control",
    ] {
        agree(variant, HEALTHY);
    }
}

#[test]
fn the_start_up_family_with_gunicorn_comes_out_as_with_labrat() {
    if skip_unless(oracle()) {
        return;
    }
    for scenario in ["wrong-port", "crash-at-boot", "missing-setting"] {
        agree(scenario, REPRODUCED);
    }
    agree("slow-start --control", HEALTHY);
}

#[test]
fn calls_of_a_slow_service_and_calls_without_a_port_are_one_incident_each() {
    if skip_unless(oracle()) {
        return;
    }
    // Python's own part of a call counts for more, the quicker it is played.
    agree_at("0.2", "dependency-latency", REPRODUCED);
    agree("outbound-pressure", REPRODUCED);
}

#[test]
fn a_gunicorn_whose_keep_alive_is_short_loses_requests_as_labrat_does_and_keeps_them_alike() {
    if skip_unless(oracle()) {
        return;
    }
    agree_at("0.3", "keep-alive-race", REPRODUCED);
    agree_at("0.3", "keep-alive-race --fix keep-alive", HEALTHY);
}

#[test]
fn a_request_that_outlives_the_front_end_is_cut_and_worked_on_by_both() {
    if skip_unless(oracle()) {
        return;
    }
    agree_at("0.05", "front-end-limit", REPRODUCED);
    agree_at("0.05", "front-end-limit --fix shorter", HEALTHY);
}

#[test]
fn a_full_home_fails_the_writes_of_both_and_outlives_a_restart() {
    if skip_unless(oracle()) {
        return;
    }
    agree_at("0.05", "home-full", REPRODUCED);
    agree_at("0.05", "home-full --fix rotate", HEALTHY);
}

#[test]
fn a_gunicorn_that_was_unloaded_is_started_by_its_next_visitor_as_labrat_is() {
    if skip_unless(oracle()) {
        return;
    }
    agree_at("0.02", "idle-cold-start", REPRODUCED);
}

#[test]
fn a_probe_behind_the_work_has_gunicorn_restarted_as_it_has_labrat() {
    if skip_unless(oracle()) {
        return;
    }
    agree("probe-restart", REPRODUCED);
    for variant in ["--fix threshold", "--control"] {
        agree(&format!("probe-restart {variant}"), HEALTHY);
    }
}
