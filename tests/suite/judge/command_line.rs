//! `labrat verdict` as a program: exit codes, output, reports.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::builder::Builder;
use super::incidents;

fn labrat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("verdict")
        .args(arguments)
        .output()
        .unwrap()
}

fn judge(bundle: &Builder, more: &[&str]) -> Output {
    let folder = bundle.folder();
    let path = folder.path().to_str().unwrap();
    let mut arguments = vec![path];
    arguments.extend_from_slice(more);
    labrat(&arguments)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn each_outcome_has_its_exit_code() {
    let reproduced = judge(&incidents::memory_pressure(), &[]);
    assert_eq!(reproduced.status.code(), Some(0), "{}", stderr(&reproduced));
    assert_eq!(
        judge(&incidents::memory_control(), &[]).status.code(),
        Some(10)
    );
    let missing = incidents::memory_pressure().without("baseline/diag-proc.json");
    assert_eq!(judge(&missing, &[]).status.code(), Some(11));
    assert_eq!(labrat(&["/nonexistent"]).status.code(), Some(1));
    assert_eq!(labrat(&[]).status.code(), Some(2));
}

#[test]
fn an_unknown_scenario_fails_and_lists_those_that_are_known() {
    let unknown = incidents::memory_pressure()
        .amend(|manifest| manifest.scenario = "quantum-tunnel".to_owned());
    let folder = unknown.folder();
    let output = labrat(&[folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("no scenario is called `quantum-tunnel`"),
        "{message}"
    );
    assert!(
        message.contains("memory-pressure, intermittent-5xx, startup-failed, slot-swap-drift"),
        "{message}"
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn the_folders_name_is_the_scenario_where_there_is_no_manifest() {
    let mut bundle = incidents::memory_pressure();
    bundle.manifest = None;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("memory-pressure");
    bundle.write(&folder);
    assert_eq!(labrat(&[folder.to_str().unwrap()]).status.code(), Some(0));
    let other = parent.path().join("some-run");
    bundle.write(&other);
    assert_eq!(labrat(&[other.to_str().unwrap()]).status.code(), Some(1));
    let asked = labrat(&[other.to_str().unwrap(), "--scenario", "memory-pressure"]);
    assert_eq!(asked.status.code(), Some(0), "{}", stderr(&asked));
}

#[test]
fn json_is_the_verdict_and_nothing_else() {
    let output = judge(&incidents::intermittent_5xx(), &["--json"]);
    let verdict: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(verdict["outcome"], "reproduced");
    assert_eq!(verdict["scenario"], "intermittent-5xx");
    assert_eq!(stderr(&output), "");
}

#[test]
fn without_a_terminal_there_is_no_colour() {
    assert!(!stdout(&judge(&incidents::intermittent_5xx(), &[])).contains('\u{1b}'));
}

#[test]
fn a_run_given_twice_is_refused() {
    let folder = incidents::memory_pressure().folder();
    let path = folder.path().to_str().unwrap();
    let output = labrat(&[path, path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is given twice"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_report_is_written_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let output = judge(
        &incidents::startup_failed(),
        &["--report", report.to_str().unwrap()],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let has = |name: &str| Path::new(&report).join(name).is_file();
    assert!(has("report.html") && has("report.md") && has("verdict.json"));
}
