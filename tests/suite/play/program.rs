//! Running the real binary.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use labrat::evidence::manifest::Manifest;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// What a run of the binary left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrat"));
    command
        .args(arguments)
        .env_remove("LAB_KEY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub async fn labrat(arguments: &[&str]) -> Outcome {
    wait(start(arguments)).await
}

pub fn start(arguments: &[&str]) -> Child {
    command(arguments).spawn().unwrap()
}

/// Start with standard input open, so that a person could be waited for.
pub fn start_with_input(arguments: &[&str]) -> Child {
    command(arguments).stdin(Stdio::piped()).spawn().unwrap()
}

pub async fn labrat_with_key(key: &str, arguments: &[&str]) -> Outcome {
    wait(command(arguments).env("LAB_KEY", key).spawn().unwrap()).await
}

/// The words of `labrat trigger` that every run has, and more: a target, and where its bundle goes.
pub fn trigger<'a>(
    scenario: &'a str,
    url: &'a str,
    out: &'a Path,
    more: &[&'a str],
) -> Vec<&'a str> {
    let out = out.to_str().unwrap();
    let mut words = vec!["trigger", scenario, "--url", url, "--out", out];
    words.extend(more);
    words
}

pub async fn wait(child: Child) -> Outcome {
    let output = tokio::time::timeout(Duration::from_secs(120), child.wait_with_output())
        .await
        .expect("the program ends within two minutes")
        .unwrap();
    Outcome {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill(Pid::from_raw(pid), signal).unwrap();
}

pub fn manifest(bundle: &Path) -> Manifest {
    let text = std::fs::read_to_string(bundle.join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every file under a folder, with its text.
pub fn every_text(folder: &Path) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(every_text(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            texts.push((path.display().to_string(), text));
        }
    }
    texts
}
