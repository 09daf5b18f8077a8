//! The workflows for GitHub and the development container, as far as they can be read here: nobody
//! runs them. What their steps start is held against the programs in `pages`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use labrat::scenario::catalogue;
use serde_json::Value;

use super::{text, tools};
use crate::harness::{root, skip_unless};

fn workflows() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(".github/workflows")).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// What GitHub's published schema of workflows says of these files.
fn check(files: &[PathBuf]) -> Output {
    Command::new(root().join("target/deploy/bin/check-jsonschema"))
        .args(["--builtin-schema", "vendor.github-workflows"])
        .args(files)
        .output()
        .unwrap()
}

#[test]
fn the_workflows_keep_githubs_schema() {
    if skip_unless(tools()) {
        return;
    }
    let files = workflows();
    assert_eq!(files.len(), 2, "{files:?}");
    let output = check(&files);
    assert!(output.status.success(), "{}", text(&output.stdout));
    for (good, bad) in [
        ("runs-on:", "runs_on:"),
        ("timeout-minutes: 20", "timeout-minutes: [20]"),
        ("  contents: read", "  contents: all"),
        ("workflow_dispatch:", "workflow_dispach:"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let planted = folder.path().join("planted.yml");
        let original = std::fs::read_to_string(&files[1]).unwrap();
        assert!(original.contains(good), "{good}");
        std::fs::write(&planted, original.replace(good, bad)).unwrap();
        assert!(!check(&[planted]).status.success(), "{bad} is taken");
    }
}

/// The values of a key in the lines of a file, in their order.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let key = format!("{key}: ");
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(&key)).collect()
}

#[test]
fn the_rehearsals_of_the_workflow_are_scenarios_and_fixes_of_the_catalogue() {
    let text = std::fs::read_to_string(&workflows()[1]).unwrap();
    let (scenarios, fixes) = (values(&text, "scenario"), values(&text, "fix"));
    assert!(scenarios.len() >= 3 && scenarios.len() == fixes.len());
    for (name, fix) in scenarios.iter().zip(fixes) {
        let scenario = catalogue::find(name).unwrap_or_else(|| panic!("no scenario {name}"));
        assert!(
            scenario.fixes.iter().any(|known| known.name == fix),
            "{name} has no fix {fix}"
        );
        assert!(
            !scenario.needs_box(),
            "{name} needs more than a hosted machine has"
        );
    }
}

#[test]
fn the_development_container_names_a_script_that_runs_and_keys_that_exist() {
    let text = std::fs::read_to_string(root().join(".devcontainer/devcontainer.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    let known = [
        "name",
        "image",
        "postCreateCommand",
        "forwardPorts",
        "portsAttributes",
    ];
    for key in found.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "{key}");
    }
    let ports = found["forwardPorts"].as_array().unwrap();
    for port in found["portsAttributes"].as_object().unwrap().keys() {
        assert!(
            ports
                .iter()
                .any(|forwarded| forwarded.as_u64() == port.parse().ok()),
            "{port}"
        );
    }
    let script = root().join(Path::new(found["postCreateCommand"].as_str().unwrap()));
    let mode = script.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, "{}", script.display());
    let checked = Command::new("bash")
        .arg("-n")
        .arg(&script)
        .status()
        .unwrap();
    assert!(checked.success());
}
