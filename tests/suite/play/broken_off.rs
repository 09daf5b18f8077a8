//! Runs that do not come to their end: what is left behind reads.

use std::path::Path;
use std::time::Duration;

use labrat::evidence::manifest::Completion;
use labrat::evidence::{Bundle, read};
use nix::sys::signal::Signal;
use tempfile::tempdir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::program::{manifest, send, start, start_with_input, trigger, wait};
use super::server::{Reply, Server};
use super::target_double;

/// A target whose /heavy is never answered after the twentieth time.
async fn stuck() -> Server {
    target_double::start(|path, before| match (path, before) {
        ("/heavy", 20..) => Some(Reply::Silence),
        _ => None,
    })
    .await
}

async fn until_stuck(server: &Server) {
    let seen = server
        .wait_until("/heavy", |seen| seen.in_flight == 10)
        .await;
    assert_eq!(seen.in_flight, 10);
}

fn rows(bundle: &Bundle, route: &str) -> usize {
    bundle
        .trigger_samples()
        .filter(|(_, sample)| sample.path() == route)
        .count()
}

async fn until_rows(bundle: &Path, route: &str, wanted: usize) -> Bundle {
    for _ in 0..500 {
        if let Ok(read) = read(bundle)
            && rows(&read, route) >= wanted
        {
            return read;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{wanted} rows were not written in time");
}

#[tokio::test]
async fn ctrl_c_keeps_what_was_captured_closes_every_socket_and_has_a_code_of_its_own() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let server = stuck().await;
        let folder = tempdir().unwrap();
        let out = folder.path().join("run");
        let url = server.url();
        let child = start(&trigger("memory-pressure", &url, &out, &[]));
        until_stuck(&server).await;
        until_rows(&out, "/heavy", 20).await;
        send(&child, signal);
        let run = wait(child).await;
        assert_eq!(run.code, Some(12), "{}", run.err);
        assert!(run.err.contains("what was captured is kept"), "{}", run.err);
        let seen = server
            .wait_until("/heavy", |seen| seen.in_flight == 0)
            .await;
        assert_eq!((seen.in_flight, seen.gave_up), (0, 10));

        let manifest = manifest(&out);
        assert!(matches!(manifest.completion, Completion::CutShort { .. }));
        assert!(manifest.clock.ended.is_some());
        let bundle = read(&out).unwrap();
        assert_eq!((rows(&bundle, "/leak"), rows(&bundle, "/heavy")), (100, 20));
        assert_eq!(manifest.phases[1].requests_done, 20);
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_had_ended_and_the_bundle_reads() {
    let server = stuck().await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let child = start(&trigger("memory-pressure", &url, &out, &[]));
    until_stuck(&server).await;
    until_rows(&out, "/heavy", 20).await;
    send(&child, Signal::SIGKILL);
    let run = wait(child).await;
    assert_eq!(run.code, None);

    let bundle = read(&out).unwrap();
    let manifest = bundle.manifest.as_ref().unwrap();
    assert_eq!(manifest.completion, Completion::Unfinished);
    assert_eq!((rows(&bundle, "/leak"), rows(&bundle, "/heavy")), (100, 20));
    assert!(
        bundle
            .snapshots
            .iter()
            .any(|snapshot| snapshot.file.starts_with("baseline/"))
    );
}

#[tokio::test]
async fn a_full_disk_ends_the_run_with_an_error_and_leaves_a_bundle_that_reads() {
    let server = target_double::start(|_, _| None).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    // A limit on the size of any file stands for the full disk: the next byte is refused (EFBIG).
    // The samples of 400 leaks are the first file to reach 16 KiB.
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec {} trigger memory-pressure --fix past-the-edge --url {} --out {}",
        env!("CARGO_BIN_EXE_labrat"),
        server.url(),
        out.display()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .output()
        .await
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("cannot write"), "{err}");
    assert!(err.contains("samples-leak.csv"), "{err}");

    let bundle = read(&out).unwrap();
    let rows = rows(&bundle, "/leak");
    assert!((100..400).contains(&rows), "{rows}");
    let samples = std::fs::read_to_string(out.join("trigger/samples-leak.csv")).unwrap();
    assert!(
        samples.ends_with('\n'),
        "a row that did not fit was taken back"
    );
    let complete = bundle.manifest.as_ref().unwrap().completion == Completion::Complete;
    assert!(!complete);
    assert_eq!(server.seen("/heavy").requests, 0);
}

/// A site that is down for its first six questions: before the load, three probes, two more.
async fn mended_later() -> Server {
    target_double::start(|path, before| match (path, before) {
        ("/health", 0..=5) => Some(Reply::Answer(503, String::new())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn the_run_goes_on_when_somebody_presses_enter() {
    let server = mended_later().await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let mut child = start_with_input(&trigger("startup-failed", &url, &out, &["--pace", "0.01"]));
    until_rows(&out, "/health", 3).await;
    child.stdin.take().unwrap().write_all(b"\n").await.unwrap();
    let run = wait(child).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err.contains("press Enter when it is done"),
        "{}",
        run.err
    );
    let manifest = manifest(&out);
    assert_eq!(manifest.completion, Completion::Complete);
    assert!(manifest.events[0].detail.contains("confirmed by a person"));
}

#[tokio::test]
async fn a_signal_ends_the_run_while_somebody_is_waited_for() {
    let server = mended_later().await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let mut child = start_with_input(&trigger("startup-failed", &url, &out, &["--pace", "0.01"]));
    until_rows(&out, "/health", 3).await;
    let input = child.stdin.take();
    send(&child, Signal::SIGINT);
    let run = wait(child).await;
    drop(input);
    assert_eq!(run.code, Some(12), "{}", run.err);
    assert!(matches!(
        manifest(&out).completion,
        Completion::CutShort { .. }
    ));
    let bundle = read(&out).unwrap();
    assert_eq!(rows(&bundle, "/health"), 3);
}
