//! A site whose container runs in a memory box.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::executable;
use crate::harness::{Address, PATIENCE, exchange, request, skip_unless};

#[test]
fn the_container_of_a_host_with_a_box_is_in_it_and_the_box_goes_with_the_host() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut host = Command::new(executable())
        .args(["host", "--port", "0", "--control", "127.0.0.1:0"])
        .args(["--box", "cgroup", "--box-room", "256", "--box-swap", "64"])
        .arg("--folder")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(host.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    if line.is_empty() {
        let said = host.wait_with_output().unwrap().stderr;
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains("there is no memory box here"), "{said}");
        assert!(skip_unless(Err(said)));
        return;
    }
    let started: Value = serde_json::from_str(&line).unwrap();
    let url = started["slots"]["production"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    // Held by the front end until the site is warm.
    let answer = exchange(
        &Address::Tcp(address),
        &request("GET", "/diag/proc"),
        PATIENCE,
    );
    let body = answer.response().and_then(|response| response.json());
    let body = body.expect("the site answers");
    assert_eq!(body["cgroup"]["limit_bytes"], 256 << 20, "{body}");
    let cgroup = Path::new(body["cgroup"]["source"].as_str().unwrap());
    assert!(cgroup.is_dir());
    kill(Pid::from_raw(host.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert!(host.wait().unwrap().success());
    assert!(!cgroup.exists(), "{} is left", cgroup.display());
    let left = fs::read_dir(folder.path().join("box")).unwrap().count();
    assert_eq!(left, 0, "the box's folder is left");
}
