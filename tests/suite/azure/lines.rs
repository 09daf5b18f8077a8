//! Every az command line of scripts and pages is one that the real az takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::azure_cli;
use crate::harness::{root, skip_unless};

/// Commands that the real az does not take, and what it has against each.
const PLANTED: [(&str, &str); 6] = [
    ("az webapp craete --name a", "did you mean 'create'"),
    (
        "az wepapp show --name a --resource-group b",
        "'wepapp' is not known",
    ),
    (
        "az webapp show --name a --resource-group b --slott staging --fast",
        "unrecognized arguments",
    ),
    (
        "az webapp deployment slot swap --resource-group b --name \"$site\"",
        "required: --slot",
    ),
    (
        "az webapp deploy --resource-group b --name a --src-path x --type zipp",
        "did you mean 'zip'",
    ),
    (
        "az appservice plan update --resource-group b --name a --number-of-workers two",
        "invalid int value",
    ),
];

/// Every file below `folder` with this ending, without what is built.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && name != ".git" && name != "node_modules" {
                files(&path, ending, found);
            }
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
}

/// The az commands in code spans of the pages, one a line: in a table whole, in a sentence perhaps
/// only the name of one.
fn spans(pages: &[PathBuf]) -> String {
    let mut lines = String::new();
    for page in pages {
        let text = fs::read_to_string(page).unwrap();
        let spans = text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        for span in spans.filter(|span| span.starts_with("az ")) {
            lines.push_str(&format!("{span}\n"));
        }
    }
    lines
}

/// Whether a complaint is only that something is not said.
fn is_incomplete(refused: &Value) -> bool {
    let why = refused["why"].as_str().unwrap_or_default();
    why.contains("are required") || why.contains("expected one argument")
}

/// What the checker says of the files: the commands that were refused, and how many there were.
fn check(az: &Path, paths: &[PathBuf]) -> (Vec<Value>, u64) {
    let output = Command::new(az.join("python"))
        .arg(root().join("tests/azure/check_lines.py"))
        .args(paths)
        .env("AZURE_CONFIG_DIR", root().join("target/azure-cli/config"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.pop().unwrap_or_default();
    let count = last["commands"].as_u64();
    (lines, count.unwrap_or_else(|| panic!("{output:?}")))
}

#[test]
fn every_az_command_is_taken_by_the_real_parser_and_planted_faults_are_found() {
    let az = azure_cli();
    if skip_unless(az.clone().map(|_| ())) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let planted = folder.path().join("planted.sh");
    let lines = PLANTED.map(|(line, _)| line).join("\n");
    // A good line among bad ones, and one whose words only the shell knows.
    let good = "az group show --name a\naz appservice plan update --name a --resource-group b --sku \"$sku\"\n";
    fs::write(&planted, format!("{lines}\n{good}")).unwrap();

    let mut pages = Vec::new();
    files(root(), "md", &mut pages);
    let mentioned = folder.path().join("spans.sh");
    let spans = spans(&pages);
    assert!(
        spans.lines().count() >= 10,
        "few commands in sentences: {spans}"
    );
    fs::write(&mentioned, spans + "az webapp deployment slot swpa\n").unwrap();

    let mut paths = vec![planted.clone(), mentioned.clone()];
    files(root(), "sh", &mut paths);
    paths.extend(pages);
    files(&root().join("tests/azure/dry-run"), "txt", &mut paths);
    let (refused, count) = check(&az.unwrap(), &paths);

    let (mut of_spans, refused): (Vec<Value>, Vec<Value>) = refused
        .into_iter()
        .partition(|refused| refused["file"] == mentioned.display().to_string());
    of_spans.retain(|refused| !is_incomplete(refused));
    assert_eq!(of_spans.len(), 1, "{of_spans:?}");
    assert!(of_spans[0]["why"].to_string().contains("'swpa'"));

    let (ours, real): (Vec<Value>, Vec<Value>) = refused
        .into_iter()
        .partition(|refused| refused["file"] == planted.display().to_string());
    assert_eq!(real, Vec::<Value>::new());
    assert!(count >= 60, "only {count} commands were found");
    for (at, (line, why)) in PLANTED.iter().enumerate() {
        let found = ours.iter().find(|refused| refused["line"] == at + 1);
        let said = found.map(|found| found["why"].to_string());
        assert!(
            said.as_ref().is_some_and(|said| said.contains(why)),
            "{line}: {said:?}"
        );
    }
    assert_eq!(
        ours.len(),
        PLANTED.len(),
        "a good line was refused: {ours:?}"
    );
}
