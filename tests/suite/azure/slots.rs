//! A site with two slots: the swap, which takes its time and can fail, and a fix in both slots, which
//! is applied once and not taken back without a word.

use std::process::Command;

use serde_json::Value;

use super::azure_cli;
use super::fake::{Fake, said};
use super::stand_in::StandIn;
use crate::harness::skip_unless;

const SCENARIO: &str = "slot-swap-drift";
const GROUP: &str = "rg-labrat-slot-swap-drift";

/// A stand-in with the scenario's slots, and more words of `labrat host`.
fn stand_in(more: &[&str]) -> StandIn {
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
    StandIn::start(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A fake in which the scenario is deployed, and more words for it; nothing where the real az
/// cannot be had.
fn deployed(more: &[&str]) -> Option<Fake> {
    let az = azure_cli();
    if skip_unless(az.clone().map(|_| ())) {
        return None;
    }
    let parameters = format!(
        "{}/bicep/parameters/{SCENARIO}.parameters.json",
        crate::harness::root().display()
    );
    let words = ["--deployed", GROUP, "--parameters", &parameters];
    Some(Fake::start(&az.unwrap(), &[&words[..], more].concat()))
}

/// The swap of the scenario, as `labrat trigger` hands it to its operator.
fn swap(fake: &Fake) -> (Option<i32>, String) {
    let words = [
        "azure",
        "--resource-group",
        GROUP,
        "--site",
        "app-labrat-fake",
    ];
    let order = r#"{"action": "swap", "source": "staging", "target": "production"}"#;
    let output = fake.script_with_input("operate.sh", &words, order);
    (output.status.code(), said(&output))
}

#[test]
fn a_swap_is_polled_to_its_end_and_production_then_has_stagings_value() {
    let stand_in = stand_in(&[]);
    let Some(fake) = deployed(&stand_in.words_for_the_fake()) else {
        return;
    };
    let run = fake.folder.path().join("run").display().to_string();
    let words = [SCENARIO, "--pace", "0.1", "--out", &run];
    let output = fake.script("trigger.sh", &words);
    assert!(output.status.success(), "{}", said(&output));

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
fn a_slot_that_does_not_become_warm_fails_the_swap_with_a_hint_and_production_stays_as_it_was() {
    // No answer has this status: the warm-up of the real stand-in fails.
    let statuses = "WEBSITE_SWAP_WARMUP_PING_STATUSES=299";
    let stand_in = stand_in(&["--pace", "0.01", "--setting", statuses]);
    let Some(fake) = deployed(&stand_in.words_for_the_fake()) else {
        return;
    };
    let seen = fake.seen(GROUP, &["staging"]);
    let run = fake.folder.path().join("run").display().to_string();
    let words = [SCENARIO, "--pace", "0.1", "--out", &run];
    let output = fake.script("trigger.sh", &words);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "az webapp deployment slot swap failed",
        "the 'staging' slot did not respond to http ping",
        "hint: the swap was taken back",
    ] {
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
    assert_eq!(fake.seen(GROUP, &["staging"]), seen);
    let manifest = std::fs::read(std::path::Path::new(&run).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["completion"]["state"], "cut-short", "{manifest}");
}

#[test]
fn a_swap_while_another_is_at_work_is_refused_with_a_hint() {
    let Some(fake) = deployed(&["--fault", "swap-conflict"]) else {
        return;
    };
    let (code, said) = swap(&fake);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another operation is in progress"), "{said}");
    assert!(said.contains("hint: a swap or another change"), "{said}");
    assert_eq!(fake.asked("GET", "/operationresults/1").len(), 0);
}

#[test]
fn a_fix_is_applied_once_and_a_second_deployment_says_what_it_takes_back() {
    let stand_in = stand_in(&[]);
    let Some(fake) = deployed(&stand_in.words_for_the_fake()) else {
        return;
    };
    let seen = || fake.seen(GROUP, &["staging"]);
    let writes = || {
        let mut requests = fake.requests();
        requests.retain(|request| request["method"] == "PUT");
        requests.len()
    };
    let begin = seen();

    let output = fake.script("fix.sh", &[SCENARIO, "sticky"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (fixed, written) = (seen(), writes());
    assert_ne!(fixed, begin);

    let output = fake.script("fix.sh", &[SCENARIO, "sticky"]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("sticky is there already: nothing is changed"),
        "{told}"
    );
    assert_eq!((seen(), writes()), (fixed, written));

    let output = fake.deploy(SCENARIO);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let back = "app-labrat-fake is there; this takes back to symptom:\n    \
                DB_CONNECTION_STRING of production\n    DB_CONNECTION_STRING of staging\n[";
    assert!(told.contains(back), "{told}");
    assert_eq!(seen(), begin);
}
