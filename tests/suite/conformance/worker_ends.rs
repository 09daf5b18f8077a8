//! Every way in which a worker can end: what the arbiter says of it, and that it is replaced.

use std::process::Command;
use std::time::Instant;

use crate::differences::{FAILED_STARTS, ORPHANS};
use crate::harness::{Kind, Launch, Server, both, exists, oracle, peer, skip_unless};

/// Signals that kill a worker and are its author's business alone: the last of the ordinary ones,
/// and real-time signals with and without a name. 32 and 33 are the C library's own.
const DEADLY: &[i32] = &[
    4, 5, 8, 14, 16, 24, 26, 27, 29, 30, 31, 34, 35, 40, 50, 63, 64,
];

/// Signals that a worker does not mind.
const HARMLESS: &[i32] = &[10, 13, 17, 18, 23, 25, 28];

fn send(signal: i32, pid: u32) {
    let sent = Command::new("/bin/kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
}

/// What the arbiter says of ends, without pids, in a fixed order.
fn ends(server: &Server) -> Vec<String> {
    let mut ends: Vec<String> = server
        .lines()
        .iter()
        .filter(|line| line.text.contains("was sent") || line.text.contains("exited with"))
        .map(|line| {
            let (before, after) = line.text.split_once("(pid:").unwrap_or_default();
            let level = before.rsplit_once("] [").map_or("", |(_, level)| level);
            let what = after.split_once(')').map_or("", |(_, what)| what);
            format!("[{level}{what}")
        })
        .collect();
    ends.sort();
    ends
}

#[test]
fn a_worker_that_any_signal_kills_is_reported_as_by_gunicorn_and_replaced() {
    if skip_unless(oracle()) {
        return;
    }
    let count = DEADLY.len();
    let run = |kind| {
        // TERM may be lost on a worker of Gunicorn's that has only just been forked.
        let arguments = format!("--workers {count} --preload --graceful-timeout 3");
        let mut server = Launch::new(kind, &arguments).start().with_workers(count);
        let victims = server.booted();
        for (signal, victim) in DEADLY.iter().zip(&victims) {
            send(*signal, *victim);
        }
        server.wait_for_count(2 * count, "Booting worker");
        assert!(victims.iter().all(|pid| !exists(*pid)), "{kind:?}");
        let ends = ends(&server);
        server.signal(nix::sys::signal::Signal::SIGTERM);
        (ends, server.wait_for_end())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected.0.len(), count);
    assert_eq!(expected, actual);
}

#[test]
fn a_worker_survives_the_signals_that_gunicorns_survives() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1").start().ready();
        for signal in HARMLESS {
            send(*signal, server.booted()[0]);
            assert_eq!(server.get("/health").status(), Some(200), "{kind:?}");
        }
        server.booted().len()
    };
    let (expected, actual) = both(run);
    assert_eq!((expected, actual), (1, 1));
}

#[test]
fn workers_that_end_as_soon_as_they_begin_are_not_forked_without_a_pause() {
    if peer() == Kind::Gunicorn {
        return;
    }
    // Enough descriptors for the arbiter, not for a worker.
    let launch = Launch::new(Kind::Labrat, "--workers 2").started_by(
        ["/bin/sh", "-c", "ulimit -n 7; exec \"$@\"", "sh"]
            .map(Into::into)
            .to_vec(),
    );
    let mut server = launch.start();
    server.wait_for_count(6, "exited with code");
    let began = Instant::now();
    let before = server.booted().len();
    server.wait_for_count(before + 4, "Booting worker");
    let pace = (server.booted().len() - before) as f64 / began.elapsed().as_secs_f64();
    FAILED_STARTS.holds(pace < 20.0);
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0), "it still obeys");
}

/// Starts the words after it as PID 1 of a namespace, with an orphan that ends with code 3 as soon as
/// there is this file.
fn with_an_orphan(file: &std::path::Path) -> Vec<std::ffi::OsString> {
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", file.display());
    let orphan = format!("(sh -c '{wait}; exit 3' &); exec \"$@\"");
    let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let words = unshare.into_iter().chain(["sh", "-c", &orphan, "sh"]);
    words.map(Into::into).collect()
}

#[test]
fn as_pid_1_the_end_of_an_orphan_is_nobodys_business() {
    if skip_unless(oracle()) {
        return;
    }
    let namespaces = Command::new("unshare")
        .args(["--pid", "--fork", "true"])
        .status();
    let lacking = "this needs a PID namespace (unshare as root)".to_owned();
    let has_namespaces = namespaces.is_ok_and(|status| status.success());
    if skip_unless(has_namespaces.then_some(()).ok_or(lacking)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let start = |kind, file: &std::path::Path| {
        let launch = Launch::new(kind, "--workers 1").started_by(with_an_orphan(file));
        let server = launch.start().ready();
        std::fs::write(file, "").unwrap();
        server
    };
    let mut gunicorn = start(Kind::Gunicorn, &folder.path().join("gunicorn"));
    gunicorn.wait_for("exited with code 3.");
    let code = gunicorn.wait_for_end();
    assert_eq!(code, Some(3), "Gunicorn takes it for a worker");
    let server = start(peer(), &folder.path().join("peer"));
    // Longer than the orphan needs: its end is dealt with before this answer.
    let answer = server.get("/slow?seconds=1");
    let lines = server.lines();
    let said = lines.iter().any(|line| line.text.contains("exited with"));
    ORPHANS.holds(answer.status() == Some(200) && !said);
}
