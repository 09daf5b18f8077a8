//! The scripts for Azure: with the real az against a fake of Azure on loopback, and without any az
//! where they only say what they would do.

mod dry_run;
mod emulator;
mod failures;
mod fake;
mod lines;
mod load;
mod queries;
mod slots;
mod story;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::{root, skip_unless};

/// The folder with the real az, made now if it is not there; why it cannot be had.
fn azure_cli() -> Result<PathBuf, String> {
    static MADE: OnceLock<Result<(), String>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let output = Command::new(root().join("tests/azure/setup.sh"))
            .output()
            .map_err(|error| format!("tests/azure/setup.sh cannot run: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "no azure-cli: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
        }
    });
    made.clone()
        .and_then(|()| jq())
        .map(|()| root().join("target/azure-cli/bin"))
}

/// The same, or nothing where it cannot be had: then the test says that it is skipped.
fn real_az() -> Option<PathBuf> {
    let az = azure_cli();
    match skip_unless(az.clone().map(|_| ())) {
        true => None,
        false => az.ok(),
    }
}

fn jq() -> Result<(), String> {
    let found = Command::new("jq").arg("--version").output();
    found
        .map(|_| ())
        .map_err(|error| format!("jq cannot run: {error}"))
}
