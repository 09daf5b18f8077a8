//! What can go wrong on Azure, and what the scripts then say.

use std::process::{Command, Stdio};

use super::azure_cli;
use super::fake::{Fake, said};
use crate::harness::{root, skip_unless};

const GROUP: &str = "rg-labrat-intermittent-5xx";
const ADDRESS: [&str; 2] = ["--address", "203.0.113.7/32"];

/// A fake, or nothing where the real az cannot be had.
fn fake(words: &[&str]) -> Option<Fake> {
    let az = azure_cli();
    if skip_unless(az.clone().map(|_| ())) {
        return None;
    }
    Some(Fake::start(&az.unwrap(), words))
}

/// Deploy; the exit code and what was said.
fn deploy(fake: &Fake) -> (Option<i32>, String) {
    let package = fake.folder.path().join("package.zip");
    std::fs::write(&package, "no real package").unwrap();
    let package = package.display().to_string();
    let words = ["intermittent-5xx", "--package", &package];
    let output = fake.script("deploy.sh", &[&words[..], &ADDRESS].concat());
    (output.status.code(), said(&output))
}

#[test]
fn who_is_not_logged_in_is_told_how_before_anything_is_asked_of_azure() {
    let Some(fake) = fake(&["--fault", "login"]) else {
        return;
    };
    let (code, said) = deploy(&fake);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hint: az login"), "{said}");
    assert_eq!(fake.requests().len(), 0);
}

#[test]
fn a_region_without_quota_is_named_as_the_cause_and_nothing_is_deployed() {
    let Some(fake) = fake(&["--fault", "quota"]) else {
        return;
    };
    let (code, said) = deploy(&fake);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("additional quota"), "{said}");
    assert!(said.contains("hint: this region has no quota"), "{said}");
    assert_eq!(fake.asked("PUT", "/deployments/labrat").len(), 0);
}

#[test]
fn a_deployment_that_fails_ends_the_script_with_azures_words() {
    let Some(fake) = fake(&["--fault", "deployment"]) else {
        return;
    };
    let (code, said) = deploy(&fake);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("az deployment group create failed"), "{said}");
    assert!(
        said.contains("Website with given name already exists"),
        "{said}"
    );
    assert_eq!(fake.asked("POST", "/api/publish").len(), 0);
}

#[test]
fn an_empty_workspace_is_no_evidence_and_the_verdict_inconclusive() {
    let Some(fake) = fake(&["--fault", "empty", "--deployed", GROUP]) else {
        return;
    };
    let run = fake.run_of("intermittent-5xx", 4);
    let words = [
        "intermittent-5xx",
        "--run",
        &run,
        "--every",
        "1",
        "--wait",
        "1",
    ];
    let output = fake.script("verify.sh", &words);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(said.contains("http 0 rows for 4 requests"), "{said}");
    for table in ["http", "console", "platform"] {
        let missing = format!("missing: the workspace has no rows of {table} yet");
        assert!(said.contains(&missing), "{said}");
    }
    assert!(!std::path::Path::new(&run).join("tables").exists());
}

#[test]
fn an_export_that_fails_is_named_and_the_others_are_kept() {
    let Some(fake) = fake(&["--fault", "export-console", "--deployed", GROUP]) else {
        return;
    };
    let run = fake.run_of("intermittent-5xx", 4);
    let words = [
        "intermittent-5xx",
        "--run",
        &run,
        "--every",
        "1",
        "--wait",
        "1",
    ];
    let output = fake.script("collect.sh", &words);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(
        said.contains("missing: console cannot be exported"),
        "{said}"
    );
    assert!(said.contains("InsufficientAccess"), "{said}");
    let table = |name: &str| std::path::Path::new(&run).join("tables").join(name);
    assert!(table("http.json").exists() && table("platform.json").exists());
    assert!(!table("console.json").exists());
}

#[test]
fn in_a_group_that_was_there_before_only_what_is_labrats_is_deleted() {
    let Some(fake) = fake(&["--existing-group", GROUP, "--deployed", GROUP]) else {
        return;
    };
    let output = fake.script("teardown.sh", &["intermittent-5xx"]);
    assert!(output.status.success(), "{}", said(&output));
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
        .arg("intermittent-5xx")
        .env("PATH", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for (program, hint) in [("jq", "apt-get install jq"), ("az", "install-azure-cli")] {
        assert!(said.contains(&format!("{program} is missing")), "{said}");
        assert!(said.contains(hint), "{said}");
    }
}
