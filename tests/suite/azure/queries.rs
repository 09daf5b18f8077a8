//! The queries of the runbooks bind to the public schema of the three tables.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::harness::{root, skip_unless};

/// Queries with a fault, and the code that Kusto's language service has for each.
const PLANTED: [(&str, &str, &str); 6] = [
    (
        "column",
        "AppServicePlatformLogs | where ResultDescription has 'x'",
        "KS142",
    ),
    ("table", "AppServiceHttpLogs | take 1", "KS204"),
    (
        "function",
        "AppServiceHTTPLogs | extend Late = slower(TimeTaken)",
        "KS211",
    ),
    (
        "types",
        "AppServiceHTTPLogs | where ScStatus has 'x'",
        "KS106",
    ),
    (
        "operator",
        "AppServiceHTTPLogs | summarise count()",
        "KS176",
    ),
    (
        "dropped",
        "AppServiceConsoleLogs | project Level | where Host == 'a'",
        "KS142",
    ),
];

fn language_service() -> Result<(), String> {
    let output = Command::new(root().join("tests/kusto/setup.sh"))
        .output()
        .map_err(|error| format!("tests/kusto/setup.sh cannot run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "no language service of Kusto: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == ending));
    files
}

#[test]
fn every_query_binds_to_the_public_schema_and_planted_faults_are_found() {
    if skip_unless(language_service()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, query, _) in PLANTED {
        fs::write(folder.path().join(format!("{name}.kql")), query).unwrap();
    }
    let own = files("scripts/kql", "kql");
    let pages = files("docs", "md")
        .into_iter()
        .chain(files("docs/scenarios", "md"));
    let output = Command::new("node")
        .arg(root().join("tests/kusto/bind.js"))
        .arg(root().join("target/kusto"))
        .args(&own)
        .args(pages)
        .args(PLANTED.map(|(name, ..)| folder.path().join(format!("{name}.kql"))))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = found.pop().unwrap_or_default();
    let count = last["queries"].as_u64().unwrap_or_default();
    assert!(
        count >= own.len() as u64 + PLANTED.len() as u64,
        "{output:?}"
    );
    let planted = |found: &Value, name: &str| {
        found["file"]
            == folder
                .path()
                .join(format!("{name}.kql"))
                .display()
                .to_string()
    };
    for (name, query, code) in PLANTED {
        let reported = found
            .iter()
            .any(|found| planted(found, name) && found["code"] == code);
        assert!(reported, "{query}: no {code} in {found:?}");
    }
    found.retain(|found| !PLANTED.iter().any(|(name, ..)| planted(found, name)));
    assert_eq!(found, Vec::<Value>::new());
}
