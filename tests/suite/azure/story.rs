//! A whole incident by the scripts, through the real az: the fake of Azure has the project's own
//! emulator do what a site does.

use std::process::Command;

use serde_json::Value;

use super::emulator::Emulator;
use super::fake::Fake;
use super::real_az;
use crate::harness::skip_unless;

#[test]
fn the_same_action_is_played_by_the_verbs_of_the_emulator() {
    if skip_unless(super::jq()) {
        return;
    }
    let wrong = "labrat serve --bind=0.0.0.0:8000 --timeout=120 wrong_module:app";
    let emulator = Emulator::start(&["--startup-command", wrong]);
    let folder = tempfile::tempdir().unwrap();
    let operator = crate::harness::root().join("scripts/operate.sh");
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["trigger", "startup-failed", "--pace", "0.1", "--url"])
        .arg(format!("http://{}", emulator.production))
        .arg("--operator")
        .arg(format!("{} host", operator.display()))
        .arg("--out")
        .arg(folder.path().join("run"))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .env("LABRAT_HOST_CONTROL", &emulator.control)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let manifest = std::fs::read(folder.path().join("run/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let event = &manifest["events"][0];
    assert_eq!(event["succeeded"], true, "{event}");
    let detail = event["detail"].as_str().unwrap();
    assert!(detail.ends_with("by scripts/operate.sh host"), "{detail}");
    let probes = std::fs::read_to_string(folder.path().join("run/trigger/samples-recovery.csv"));
    assert!(
        probes.unwrap().contains(",200,"),
        "the site did not come back"
    );
}

#[test]
fn an_operator_that_fails_ends_the_run_and_what_was_captured_is_kept() {
    let none = "labrat serve --bind=0.0.0.0:8000 none:app";
    let emulator = Emulator::start(&["--startup-command", none]);
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["trigger", "startup-failed", "--pace", "0.1", "--url"])
        .arg(format!("http://{}", emulator.production))
        .args(["--operator", "cat >/dev/null; exit 7", "--out"])
        .arg(&run)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ended with exit status: 7"), "{said}");
    assert!(run.join("trigger/samples-broken.csv").exists());
}

/// Neither on a command line nor in the evidence.
fn nobody_else_sees_the_key(key: &str, run: &str) {
    for entry in procfs::process::all_processes().unwrap().flatten() {
        let words = entry.cmdline().unwrap_or_default();
        assert!(
            !words.iter().any(|word| word.contains(key)),
            "the key is on a command line"
        );
    }
    let grep = Command::new("grep")
        .args(["-rlF", key, run])
        .output()
        .unwrap();
    assert!(
        grep.stdout.is_empty(),
        "the key is in the evidence: {grep:?}"
    );
}

/// The same group, the same key, the same resources.
fn a_second_deployment_makes_nothing_twice(fake: &Fake, group: &str, seen: &Value) {
    let there = format!("resource group {group} is there");
    let told = [&there, "app-labrat-fake is there and as symptom has it"];
    fake.deploy("startup-failed").ends_with(0, &told);
    assert_eq!(fake.seen(group, &[]), *seen);
    assert_eq!(fake.asked("PUT", group).len(), 1);
    let deployments = fake.asked("PUT", "/deployments/labrat");
    assert_eq!(deployments.len(), 2);
    assert_eq!(deployments[0]["body"], deployments[1]["body"]);
}

#[test]
fn a_failed_start_is_deployed_triggered_mended_judged_and_torn_down() {
    let Some(az) = real_az() else {
        return;
    };
    let wrong = "labrat serve --bind=0.0.0.0:8000 --timeout=120 wrong_module:app";
    let emulator = Emulator::start(&["--startup-command", wrong]);
    let fake = Fake::start(&az, &emulator.words_for_the_fake());
    let run = fake.folder.path().join("run").display().to_string();
    let step = |script: &str, words: &[&str]| {
        let words = [&["startup-failed"], words].concat();
        fake.script(script, &words).ends_with(0, &[]).to_owned()
    };

    let group = "rg-labrat-startup-failed";
    fake.deploy("startup-failed").ends_with(0, &[]);
    let seen = fake.seen(group, &[]);
    let deployments = fake.asked("PUT", "/deployments/labrat");
    let given = &deployments[0]["body"]["properties"]["parameters"];
    let command = given["startupCommand"]["value"].as_str().unwrap();
    assert_eq!(
        command,
        format!("cp ./labrat /tmp/labrat && chmod +x /tmp/labrat && exec /tmp/{wrong}")
    );
    assert_eq!(given["deployerAddress"]["value"], "203.0.113.7/32");
    let key = given["labKey"]["value"].as_str().unwrap().to_owned();
    assert!(key.len() >= 16, "the key can be guessed");
    assert_eq!(fake.asked("POST", "/api/publish").len(), 1);

    a_second_deployment_makes_nothing_twice(&fake, group, &seen);

    step("trigger.sh", &["--pace", "0.1", "--out", &run]);
    let changes = fake.asked("PATCH", "/config/web");
    let changed = &changes.last().unwrap()["body"]["properties"]["appCommandLine"];
    assert!(changed.as_str().unwrap().ends_with(" app:app"), "{changed}");

    // The scenario has mended it: the fix finds nothing to do.
    let (seen, before) = (fake.seen(group, &[]), changes.len());
    let told = "right-command is there already: nothing is changed";
    fake.script("fix.sh", &["startup-failed"])
        .ends_with(0, &[told]);
    assert_eq!(fake.asked("PATCH", "/config/web").len(), before);
    assert_eq!(fake.seen(group, &[]), seen);

    let verdict = step(
        "verify.sh",
        &["--run", &run, "--every", "1", "--wait", "60"],
    );
    assert!(
        verdict.contains("met         command-wrong-before"),
        "{verdict}"
    );
    assert!(
        verdict.contains("When the site started, stopped"),
        "{verdict}"
    );
    let report = std::path::Path::new(&run).join("report/report.html");
    assert!(report.exists());
    nobody_else_sees_the_key(&key, &run);

    step("teardown.sh", &[]);
    assert_eq!(fake.asked("DELETE", "rg-labrat-startup-failed").len(), 1);
    // Again: nothing is there, and that is no error.
    step("teardown.sh", &[]);
    assert_eq!(fake.asked("DELETE", "rg-labrat-startup-failed").len(), 1);
}
