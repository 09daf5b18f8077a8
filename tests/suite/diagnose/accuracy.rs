//! The script that measures how often a diagnosis is right, in small.

use std::process::Command;

use crate::harness::root;

#[test]
fn a_few_random_runs_are_played_stripped_and_named() {
    let bundles = tempfile::tempdir().unwrap();
    let out = bundles.path().join("table.md");
    let output = Command::new(root().join("scripts/accuracy.sh"))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .args([
            "--runs",
            "2",
            "--seed",
            "7",
            "--evidence",
            "all",
            "http",
            "--jobs",
            "2",
        ])
        .arg("--bundles")
        .arg(bundles.path())
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let table = std::fs::read_to_string(out).unwrap();
    assert!(
        table.contains("| all | 2 of 2 (100.0 %) |"),
        "{table}{errors}"
    );
    assert!(table.contains("Calibration"), "{table}");
}
