//! A diagnosis of this program's own run reads nothing that a stranger's export has not.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{diagnosis, first};

/// Play an incident at a quick pace and leave its bundle in `out`.
fn play(scenario: &str, pace: &str, out: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["rehearse", scenario, "--pace", pace, "--json", "--out"])
        .arg(out)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The likelihoods by cause.
fn likelihoods(diagnosis: &Value) -> Vec<(String, String)> {
    let ranking = diagnosis["ranking"].as_array().unwrap();
    let pair = |one: &Value| (one["cause"].to_string(), one["likelihood"].to_string());
    ranking.iter().map(pair).collect()
}

fn copy_table(bundle: &Path, table: &str, to: &Path) {
    fs::copy(bundle.join("tables").join(table), to).unwrap();
}

#[test]
fn plan_manifest_diagnostic_routes_and_names_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("intermittent-5xx");
    play("missing-setting", "0.05", &bundle);
    let whole = diagnosis(&bundle);
    assert_eq!(first(&whole), "missing-setting");

    // A manifest that lies, and diagnostic answers that do.
    let manifest = fs::read_to_string(bundle.join("manifest.json")).unwrap();
    let lie = manifest.replace("missing-setting", "memory-pressure");
    fs::write(bundle.join("manifest.json"), lie).unwrap();
    fs::write(
        bundle.join("post/diag-stats-3.json"),
        r#"{"leak_block_count":4096}"#,
    )
    .unwrap();
    assert_eq!(likelihoods(&diagnosis(&bundle)), likelihoods(&whole));

    // The tables and the command alone, by other names, in another order, and without the rows of the
    // diagnostic routes.
    let export = folder.path().join("from-a-customer");
    fs::create_dir(&export).unwrap();
    copy_table(&bundle, "console.jsonl", &export.join("b.txt"));
    copy_table(&bundle, "platform.jsonl", &export.join("a.txt"));
    let http = fs::read_to_string(bundle.join("tables/http.jsonl")).unwrap();
    let rows: String = http
        .lines()
        .filter(|line| !line.contains("/diag/"))
        .map(|line| format!("{}\n", line.replace("/health", "/alive")))
        .collect();
    fs::write(export.join("c.json"), rows).unwrap();
    fs::copy(
        bundle.join("baseline/startup-command.txt"),
        export.join("startup-command.txt"),
    )
    .unwrap();
    assert_eq!(likelihoods(&diagnosis(&export)), likelihoods(&whole));
}
