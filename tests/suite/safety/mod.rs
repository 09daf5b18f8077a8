//! Strangers: a page in the browser, another user of the machine, whoever sends a secret along or
//! reads an output, and time itself. What they must not be able to read, to do, or to leave.

mod files;
mod other_user;
mod pages;
mod planted;
mod soak;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{Address, PATIENCE, exchange, host_in, poll, start_and_read};

fn labrat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrat"));
    command.stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running `labrat host`, and what a person sees of it.
struct Emulator {
    child: Child,
    /// Where its control API is.
    control: String,
    /// Where its site is.
    site: Address,
    /// The folder of its run.
    folder: PathBuf,
    /// `XDG_RUNTIME_DIR` of who started it.
    runtime: PathBuf,
    said: PathBuf,
}

impl Emulator {
    /// Start one in `parent`, where everybody may pass, and wait until its site answers.
    fn start(parent: &Path, words: &[&str]) -> Self {
        let (folder, runtime) = (parent.join("run"), parent.join("runtime"));
        std::fs::create_dir_all(&runtime).unwrap();
        let said = parent.join("said");
        let (child, started) = start_and_read(
            host_in(&folder)
                .args(["--pace", "0.05"])
                .args(words)
                .env("XDG_RUNTIME_DIR", &runtime)
                .stderr(std::fs::File::create(&said).unwrap()),
        );
        let url = started["slots"]["production"].as_str().unwrap();
        let emulator = Self {
            child,
            control: started["control"].as_str().unwrap().to_owned(),
            site: Address::Tcp(url.strip_prefix("http://").unwrap().parse().unwrap()),
            folder,
            runtime,
            said,
        };
        let warm = emulator.ask(&["restart", "--wait", "60"]);
        assert!(warm.status.success(), "{warm:?}");
        emulator
    }

    fn ask(&self, words: &[&str]) -> Output {
        labrat()
            .arg("host")
            .args(words)
            .args(["--control", &self.control])
            .env("XDG_RUNTIME_DIR", &self.runtime)
            .output()
            .unwrap()
    }

    /// The file in which this user's commands find the token.
    fn presence(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.runtime.join("labrat")).unwrap();
        files.next().unwrap().unwrap().path()
    }

    fn get(&self, target: &str) -> crate::harness::Exchange {
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        exchange(&self.site, request.as_bytes(), PATIENCE)
    }

    fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        answer.response().and_then(|one| one.json()).unwrap()
    }

    /// End it; what it said.
    fn end(mut self) -> String {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, Signal::SIGTERM).unwrap();
        let ended = poll(PATIENCE, || self.child.try_wait().unwrap());
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
        std::fs::read_to_string(&self.said).unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every file and folder below `folder`, with its metadata; links are not followed.
fn everything(folder: &Path) -> Vec<(PathBuf, std::fs::Metadata)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        // What runs in it may have removed it by now.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            found.extend(everything(&entry.path()));
        }
        found.push((entry.path(), metadata));
    }
    found
}
