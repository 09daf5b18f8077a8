//! The page of the emulator, and what a rehearsal records.

use std::io::BufRead as _;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::Following;
use crate::harness::{Address, PATIENCE, exchange, first_words, host_in, poll};

/// An emulator that ends with the test, and the URL of its page.
struct Shown {
    child: std::process::Child,
    address: String,
    token: String,
}

impl Drop for Shown {
    fn drop(&mut self) {
        // It ends what it has started.
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}

impl Shown {
    fn start(folder: &std::path::Path) -> Self {
        let said = folder.join("said");
        let mut child = host_in(&folder.join("run"))
            .args(["--pace", "0.05"])
            .env("XDG_RUNTIME_DIR", folder)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        first_words(&mut child);
        let text = std::fs::read_to_string(&said).unwrap();
        let (_, url) = text.split_once("dashboard at http://").unwrap();
        let (address, token) = url.lines().next().unwrap().split_once("/#").unwrap();
        Self {
            child,
            address: address.to_owned(),
            token: token.to_owned(),
        }
    }

    fn request(&self, method: &str, target: &str) -> Vec<u8> {
        let Self { address, token, .. } = self;
        format!(
            "{method} {target} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .into_bytes()
    }

    fn follow(&self) -> Following {
        Following::of(&self.address, &self.request("GET", "/events"))
    }
}

#[test]
fn the_emulator_shows_its_pools_and_the_platforms_words_and_a_lever_changes_the_class() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::start(folder.path());
    let mut told = shown.follow();
    let of_class = |class: &'static str| {
        move |event: &Value| {
            event["kind"] == "pool" && event["class"] == class && event["slot"] == "production"
        }
    };
    let before = told.wait_for("the first pool", of_class("sync"));
    told.wait_for("the platform", |event| {
        event["kind"] == "platform" && event["text"].as_str().unwrap_or("").contains("Container")
    });
    let address = Address::Tcp(shown.address.parse().unwrap());
    let pulled = poll(PATIENCE, || {
        let answer = exchange(
            &address,
            &shown.request("POST", "/levers/gthread"),
            PATIENCE,
        );
        (answer.status() == Some(200)).then_some(())
    });
    assert!(pulled.is_some(), "the lever was not pulled");
    let after = told.wait_for("a pool with threads", of_class("gthread"));
    assert_ne!(
        before["pool"], after["pool"],
        "another pool, with numbers of its own"
    );
    assert_eq!(after["at_once"], 4);
    told.wait_for("the end of the first", |event| {
        event["kind"] == "over" && event["pool"] == before["pool"]
    });
}

#[test]
fn a_rehearsal_records_who_waited_and_who_left() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["rehearse", "intermittent-5xx", "--pace", "0.1", "--watch"])
        .arg("--out")
        .arg(&bundle)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let shown = said.as_bytes().lines().map_while(Result::ok);
    let mut shown = shown.filter(|line| line.starts_with("watch: http://127.0.0.1:"));
    assert!(
        shown.next().is_some_and(|line| line.contains("&limit=1.5")),
        "{said}"
    );
    let text = std::fs::read_to_string(bundle.join("timeline/timeline.jsonl")).unwrap();
    assert!(text.len() < 1 << 20);
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let longest = events
        .iter()
        .filter_map(|event| event["waiting"].as_u64())
        .max();
    assert!(longest.is_some_and(|longest| longest > 10), "{longest:?}");
    for kind in [
        "queued", "left", "begun", "ended", "born", "memory", "platform",
    ] {
        assert!(
            events.iter().any(|event| event["kind"] == kind),
            "{kind}\n{text}"
        );
    }
}
