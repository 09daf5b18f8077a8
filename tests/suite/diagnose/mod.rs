//! `labrat diagnose`: the cause of a stranger's incident, from whatever export there is.

mod accuracy;
mod answers;
mod blind;
mod exported;
mod incidents;
mod queue;
mod sinks;
mod telling_apart;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Run `labrat diagnose` with these words.
fn labrat(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("diagnose")
        .args(words)
        .output()
        .unwrap()
}

/// The diagnosis of everything in this folder.
fn diagnosis(folder: &Path) -> Value {
    let output = labrat(&["--json", folder.to_str().unwrap()]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The first cause of a diagnosis.
fn first(diagnosis: &Value) -> &str {
    diagnosis["ranking"][0]["cause"].as_str().unwrap()
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}
