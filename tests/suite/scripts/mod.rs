//! The scripts: each is safe to run and does what it says, its cleaning up included.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{root, skip_unless, write_program};

/// Sourced by the others, not run.
const SHARED: [&str; 2] = ["azure.sh", "common.sh"];

fn curl() -> Result<(), String> {
    let found = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    found
        .map(|_| ())
        .map_err(|error| format!("curl cannot run: {error}"))
}

#[test]
fn every_script_is_executable_and_stops_at_the_first_error() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_owned();
        if path.extension().is_none_or(|ending| ending != "sh")
            || SHARED.iter().any(|shared| name == *shared)
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#!/usr/bin/env bash\n# "),
            "{name:?} has no purpose on its second line"
        );
        assert!(
            text.contains("\nset -euo pipefail\n"),
            "{name:?} goes on after an error"
        );
        assert!(
            path.metadata().unwrap().permissions().mode() & 0o111 == 0o111,
            "{name:?}"
        );
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} scripts were found");
}

/// The scripts in a folder of their own, where nothing has been built, and a `labrat` on the PATH
/// that only says its words.
#[test]
fn a_labrat_on_the_path_is_used_without_a_build_and_one_that_is_named_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (scripts, programs) = (folder.path().join("scripts"), folder.path().join("bin"));
    for new in [&scripts, &programs] {
        std::fs::create_dir(new).unwrap();
    }
    for name in ["common.sh", "rehearse.sh"] {
        std::fs::copy(root().join("scripts").join(name), scripts.join(name)).unwrap();
    }
    for name in ["labrat", "named"] {
        write_program(
            &programs.join(name),
            &format!("#!/bin/sh\necho {name} $*\n"),
        );
    }
    // No cargo is there: a build would fail.
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let rehearse = |named: Option<&Path>| {
        let mut command = Command::new(scripts.join("rehearse.sh"));
        command
            .arg("--control")
            .env("PATH", &path)
            .env_remove("LABRAT");
        command.envs(named.map(|named| ("LABRAT", named)));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(rehearse(None), "labrat rehearse --control\n");
    let named = programs.join("named");
    assert_eq!(rehearse(Some(&named)), "named rehearse --control\n");
}

/// The longest that the first command may take, once labrat is built.
const FIRST_COMMAND: Duration = Duration::from_secs(90);

#[test]
fn the_first_command_rehearses_an_incident_within_ninety_seconds_and_says_where_its_report_is() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let output = Command::new(root().join("scripts/rehearse.sh"))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(begun.elapsed() < FIRST_COMMAND, "{:?}", begun.elapsed());
    let verdict = String::from_utf8(output.stdout).unwrap();
    assert!(verdict.contains("reproduced: all "), "{verdict}");
    assert!(said.contains("estimate: 2 workers"), "{said}");
    let report = said.lines().find_map(|line| line.strip_prefix("report: "));
    assert!(folder.path().join(report.unwrap()).is_file(), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "nothing but the runs: {left:?}");
}

/// The first look with few clients, its files in `folder`.
fn first_look(folder: &Path, slow: u32, fast: u32) -> Command {
    let mut command = Command::new(root().join("scripts/first-look.sh"));
    command
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .env("SLOW_CLIENTS", slow.to_string())
        .env("FAST_CLIENTS", fast.to_string())
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Processes that were started with this text in their command line.
fn running(text: &str) -> usize {
    let processes = procfs::process::all_processes().unwrap().flatten();
    let lines = processes.filter_map(|process| process.cmdline().ok());
    lines
        .filter(|line| line.iter().any(|word| word.contains(text)))
        .count()
}

#[test]
fn the_first_look_shows_the_queue_and_leaves_nothing_behind() {
    if skip_unless(curl()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = first_look(folder.path(), 4, 2).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("Using worker: sync") && text.contains("2 of 2 workers busy, "),
        "{text}"
    );
    assert!(text.contains("4 of 4 /slow and "), "{text}");
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("    /slow  200 "))
            .count(),
        4,
        "{text}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(running(&folder.path().display().to_string()), 0);
}

#[test]
fn an_interrupted_first_look_stops_everything_that_it_started() {
    if skip_unless(curl()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = first_look(folder.path(), 20, 0).spawn().unwrap();
    let marker = folder.path().display().to_string();
    let deadline = Instant::now() + Duration::from_secs(30);
    while running(&marker) < 3 {
        assert!(Instant::now() < deadline, "the pool was not started");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(
        Pid::from_raw(i32::try_from(script.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let output = script.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(running(&marker), 0);
}
