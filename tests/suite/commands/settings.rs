//! `labrat settings diff`: what az prints of two slots, and whether a swap is blocked.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{program, stderr, stdout};

/// Files with these settings of the source and of the target, and more words.
fn diff(source: &Value, target: &Value, words: &[&str]) -> (TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let [source, target] = [("source", source), ("target", target)].map(|(name, settings)| {
        let path = folder.path().join(format!("{name}.json"));
        fs::write(&path, settings.to_string()).unwrap();
        path.display().to_string()
    });
    let mut command = program();
    command.env("COLUMNS", "80");
    command
        .args(["settings", "diff", &source, &target])
        .args(words);
    (folder, command.output().unwrap())
}

fn setting(name: &str, value: &str, slot_setting: bool) -> Value {
    json!({"name": name, "value": value, "slotSetting": slot_setting})
}

const PING_PATH: &str = "WEBSITE_SWAP_WARMUP_PING_PATH";
const PING_STATUSES: &str = "WEBSITE_SWAP_WARMUP_PING_STATUSES";

fn warm(more: &[Value]) -> Value {
    let warm = [
        setting(PING_PATH, "/warmup", false),
        setting(PING_STATUSES, "200", false),
    ];
    Value::Array([&warm[..], more].concat())
}

#[test]
fn a_setting_that_would_move_blocks_until_it_is_a_slot_setting_or_named() {
    let source = warm(&[setting("DB", "Server=s;Password=hidden", false)]);
    let target = warm(&[setting("DB", "Server=p;Password=hidden", false)]);
    let (_folder, output) = diff(&source, &target, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stdout(&output);
    assert!(
        said.contains("blocked: DB differs, and would move with the swap"),
        "{said}"
    );
    assert!(!said.contains("hidden"), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );

    let (_folder, output) = diff(&source, &target, &["--intended", "DB"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let sticky = warm(&[setting("DB", "Server=p", true)]);
    let (_folder, output) = diff(&source, &sticky, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(comparison["objections"], json!([]));
    assert_eq!(comparison["settings"][0]["effect"], "stays");
}

#[test]
fn a_shallow_warm_up_is_warned_of_and_blocks_nothing() {
    let shallow = json!([
        setting(PING_PATH, "/health", false),
        setting(PING_STATUSES, "200", false)
    ]);
    let (_folder, output) = diff(&shallow, &shallow, &["--health-path", "/health"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = stdout(&output);
    assert!(said.contains("warning: the swap asks /health"), "{said}");
    assert!(said.contains("nothing blocks the swap"), "{said}");
    let (_folder, output) = diff(&warm(&[]), &warm(&[]), &[]);
    assert!(!stdout(&output).contains("warning"), "{output:?}");
}

#[test]
fn another_identity_blocks_and_az_prints_nothing_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let own = write(
        "own.json",
        r#"{"principalId": "1", "tenantId": "t", "type": "SystemAssigned"}"#,
    );
    let none = write("none.json", "");
    let with = |source: &str, target: &str| {
        let words = ["--source-identity", source, "--target-identity", target];
        diff(&warm(&[]), &warm(&[]), &words).1
    };
    let other = with(&own, &none);
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert!(stdout(&other).contains("identity-differs"), "{other:?}");
    for same in [&own, &none] {
        assert_eq!(with(same, same).status.code(), Some(0));
    }
}

#[test]
fn what_is_not_what_az_prints_is_an_error_with_a_hint_and_text_of_others_is_encoded() {
    let (_folder, output) = diff(&json!({"name": "one"}), &warm(&[]), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stderr(&output);
    assert!(
        said.contains("is not what az webapp config appsettings list prints"),
        "{said}"
    );
    assert!(
        said.contains("hint: az webapp config appsettings list --output json"),
        "{said}"
    );

    let hostile = warm(&[setting("A\u{1b}[31m", "x", false)]);
    let (_folder, output) = diff(&hostile, &warm(&[]), &[]);
    assert!(!stdout(&output).contains('\u{1b}'), "{output:?}");
}
