//! What each script would do, scenario by scenario, as a file that shows it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use labrat::scenario::apply::Variant;
use labrat::scenario::catalogue;
use labrat::scenario::plan::planned;
use labrat::scenario::shape::{Scenario, Step};

use super::fake::said;
use super::jq;
use crate::harness::{in_parallel, root, skip_unless, write_program};

/// Scenarios that can be played on Azure.
fn on_azure() -> Vec<&'static Scenario> {
    let mut scenarios = catalogue::all();
    scenarios.retain(|scenario| scenario.needs.plan.is_some());
    scenarios
}

/// A folder with an az that must not be started.
fn forbidden_az() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let refusing = "#!/bin/sh\necho 'az was started' >&2\nexit 99\n";
    write_program(&folder.path().join("az"), refusing);
    folder
}

/// A script's dry run as one would see it.
fn dry_run(az: &Path, script: &str, words: &[&str], input: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let feed = tempfile::NamedTempFile::new().unwrap();
    fs::write(&feed, input).unwrap();
    let output = Command::new(root().join("scripts").join(script))
        .args(words)
        .arg("--dry-run")
        .env("PATH", format!("{}:{path}", az.display()))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .env_remove("LAB_KEY")
        .stdin(Stdio::from(feed.reopen().unwrap()))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script} {words:?}: {}",
        said(&output)
    );
    let given = words.join(" ");
    let shown = String::from_utf8_lossy(&output.stdout);
    format!("# scripts/{script} {given} --dry-run\n{shown}\n")
}

/// Every script of one scenario, and each of its variants.
fn every_script(scenario: &Scenario) -> String {
    let az = forbidden_az();
    let name = scenario.name();
    let run = |script: &str, words: &[&str]| dry_run(az.path(), script, words, "");
    let mut text = String::new();
    text.push_str(&run("deploy.sh", &[name, "--expiry", "2030-01-01"]));
    text.push_str(&run(
        "deploy.sh",
        &[name, "--control", "--expiry", "2030-01-01"],
    ));
    text.push_str(&run("trigger.sh", &[name]));
    text.push_str(&run("verify.sh", &[name]));
    for fix in scenario.fixes.iter().chain(&scenario.variants) {
        text.push_str(&run("fix.sh", &[name, &fix.name]));
    }
    text.push_str(&run("teardown.sh", &[name]));
    if scenario.topology.slots.len() > 1 {
        let words = ["--resource-group", "RG", "--site", "SITE"];
        text.push_str(&run("settings-diff.sh", &words));
    }
    for step in &scenario.steps {
        if let Step::Act { action, .. } = step {
            let order = serde_json::to_string(action).unwrap();
            text.push_str(&dry_run(az.path(), "operate.sh", &["host"], &order));
        }
    }
    text
}

#[test]
fn the_dry_runs_of_every_scenario_are_what_the_golden_files_show_and_start_no_az() {
    if skip_unless(jq()) {
        return;
    }
    let folder = root().join("tests/azure/dry-run");
    let scenarios = on_azure();
    let texts = in_parallel(&scenarios, |scenario| every_script(scenario));
    for (scenario, text) in scenarios.iter().zip(texts) {
        let path = folder.join(format!("{}.txt", scenario.name()));
        if std::env::var_os("LABRAT_UPDATE").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == text,
            "{} is not current; run the test once with LABRAT_UPDATE=1, and read the difference",
            path.display()
        );
    }
    for entry in fs::read_dir(&folder).unwrap().flatten() {
        let known = scenarios
            .iter()
            .any(|scenario| entry.file_name() == *format!("{}.txt", scenario.name()));
        assert!(known, "{:?} is of no scenario", entry.file_name());
    }
}

#[test]
fn every_action_that_the_catalogue_asks_for_is_one_that_the_scripts_play_on_both_sides() {
    if skip_unless(jq()) {
        return;
    }
    let mut actions = BTreeSet::new();
    for scenario in on_azure() {
        let variants = scenario
            .fixes
            .iter()
            .chain(&scenario.variants)
            .chain([&scenario.control])
            .map(Variant::Varied);
        for variant in variants {
            let plan = planned(scenario, variant);
            let asked = plan["actions"].as_array().unwrap();
            actions.extend(asked.iter().map(|action| {
                let by_hand = action["action"] == "described";
                (action.to_string(), by_hand)
            }));
        }
    }
    let az = forbidden_az();
    for (action, by_hand) in actions {
        let words = ["azure", "--resource-group", "G", "--site", "S"];
        let shown = dry_run(az.path(), "operate.sh", &words, &action);
        assert!(by_hand || shown.contains("\naz "), "{action}: {shown}");
    }
}

#[test]
fn a_wrong_word_is_refused_with_a_hint() {
    if skip_unless(jq()) {
        return;
    }
    let az = forbidden_az();
    let refused = |script: &str, words: &[&str], why: &str| {
        let output = Command::new(root().join("scripts").join(script))
            .args(words)
            .arg("--dry-run")
            .env(
                "PATH",
                format!("{}:{}", az.path().display(), std::env::var("PATH").unwrap()),
            )
            .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
            .output()
            .unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{script} {words:?}: {said}");
        assert!(said.contains(why), "{script} {words:?}: {said}");
    };
    refused(
        "deploy.sh",
        &["no-such-incident"],
        "hint: there are memory-pressure",
    );
    refused("deploy.sh", &[], "a scenario is needed: memory-pressure");
    refused(
        "deploy.sh",
        &["startup-failed", "--fix"],
        "--fix needs a value",
    );
    refused(
        "deploy.sh",
        &["startup-failed", "--fix", "none"],
        "hint: there are right-command",
    );
    refused(
        "trigger.sh",
        &["startup-failed", "--speed", "9"],
        "there is no option --speed",
    );
    refused(
        "collect.sh",
        &["startup-failed", "--wait", "long"],
        "whole seconds",
    );
    refused(
        "fix.sh",
        &["startup-failed", "a", "b"],
        "b is one word too many",
    );
}
