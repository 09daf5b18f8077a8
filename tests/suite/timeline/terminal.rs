//! `labrat watch` and `labrat replay`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{HASTY, Watched, saturate};
use crate::harness::{Address, Kind, Launch, PATIENCE, exchange};

fn watch(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("watch")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_pool_is_watched_by_its_process_and_by_its_url() {
    let watched = Watched::start(HASTY);
    let _saturated = saturate(&watched.server, 5);
    let pid = watched.server.arbiter().to_string();
    for target in [&pid, &watched.url] {
        let output = watch(&[target, "--for", "2.5"]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().last().unwrap_or_default();
        assert!(last.contains("2 of 2 workers busy, 5 waiting"), "{text}");
        assert!(
            text.lines().count() >= 2 && !text.contains('\u{1b}'),
            "{text:?}"
        );
    }
    let output = watch(&[&pid, "--for", "1", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events.iter().any(|event| event["kind"] == "pool"), "{text}");
}

#[test]
fn what_is_no_pool_is_refused_with_a_hint() {
    let own = std::process::id().to_string();
    for (target, words) in [
        ("http://127.0.0.1:1/", "is no dashboard"),
        (own.as_str(), "has no control socket"),
    ] {
        let output = watch(&[target]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words) && said.contains("hint:"), "{said}");
    }
    let pool = Launch::new(Kind::Labrat, "--workers 1").start();
    let output = watch(&[&pool.arbiter().to_string()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_recorded_run_is_played_again_and_cannot_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("timeline")).unwrap();
    let recording = concat!(
        r#"{"at":1.0,"kind":"born","worker":7,"age":1}"#,
        "\n",
        r#"{"at":2.0,"kind":"pool","waiting":3,"sentence":"x"}"#,
        "\n{\"at\":3.0,\"kind\":\"po",
    );
    std::fs::write(folder.path().join("timeline/timeline.jsonl"), recording).unwrap();
    let mut replay = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("replay")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(replay.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let (address, token) = url.trim()["http://".len()..].split_once("/#").unwrap();
    let ask = |method: &str, target: &str| {
        let request = format!(
            "{method} {target} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let address = Address::Tcp(address.parse().unwrap());
        exchange(&address, request.as_bytes(), PATIENCE)
            .response()
            .unwrap()
    };
    let events = ask("GET", "/events").text();
    let levers = ask("GET", "/levers").json().unwrap();
    let pulled = ask("POST", "/levers/worker-add").status;
    replay.kill().unwrap();
    replay.wait().unwrap();
    assert_eq!(events.matches("data: {\"at\"").count(), 2, "{events}");
    assert!(events.ends_with("event: end\ndata: {}\n\n"), "{events}");
    assert_eq!(
        (&levers["live"], levers["levers"].as_array().map(Vec::len)),
        (&false.into(), Some(0))
    );
    assert_eq!(pulled, 409);
}

#[test]
fn a_folder_without_a_recording_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("replay")
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no recording in") && said.contains("hint:"),
        "{said}"
    );
}
