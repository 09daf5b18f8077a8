//! `labrat trigger`, from the outside: what it refuses, sends, writes and says.

use std::path::PathBuf;
use std::time::Duration;

use labrat::evidence::manifest::{Completion, PhaseKind};
use labrat::evidence::read;
use labrat::machine::reserved_port::ReservedPort;
use tempfile::{TempDir, tempdir};

use super::program::{every_text, labrat, manifest, trigger};
use super::server::{Reply, Server};
use super::target::tls_server;
use super::target_double::{self, PIDS};

const NO_SPECIAL: fn(&str, usize) -> Option<Reply> = |_, _| None;

#[tokio::test]
async fn the_labs_counts_arrive_and_the_bundle_tells_of_them() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let bundle = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger(
        "intermittent-5xx",
        &url,
        &bundle,
        &["--pace", "0.02"],
    ))
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(server.seen("/slow").requests, 20);
    assert_eq!(server.seen("/fast").requests, 10);
    assert_eq!(server.seen("/fast").most_in_flight, 1);

    let manifest = manifest(&bundle);
    assert_eq!(manifest.completion, Completion::Complete);
    assert_eq!(manifest.scenario, "intermittent-5xx");
    assert_eq!(manifest.topology.workers, Some(2));
    assert_eq!((manifest.pace, manifest.phases.len()), (0.02, 1));
    let phase = &manifest.phases[0];
    assert_eq!((phase.requests_planned, phase.requests_done), (30, 30));
    let seen = manifest.sampler.workers_seen[&PhaseKind::Baseline];
    assert_eq!((seen.seen, seen.of), (2, Some(2)));
    for pid in PIDS {
        assert!(
            bundle
                .join(format!("baseline/diag-stats-{pid}.json"))
                .exists()
        );
        assert!(bundle.join(format!("post/diag-stats-{pid}.json")).exists());
    }

    let read = read(&bundle).unwrap();
    let routes: Vec<&str> = read
        .trigger_samples()
        .map(|(_, sample)| sample.path())
        .collect();
    assert_eq!(routes.iter().filter(|route| **route == "/slow").count(), 20);
    assert_eq!(routes.iter().filter(|route| **route == "/fast").count(), 10);
    let mended: Vec<_> = read
        .files
        .iter()
        .filter(|file| file.digest.is_none())
        .collect();
    assert!(
        mended.len() <= 1,
        "only the manifest has no digest: {mended:?}"
    );
}

#[tokio::test]
async fn expected_stands_beside_found_and_the_estimate_comes_before_the_load() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger("intermittent-5xx", &url, &out, &["--pace", "0.2"])).await;
    let estimate = run.err.find("estimate: 2 workers x 10 s").unwrap();
    assert!(estimate < run.err.find("burst").unwrap(), "{}", run.err);
    assert!(
        run.out.contains("/fast clients that gave up"),
        "{}",
        run.out
    );
    assert!(run.out.contains("20 x 200"), "{}", run.out);
    assert!(!manifest(&out).estimate.is_empty());
}

#[tokio::test]
async fn memory_pressure_leaks_a_hundred_times_before_it_works() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger("memory-pressure", &url, &out, &[])).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let (leak, heavy) = (server.seen("/leak"), server.seen("/heavy"));
    assert_eq!((leak.requests, leak.most_in_flight), (100, 1));
    assert_eq!(heavy.requests, 50);
    assert!(heavy.most_in_flight <= 10);
    let heads = &server.journal.lock().heads;
    let place = |path: &str| heads.iter().position(|head| head.contains(path));
    let last_leak = heads.iter().rposition(|head| head.contains(" /leak "));
    assert!(last_leak < place(" /heavy "));
    assert!(out.join("trigger/diag-proc-mid.json").exists());
    assert!(
        run.err.contains("expect about 1723 MB retained"),
        "{}",
        run.err
    );
}

#[tokio::test]
async fn the_control_of_memory_pressure_leaks_nothing() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger("memory-pressure", &url, &out, &["--control"])).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(server.seen("/leak").requests, 0);
    assert_eq!(server.seen("/heavy").requests, 50);
    assert_eq!(manifest(&out).variant.as_deref(), Some("control"));
}

#[tokio::test]
async fn no_load_is_sent_to_what_cannot_be_a_target() {
    let json = |text: &'static str| move |_: &str, _: usize| Reply::Answer(200, text.into());
    let web = Server::start(json("<html>")).await;
    let other = Server::start(json(r#"{"pid":1}"#)).await;
    let missing = Server::start(|_, _| Reply::Answer(404, String::new())).await;
    let closing = Server::start(|_, _| Reply::Close).await;
    let reserved = ReservedPort::choose().unwrap();
    let free = reserved.address();
    let plain = target_double::start(NO_SPECIAL).await;
    let untrusted = tls_server().await;
    let https = format!("https://localhost:{}", untrusted.address.port());
    let cases = [
        (https, "certificate error"),
        (web.url(), "is not a labrat target"),
        (other.url(), "no JSON with a pid and a request_count"),
        (missing.url(), "it answered 404"),
        (closing.url(), "closed the connection without an answer"),
        (format!("http://{free}"), "connection refused"),
        ("http://labrat.invalid".to_owned(), "host name not found"),
        (plain.url().replace("http", "https"), "TLS handshake failed"),
        ("127.0.0.1:8000".to_owned(), "must begin with http"),
        (
            "http://198.51.100.7".to_owned(),
            "refusing to put load on 198.51.100.7",
        ),
    ];
    let folder = tempdir().unwrap();
    for (url, words) in &cases {
        let out = folder.path().join("run");
        let run = labrat(&trigger("intermittent-5xx", url, &out, &[])).await;
        assert_eq!(run.code, Some(1), "{url}: {}", run.err);
        assert!(run.err.contains(words), "{url}: {}", run.err);
        assert!(
            !out.exists(),
            "{url}: nothing is written before a target is found"
        );
    }
    for server in [web, other, missing, closing, plain] {
        assert_eq!(
            server.seen("/slow").requests + server.seen("/fast").requests,
            0
        );
    }
}

#[tokio::test]
async fn a_folder_that_holds_something_is_refused_and_left_alone() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    let url = server.url();
    let run = labrat(&trigger("intermittent-5xx", &url, folder.path(), &[])).await;
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("is not empty"), "{}", run.err);
    assert!(run.err.contains("hint:"), "{}", run.err);
    assert_eq!(every_text(folder.path()).len(), 1);
    assert_eq!(server.seen("/slow").requests, 0);
}

#[tokio::test]
async fn an_unknown_scenario_is_told_with_the_names_that_there_are() {
    let run = labrat(&["trigger", "no-such", "--url", "http://127.0.0.1:1"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("intermittent-5xx"), "{}", run.err);
}

/// The bundle of intermittent-5xx, played to its end at a tenth of its pace.
async fn burst(server: &Server) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger("intermittent-5xx", &url, &out, &["--pace", "0.1"])).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    (folder, out)
}

#[tokio::test]
async fn a_lane_that_had_to_wait_says_so() {
    let server = target_double::start(|path, before| match path {
        "/slow" => Some(Reply::After(Duration::from_millis(1500))),
        "/diag/workers" if before == 3 => Some(Reply::After(Duration::from_millis(700))),
        _ => None,
    })
    .await;
    let (_folder, out) = burst(&server).await;
    assert!(out.join("trigger/diag-proc-during-0001.json").exists());
    let queued = manifest(&out).sampler.queued.expect("the lane waited");
    assert!(queued.longest_seconds >= 0.7, "{queued:?}");
}

#[tokio::test]
async fn a_look_that_waits_keeps_no_other_route_from_being_looked_at() {
    let server = target_double::start(|path, before| match path {
        "/slow" => Some(Reply::After(Duration::from_millis(1500))),
        "/diag/proc" if before == 1 => Some(Reply::After(Duration::from_millis(1400))),
        _ => None,
    })
    .await;
    let (_folder, out) = burst(&server).await;
    assert!(out.join("trigger/diag-workers-during-0003.json").exists());
    assert!(!out.join("trigger/diag-proc-during-0003.json").exists());
}

#[tokio::test]
async fn an_application_without_a_view_of_the_pool_is_a_target_too() {
    let server = target_double::start(|path, _| {
        let missing = ["/diag/workers", "/config", "/diag/proc"];
        missing
            .contains(&path)
            .then(|| Reply::Answer(404, "not found".into()))
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger(
        "intermittent-5xx",
        &url,
        &out,
        &["--pace", "0.02"],
    ))
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let manifest = manifest(&out);
    assert_eq!(manifest.topology.workers, None);
    let seen = manifest.sampler.workers_seen[&PhaseKind::Baseline];
    assert_eq!((seen.seen, seen.of), (2, None));
    assert!(
        run.err.contains("2 of an unknown number of workers"),
        "{}",
        run.err
    );
    let notes = manifest.sampler.notes.join("\n");
    assert!(
        notes.contains("/diag/workers gave no snapshot: answered 404."),
        "{notes}"
    );
    // Before the load, at baseline, in the lane once, and at the end.
    assert_eq!(server.seen("/diag/workers").requests, 4);
    assert!(!out.join("baseline/diag-workers.json").exists());
}

#[tokio::test]
async fn a_worker_that_was_replaced_is_not_waited_for() {
    let server = target_double::start(|path, before| {
        // Asked before the load and at baseline, the pool still names a worker that is gone.
        (path == "/diag/workers" && before < 2).then(|| {
            let body = format!(r#"{{"workers":[{{"pid":{}}},{{"pid":9999}}]}}"#, PIDS[0]);
            Reply::Answer(200, body)
        })
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let begun = std::time::Instant::now();
    let run = labrat(&trigger(
        "intermittent-5xx",
        &url,
        &out,
        &["--pace", "0.02"],
    ))
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let seen = manifest(&out).sampler.workers_seen[&PhaseKind::Baseline];
    assert_eq!((seen.seen, seen.of), (2, Some(2)));
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it waited for a worker that is gone"
    );
}
