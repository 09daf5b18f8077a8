//! `labrat rehearse`: whole incidents on this machine, each with its symptom, fix and control.

mod courses;
mod yardstick;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{PATIENCE, poll, quiet};

/// Exit codes of a verdict.
const REPRODUCED: Option<i32> = Some(0);
const NOT_REPRODUCED: Option<i32> = Some(10);

fn rehearse(words: &str, out: &Path) -> Output {
    rehearse_at("0.1", words, out)
}

fn rehearse_at(pace: &str, words: &str, out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("rehearse")
        .args(words.split(' '))
        .args(["--pace", pace, "--json", "--out"])
        .arg(out)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Rehearse and give back the exit code, the verdict and everything that was said.
fn judged(pace: &str, words: &str) -> (Option<i32>, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = rehearse_at(pace, words, &out);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdict = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words}: no verdict ({error})\n{said}"));
    for file in [
        "manifest.json",
        "report/report.html",
        "tables/http.jsonl",
        "tables/console.jsonl",
        "tables/platform.jsonl",
    ] {
        assert!(out.join(file).is_file(), "{words}: no {file}\n{said}");
    }
    (output.status.code(), verdict, said)
}

fn expect(words: &str, code: Option<i32>) -> Value {
    expect_at("0.1", words, code)
}

fn expect_at(pace: &str, words: &str, code: Option<i32>) -> Value {
    let _turn = quiet();
    let (got, verdict, said) = judged(pace, words);
    assert_eq!(got, code, "{words}: {}\n{said}", verdict["headline"]);
    verdict
}

fn met(verdict: &Value, criterion: &str) -> bool {
    let criteria = verdict["criteria"].as_array().unwrap();
    let found = criteria.iter().find(|one| one["id"] == criterion);
    found.is_some_and(|one| one["finding"] == "met")
}

#[test]
fn a_saturated_pool_is_reproduced_with_clients_that_give_up_and_no_5xx() {
    let verdict = expect("intermittent-5xx", REPRODUCED);
    assert!(met(&verdict, "fast-gives-up"));
    assert!(
        met(&verdict, "busy-with-queue"),
        "seen in the accept queue itself"
    );
    let promises = verdict["promises"].to_string();
    assert!(
        promises.contains("0 in 30 samples"),
        "the name promises 5xx: {promises}"
    );
}

#[test]
fn every_fix_of_a_saturated_pool_and_its_control_make_it_go_away() {
    for course in [
        "--fix more-workers",
        "--fix gthread",
        "--fix async",
        "--control",
    ] {
        expect(&format!("intermittent-5xx {course}"), NOT_REPRODUCED);
    }
}

#[test]
fn a_wrong_startup_command_is_reproduced_until_it_is_mended() {
    let verdict = expect("startup-failed", REPRODUCED);
    for criterion in [
        "import-failure",
        "not-200-before",
        "health-200-after",
        "exit-code-3",
    ] {
        assert!(met(&verdict, criterion), "{criterion}: {verdict:#}");
    }
}

#[test]
fn a_right_startup_command_is_no_incident() {
    for course in ["--fix right-command", "--control"] {
        expect(&format!("startup-failed {course}"), NOT_REPRODUCED);
    }
}

#[test]
fn a_setting_that_is_not_sticky_drifts_in_a_swap() {
    expect("slot-swap-drift", REPRODUCED);
}

#[test]
fn a_swap_with_nothing_to_drift_is_no_incident() {
    expect("slot-swap-drift --control", NOT_REPRODUCED);
}

#[test]
fn what_this_machine_cannot_be_made_to_have_is_refused_and_not_pretended() {
    let folder = tempfile::tempdir().unwrap();
    let output = rehearse("memory-pressure", &folder.path().join("run"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be rehearsed here"), "{said}");
    assert!(said.contains("hint:"), "{said}");
}

#[test]
fn an_unknown_scenario_or_fix_is_named_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for (words, there_is) in [
        ("no-such-thing", "intermittent-5xx"),
        ("intermittent-5xx --fix no-such-fix", "gthread"),
    ] {
        let output = rehearse(words, &folder.path().join("run"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(there_is), "{said}");
    }
}

#[test]
fn a_rehearsal_killed_at_any_moment_leaves_no_process_and_hinders_no_next_one() {
    let _turn = quiet();
    let folder = tempfile::tempdir().unwrap();
    // Where the children's temporary folders go: gone with the test.
    let marker = folder.path().display().to_string();
    for moment in [
        Duration::from_millis(50),
        Duration::from_millis(700),
        Duration::from_secs(2),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_labrat"))
            .args(["rehearse", "--pace", "0.1", "--out"])
            .arg(folder.path().join(format!("killed-{}", moment.as_millis())))
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not synchronisation: the moment of the kill is what is varied.
        std::thread::sleep(moment);
        kill(
            Pid::from_raw(i32::try_from(child.id()).unwrap()),
            Signal::SIGKILL,
        )
        .unwrap();
        child.wait().unwrap();
        let gone = poll(PATIENCE, || {
            processes_with(&marker).is_empty().then_some(())
        });
        assert!(gone.is_some(), "left behind: {:?}", processes_with(&marker));
    }
    let next = rehearse("startup-failed --control", &folder.path().join("next"));
    assert_eq!(next.status.code(), NOT_REPRODUCED);
}

/// Processes whose environment or working directory shows that they belong to the rehearsal.
fn processes_with(marker: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| pid != std::process::id())
        .filter(|pid| {
            let cwd = std::fs::read_link(format!("/proc/{pid}/cwd"));
            let here = cwd.is_ok_and(|path| path.to_string_lossy().contains(marker));
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            here || String::from_utf8_lossy(&environment).contains(marker)
        })
        .collect()
}
