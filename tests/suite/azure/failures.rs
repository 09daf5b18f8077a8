//! What can go wrong on Azure, and what the scripts then say.

use std::path::Path;
use std::process::{Command, Stdio};

use super::fake::{Fake, Outcome};
use super::real_az;
use crate::harness::root;

const SCENARIO: &str = "intermittent-5xx";
const GROUP: &str = "rg-labrat-intermittent-5xx";

/// A fake with this fault, or nothing where the real az cannot be had.
fn fake(fault: &str) -> Option<Fake> {
    Some(Fake::start(&real_az()?, &["--fault", fault]))
}

/// The same where everything is deployed, and the folder of a run with four requests.
fn fake_with_a_run(fault: &str) -> Option<(Fake, String)> {
    let words = ["--fault", fault, "--deployed", GROUP];
    let fake = Fake::start(&real_az()?, &words);
    let run = fake.run_of(SCENARIO, 4);
    Some((fake, run))
}

/// Collect or verify that run, with little patience.
fn gather(fake: &Fake, script: &str, run: &str) -> Outcome {
    let patience = ["--every", "1", "--wait", "1"];
    fake.script(script, &[&[SCENARIO, "--run", run], &patience[..]].concat())
}

#[test]
fn who_is_not_logged_in_is_told_how_before_anything_is_asked_of_azure() {
    let Some(fake) = fake("login") else {
        return;
    };
    fake.deploy(SCENARIO).ends_with(1, &["hint: az login"]);
    assert_eq!(fake.requests().len(), 0);
}

#[test]
fn a_region_without_quota_is_named_as_the_cause_and_nothing_is_deployed() {
    let Some(fake) = fake("quota") else {
        return;
    };
    let words = ["additional quota", "hint: this region has no quota"];
    fake.deploy(SCENARIO).ends_with(1, &words);
    assert_eq!(fake.asked("PUT", "/deployments/labrat").len(), 0);
}

#[test]
fn a_deployment_that_fails_ends_the_script_with_azures_words() {
    let Some(fake) = fake("deployment") else {
        return;
    };
    let own = "az deployment group create failed";
    let azures = "Website with given name already exists";
    fake.deploy(SCENARIO).ends_with(1, &[own, azures]);
    assert_eq!(fake.asked("POST", "/api/publish").len(), 0);
}

#[test]
fn a_deployment_that_a_restart_stopped_is_tried_again() {
    let Some(fake) = fake("scm-restart") else {
        return;
    };
    // A scenario that begins with a site that is down: nothing waits for it.
    let said = "the container that takes deployments was restarted; trying again";
    fake.deploy("startup-failed").ends_with(0, &[said]);
    assert_eq!(fake.asked("POST", "/api/publish").len(), 2);
}

#[test]
fn the_names_follow_the_location_so_that_another_region_finds_nothing_in_its_way() {
    let template = std::fs::read_to_string(root().join("bicep/main.bicep")).unwrap();
    assert!(template.contains("uniqueString(resourceGroup().id, location)"));
}

#[test]
fn an_az_that_is_too_old_is_named_with_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let az = folder.path().join("az");
    std::fs::write(&az, "#!/bin/sh\necho 2.30.0\n").unwrap();
    let mut mode = std::fs::metadata(&az).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&az, mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(root().join("scripts/deploy.sh"))
        .arg(SCENARIO)
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Outcome::of(&output).ends_with(1, &["az is 2.30.0", "hint: az upgrade"]);
}

#[test]
fn rows_of_deployments_snapshots_and_the_platform_are_not_taken_for_the_runs() {
    let Some(az) = real_az() else {
        return;
    };
    let fake = Fake::start(&az, &["--deployed", GROUP]);
    // The fake's four rows are all the run's own: a fifth request has none yet.
    let run = fake.run_of(SCENARIO, 5);
    let words = ["http 4 rows for 5 requests (4 in all)"];
    gather(&fake, "collect.sh", &run).ends_with(11, &words);
}

#[test]
fn an_empty_workspace_is_no_evidence_and_the_verdict_inconclusive() {
    let Some((fake, run)) = fake_with_a_run("empty") else {
        return;
    };
    let missing = ["http", "console", "platform"]
        .map(|table| format!("missing: the workspace has no rows of {table} yet"));
    let [http, console, platform] = missing.each_ref().map(String::as_str);
    let words = ["http 0 rows for 4 requests", http, console, platform];
    gather(&fake, "verify.sh", &run).ends_with(11, &words);
    assert!(!Path::new(&run).join("tables").exists());
}

#[test]
fn an_export_that_fails_is_named_and_the_others_are_kept() {
    let Some((fake, run)) = fake_with_a_run("export-console") else {
        return;
    };
    let words = ["missing: console cannot be exported", "InsufficientAccess"];
    gather(&fake, "collect.sh", &run).ends_with(11, &words);
    let table = |name: &str| Path::new(&run).join("tables").join(name);
    assert!(table("http.json").exists() && table("platform.json").exists());
    assert!(!table("console.json").exists());
}

#[test]
fn in_a_group_that_was_there_before_only_what_is_labrats_is_deleted() {
    let Some(az) = real_az() else {
        return;
    };
    let fake = Fake::start(&az, &["--existing-group", GROUP, "--deployed", GROUP]);
    fake.script("teardown.sh", &[SCENARIO]).ends_with(0, &[]);
    assert_eq!(fake.asked("DELETE", GROUP).len(), 0);
    let deleted = |ending: &str| fake.asked("DELETE", ending).len();
    assert_eq!(deleted("/sites/app-labrat-fake"), 1);
    assert_eq!(deleted("/serverfarms/asp-labrat-fake"), 1);
    assert_eq!(deleted("/sites/other"), 0);
    let order: Vec<String> = fake
        .requests()
        .iter()
        .filter(|request| request["method"] == "DELETE")
        .map(|request| request["path"].to_string())
        .collect();
    assert!(
        order[0].contains("/sites/"),
        "a plan with a site cannot go: {order:?}"
    );
}

#[test]
fn what_is_missing_on_this_machine_is_named_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    for (program, place) in [
        ("bash", "/bin/bash"),
        ("dirname", "/usr/bin/dirname"),
        ("date", "/bin/date"),
    ] {
        std::os::unix::fs::symlink(place, folder.path().join(program)).unwrap();
    }
    let output = Command::new(root().join("scripts/deploy.sh"))
        .arg(SCENARIO)
        .env("PATH", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let outcome = Outcome::of(&output);
    for (program, hint) in [("jq", "apt-get install jq"), ("az", "install-azure-cli")] {
        outcome.ends_with(1, &[&format!("{program} is missing"), hint]);
    }
}
