//! An emulator that does what the site of the fake of Azure does.

use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{host_in, start_and_read};

/// An emulator, ten times as fast unless its words say otherwise; gone with the value.
pub(super) struct Emulator {
    child: Child,
    _folder: tempfile::TempDir,
    /// Where it is controlled.
    pub(super) control: String,
    /// Where production answers.
    pub(super) production: String,
    /// Where staging answers, or nothing.
    pub(super) staging: String,
}

impl Emulator {
    /// `words` are those of `labrat host`.
    pub(super) fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pace: &[&str] = match words.contains(&"--pace") {
            true => &[],
            false => &["--pace", "0.1"],
        };
        let (child, started) = start_and_read(
            host_in(folder.path())
                .args(["--token", "fake"])
                .args(pace)
                .args(words)
                .stderr(Stdio::null()),
        );
        let address = |value: &Value| {
            let address = value.as_str().unwrap_or_default();
            address.trim_start_matches("http://").to_owned()
        };
        Self {
            child,
            _folder: folder,
            control: address(&started["control"]),
            production: address(&started["slots"]["production"]),
            staging: address(&started["slots"]["staging"]),
        }
    }

    /// The words by which the fake of Azure finds it.
    pub(super) fn words_for_the_fake(&self) -> Vec<&str> {
        let mut words = vec!["--host-control", &self.control, "--production"];
        words.push(&self.production);
        if !self.staging.is_empty() {
            words.extend(["--staging", &self.staging]);
        }
        words
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // Asked to end, it ends what it started.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
