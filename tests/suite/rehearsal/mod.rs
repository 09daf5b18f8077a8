//! `labrat rehearse`: whole incidents on this machine, each with its symptom, fix and control.

mod kills;
mod memory;
mod processes;
mod variants;
mod yardstick;

pub(crate) use kills::seed;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::judge::each_criterion_of_the_run_can_flip;

/// Exit codes of a verdict.
const REPRODUCED: Option<i32> = Some(0);
/// A fix or a control that is healthy, as expected.
const HEALTHY: Option<i32> = Some(0);

fn rehearse(words: &str, out: &Path) -> Output {
    rehearse_at("0.1", words, out)
}

fn rehearse_at(pace: &str, words: &str, out: &Path) -> Output {
    command(pace, words, out).output().unwrap()
}

fn command(pace: &str, words: &str, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrat"));
    command
        .arg("rehearse")
        .args(words.split(' '))
        .args(["--pace", pace, "--json", "--out"])
        .arg(out)
        .stdin(Stdio::null());
    command
}

/// Rehearse and give back the exit code, the verdict and everything that was said.
fn judged(pace: &str, words: &str) -> (Option<i32>, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = rehearse_at(pace, words, &out);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdict = verdict_of(words, &output, &out);
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
    let (got, verdict, said) = judged(pace, words);
    assert_eq!(got, code, "{words}: {}\n{said}", verdict["headline"]);
    let fix = words.contains("--control") || words.contains("--fix");
    if code == HEALTHY && fix {
        assert_eq!(verdict["as_expected"], true, "{words}: {said}");
    }
    verdict
}

/// The verdict of a rehearsal, which agrees with itself; of a reproduced one every criterion can
/// flip.
fn verdict_of(words: &str, output: &Output, bundle: &Path) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    let verdict = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words}: no verdict ({error})\n{said}"));
    agrees_with_itself(words, &verdict);
    if verdict["outcome"] == "reproduced" {
        each_criterion_of_the_run_can_flip(&labrat::evidence::read(bundle).unwrap());
    }
    verdict
}

/// Hypothesis, alternatives and criteria of a verdict agree, and so do its words.
fn agrees_with_itself(words: &str, verdict: &Value) {
    let reproduced = verdict["outcome"] == "reproduced";
    for alternative in verdict["rivals"].as_array().unwrap() {
        let (status, place) = (&alternative["ruling"], format!("{words}: {alternative}"));
        match alternative["bearing"].as_str().unwrap() {
            "hypothesis" => assert_eq!(status == "ruled-in", reproduced, "{place}"),
            "accompanies" => assert_ne!(status, "ruled-out", "{place}"),
            _ => assert!(!reproduced || status != "ruled-in", "{place}"),
        }
    }
    for criterion in verdict["criteria"].as_array().unwrap() {
        let met = criterion["finding"] == "met";
        let place = format!("{words}: {criterion}");
        match criterion["kind"].as_str().unwrap() {
            "proof" | "trigger" => assert!(met || !reproduced, "{place}"),
            "disproof" => assert!(!met || !reproduced, "{place}"),
            _ => {}
        }
        // What is met shows its rows, but for an absence: there is nothing to show.
        let absence = criterion["threshold"]
            .as_str()
            .unwrap()
            .starts_with("not: ");
        let shown = criterion["quotes"] != serde_json::json!([]);
        assert!(
            !met || shown || absence || criterion["kind"] == "disproof",
            "{place}"
        );
    }
}

/// What a verdict says of a criterion, if it has it.
fn criterion<'a>(verdict: &'a Value, id: &str) -> Option<&'a Value> {
    let criteria = verdict["criteria"].as_array().unwrap();
    criteria.iter().find(|one| one["id"] == id)
}

fn met(verdict: &Value, id: &str) -> bool {
    criterion(verdict, id).is_some_and(|one| one["finding"] == "met")
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
    for variant in [
        "--fix more-workers",
        "--fix gthread",
        "--fix async",
        "--control",
    ] {
        expect(&format!("intermittent-5xx {variant}"), HEALTHY);
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
    for variant in ["--fix right-command", "--control"] {
        expect(&format!("startup-failed {variant}"), HEALTHY);
    }
}

#[test]
fn a_setting_that_is_not_sticky_drifts_in_a_swap() {
    expect("slot-swap-drift", REPRODUCED);
}

#[test]
fn a_swap_with_nothing_to_drift_is_no_incident() {
    expect("slot-swap-drift --control", HEALTHY);
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
fn another_server_is_not_put_into_a_machine_that_holds_labrat_alone() {
    let folder = tempfile::tempdir().unwrap();
    let words = "memory-pressure --box vm --server gunicorn";
    let output = rehearse(words, &folder.path().join("run"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("holds labrat and no other server"), "{said}");
}

#[test]
fn rehearsals_in_a_row_have_a_report_of_each_and_one_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("runs");
    let output = rehearse("startup-failed --control --runs 3", &out);
    assert_eq!(output.status.code(), HEALTHY, "{output:?}");
    let repeated: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(repeated["level"], "repeated", "{repeated:#}");
    assert_eq!(repeated["runs"].as_array().unwrap().len(), 3);
    for place in ["run-1", "run-2", "run-3", "."] {
        for file in ["report.html", "report.md", "verdict.json"] {
            let path = out.join(place).join("report").join(file);
            assert!(path.is_file(), "{}", path.display());
        }
    }
    let page = std::fs::read_to_string(out.join("report/report.html")).unwrap();
    for words in ["run-1", "run-3", "not reproduced", "3 runs, repeated"] {
        assert!(page.contains(words), "{words}");
    }
}
