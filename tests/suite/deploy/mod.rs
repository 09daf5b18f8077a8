//! deploy/ and the package: what can be shown without a registry, a cluster or a container engine.

mod compose;
mod image;
mod kubernetes;
mod network;
mod package;
mod probes;
mod release;
mod workflows;

use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::harness::root;

/// Make the virtual environment of the tools if it is not there; why it cannot be made.
fn tools() -> Result<(), String> {
    static MADE: OnceLock<Result<(), String>> = OnceLock::new();
    let make = || {
        let output = Command::new(root().join("tests/deploy/setup.sh"))
            .output()
            .map_err(|error| format!("tests/deploy/setup.sh cannot run: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(text(&output.stderr)),
        }
    };
    MADE.get_or_init(make).clone()
}

/// A program of the virtual environment's Python, run in the project's folder.
fn python(arguments: &[&str]) -> Output {
    Command::new(root().join("target/deploy/bin/python"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
