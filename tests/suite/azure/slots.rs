//! A site with two slots: the swap, which takes its time and can fail, and a fix in both slots, which
//! is applied once and not taken back without a word.

use std::process::Command;

use serde_json::Value;

use super::emulator::Emulator;
use super::fake::{Fake, Outcome, said};
use super::real_az;

const SCENARIO: &str = "slot-swap-drift";
const GROUP: &str = "rg-labrat-slot-swap-drift";

/// An emulator with the scenario's slots, and more words of `labrat host`.
fn emulator(more: &[&str]) -> Emulator {
    let value = |name: &str, of: &str| {
        format!("{name}=Server=tcp:sql-{of}.example.net;Database=orders;User Id=app")
    };
    let mut words: Vec<String> = ["--startup-command"].map(str::to_owned).to_vec();
    words.push("labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=2 app:app".to_owned());
    words.extend(["--staging-port", "0"].map(str::to_owned));
    for name in ["DB_CONNECTION_STRING", "EXPECTED_DB_CONNECTION_STRING"] {
        words.extend(["--setting".to_owned(), value(name, "prod")]);
        words.extend(["--staging-setting".to_owned(), value(name, "staging")]);
    }
    let flags = "--setting FEATURE_FLAG=off --staging-setting FEATURE_FLAG=on --sticky EXPECTED_DB_CONNECTION_STRING";
    words.extend(flags.split(' ').map(str::to_owned));
    words.extend(more.iter().map(|&word| word.to_owned()));
    Emulator::start(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A fake in which the scenario is deployed, and more words for it; nothing where the real az
/// cannot be had.
fn deployed(more: &[&str]) -> Option<Fake> {
    let az = real_az()?;
    let parameters = format!(
        "{}/bicep/parameters/{SCENARIO}.parameters.json",
        crate::harness::root().display()
    );
    let words = ["--deployed", GROUP, "--parameters", &parameters];
    Some(Fake::start(&az, &[&words[..], more].concat()))
}

/// The swap of the scenario, as `labrat trigger` hands it to its operator.
fn swap(fake: &Fake) -> Outcome {
    let words = [
        "azure",
        "--resource-group",
        GROUP,
        "--site",
        "app-labrat-fake",
    ];
    let order = r#"{"action": "swap", "source": "staging", "target": "production"}"#;
    fake.script_with_input("operate.sh", &words, order)
}

#[test]
fn a_swap_is_polled_to_its_end_and_production_then_has_stagings_value() {
    let emulator = emulator(&[]);
    let Some(fake) = deployed(&emulator.words_for_the_fake()) else {
        return;
    };
    let run = fake.folder.path().join("run").display().to_string();
    let words = [SCENARIO, "--pace", "0.1", "--out", &run];
    fake.script("trigger.sh", &words).ends_with(0, &[]);

    let asked = fake.asked("POST", "/slots/staging/slotsswap");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["body"]["targetSlot"], "production");
    // Two looks found it at work, one found it done.
    let looks = fake.asked("GET", "/slots/staging/operationresults/1").len();
    assert!(looks >= 3, "only {looks} looks");

    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["verdict", &run, "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let answer = |path: &str| -> Value {
        let file = std::path::Path::new(&run).join(path);
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let values = ["baseline", "post"].map(|at| answer(&format!("{at}/config-production.json")));
    let [before, after] = values.map(|value| value.to_string());
    assert!(before.contains("sql-prod") && !before.contains("sql-staging"));
    assert!(after.contains("sql-staging"), "{after}");
}

#[test]
fn before_a_swap_the_settings_that_would_move_block_and_without_them_nothing_does() {
    let emulator = emulator(&[]);
    let Some(fake) = deployed(&emulator.words_for_the_fake()) else {
        return;
    };
    let words = ["--resource-group", GROUP, "--site", "app-labrat-fake"];
    let found = fake.script("settings-diff.sh", &words);
    let printed = found.ends_with(1, &[]);
    for said in [
        "blocked: DB_CONNECTION_STRING differs",
        "warning: the swap asks /",
    ] {
        assert!(printed.contains(said), "{printed}");
    }
    let meant = ["--intended", "DB_CONNECTION_STRING,FEATURE_FLAG"];
    let found = fake.script("settings-diff.sh", &[&words[..], &meant].concat());
    let printed = found.ends_with(0, &[]);
    assert!(printed.contains("nothing blocks the swap"), "{printed}");
}

#[test]
fn a_slot_that_does_not_become_warm_fails_the_swap_with_a_hint_and_production_stays_as_it_was() {
    // No answer has this status: the warm-up of the real emulator fails.
    let statuses = "WEBSITE_SWAP_WARMUP_PING_STATUSES=299";
    let emulator = emulator(&["--pace", "0.01", "--setting", statuses]);
    let Some(fake) = deployed(&emulator.words_for_the_fake()) else {
        return;
    };
    let seen = fake.seen(GROUP, &["staging"]);
    let run = fake.folder.path().join("run").display().to_string();
    let words = [SCENARIO, "--pace", "0.1", "--out", &run];
    let told = [
        "az webapp deployment slot swap failed",
        "the 'staging' slot did not respond to http ping",
        "hint: the swap was taken back",
    ];
    fake.script("trigger.sh", &words).ends_with(1, &told);
    assert_eq!(fake.seen(GROUP, &["staging"]), seen);
    let configuration = Command::new("curl")
        .args(["--silent", "--fail"])
        .arg(format!("http://{}/config", emulator.production))
        .output()
        .unwrap();
    let configuration = String::from_utf8_lossy(&configuration.stdout).into_owned();
    assert!(configuration.contains("sql-prod"), "{configuration}");
    assert!(!configuration.contains("sql-staging"), "{configuration}");
    let manifest = std::fs::read(std::path::Path::new(&run).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["completion"]["state"], "cut-short", "{manifest}");
}

#[test]
fn a_swap_while_another_is_at_work_is_refused_with_a_hint() {
    let Some(fake) = deployed(&["--fault", "swap-conflict"]) else {
        return;
    };
    let told = [
        "another operation is in progress",
        "hint: a swap or another change",
    ];
    swap(&fake).ends_with(1, &told);
    assert_eq!(fake.asked("GET", "/operationresults/1").len(), 0);
}

#[test]
fn a_fix_is_applied_once_and_a_second_deployment_says_what_it_takes_back() {
    let emulator = emulator(&[]);
    let Some(fake) = deployed(&emulator.words_for_the_fake()) else {
        return;
    };
    let seen = || fake.seen(GROUP, &["staging"]);
    let writes = || {
        let mut requests = fake.requests();
        requests.retain(|request| request["method"] == "PUT");
        requests.len()
    };
    let begin = seen();

    let fix = || fake.script("fix.sh", &[SCENARIO, "sticky"]);
    fix().ends_with(0, &["applying sticky"]);
    let (fixed, written) = (seen(), writes());
    assert_ne!(fixed, begin);

    fix().ends_with(0, &["sticky is there already: nothing is changed"]);
    assert_eq!((seen(), writes()), (fixed, written));

    let back = "app-labrat-fake is there; this takes back to symptom:\n    \
                DB_CONNECTION_STRING of production\n    DB_CONNECTION_STRING of staging\n[";
    fake.deploy(SCENARIO).ends_with(0, &[back]);
    assert_eq!(seen(), begin);
}
