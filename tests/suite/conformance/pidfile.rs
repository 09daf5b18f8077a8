//! The pid file (`--pid`) and the application loaded before the fork (`--preload`).

use std::path::Path;

use nix::sys::signal::Signal;

use crate::harness::{Kind, Launch, both, entries, oracle, skip_unless};

/// What a start with this pid file ended with, and the last thing that it said.
fn refused(kind: Kind, path: &Path) -> (Option<i32>, String, String) {
    let ended = Launch::new(kind, &format!("--pid {}", path.display())).run();
    let text = ended.text(crate::harness::Stream::Error);
    let error = text
        .find("\nError:")
        .map_or_else(|| text.clone(), |at| text[at..].to_owned());
    let left = std::fs::read_to_string(path).unwrap_or_else(|error| error.kind().to_string());
    (ended.code, error, left)
}

#[test]
fn the_pid_file_names_the_arbiter_while_it_runs_and_is_gone_afterwards() {
    if skip_unless(oracle()) {
        return;
    }
    // Nothing there, a process that is gone, no number, and nothing in it: all are taken over.
    for before in [None, Some("999999999\n"), Some("nonsense"), Some("")] {
        both(|kind| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pool.pid");
            if let Some(text) = before {
                std::fs::write(&path, text).unwrap();
            }
            let mut server = Launch::new(kind, &format!("--pid {}", path.display()))
                .start()
                .ready();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(
                text,
                format!("{}\n", server.arbiter()),
                "{kind:?} {before:?}"
            );
            server.signal(Signal::SIGTERM);
            assert_eq!(server.wait_for_end(), Some(0));
            assert!(!path.exists(), "{kind:?} {before:?}");
        });
    }
}

#[test]
fn a_pid_file_of_a_living_process_or_in_no_folder_stops_the_start_with_gunicorns_words() {
    if skip_unless(oracle()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.pid");
    let own = format!("{}\n", std::process::id());
    std::fs::write(&path, &own).unwrap();
    let (gunicorn, labrat) = both(|kind| refused(kind, &path));
    assert_eq!(gunicorn, labrat);
    assert_eq!(
        (gunicorn.0, gunicorn.2),
        (Some(1), own),
        "the file is left alone"
    );

    let nowhere = folder.path().join("missing/pool.pid");
    let (gunicorn, labrat) = both(|kind| refused(kind, &nowhere));
    assert_eq!(gunicorn, labrat);
    assert!(gunicorn.1.contains("Can't create pidfile."));
}

#[test]
fn a_preloaded_application_that_fails_stops_the_start_in_the_arbiter() {
    if skip_unless(oracle()) {
        return;
    }
    for application in ["wrong_module:app", "app:wrong_attr"] {
        let (gunicorn, labrat) = both(|kind| {
            let ended = Launch::new(kind, "--preload --workers 3")
                .application(Some(application))
                .run();
            let booted = entries(&ended.lines).len();
            let last = ended.lines.last().map(|line| line.text.clone());
            (ended.code, booted, last)
        });
        assert_eq!(gunicorn, labrat, "{application}");
        assert_eq!(gunicorn.0, Some(1), "{application}");
    }
}

#[test]
fn a_preloaded_application_is_served_by_workers_with_counters_of_their_own() {
    if skip_unless(oracle()) {
        return;
    }
    let (gunicorn, labrat) = both(|kind| {
        let server = Launch::new(kind, "--preload").start().ready();
        let first = server.json("/leak")["blocks"].clone();
        let worker = server.ready_worker();
        server.signal_to(worker, Signal::SIGKILL);
        server.wait_for_count(2, "Booting worker");
        (first, server.json("/leak")["blocks"].clone())
    });
    assert_eq!(gunicorn, labrat);
    assert_eq!(
        labrat.0, labrat.1,
        "a fresh worker holds no block of the one before"
    );
}

#[test]
fn a_pid_file_of_somebody_elses_process_is_left_alone() {
    if skip_unless(oracle()) {
        return;
    }
    let lacking = "this needs to become another user (setpriv as root)".to_owned();
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let can = std::process::Command::new(nobody[0])
        .args(&nobody[1..])
        .arg("true")
        .status();
    let can = can.is_ok_and(|status| status.success());
    if skip_unless(can.then_some(()).ok_or(lacking)) {
        return;
    }
    let (gunicorn, labrat) = both(|kind| {
        let folder = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let path = folder.path().join("pool.pid");
        std::fs::write(&path, "1\n").unwrap();
        let ended = Launch::new(kind, &format!("--pid {}", path.display()))
            .started_by(nobody.map(Into::into).to_vec())
            .run();
        let text = ended.text(crate::harness::Stream::Error);
        let is_refused = text.contains("Already running on PID 1 (or pid file");
        (
            ended.code,
            is_refused,
            std::fs::read_to_string(&path).unwrap(),
        )
    });
    assert_eq!(gunicorn, labrat);
    assert_eq!(labrat, (Some(1), true, "1\n".to_owned()));
}
