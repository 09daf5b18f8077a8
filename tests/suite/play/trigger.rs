//! `labrat trigger`, from the outside: what it refuses, sends, writes and says.

use std::time::Duration;

use labrat::evidence::manifest::{Completion, EventKind, PhaseKind};
use labrat::evidence::read;
use tempfile::tempdir;

use super::program::{every_text, labrat, labrat_with_key, manifest};
use super::server::{Reply, Server};
use super::target::tls_server;
use super::target_double::{self, PIDS, usual};
use crate::harness::{Address, Kind, Launch};

const NO_SPECIAL: fn(&str, usize) -> Option<Reply> = |_, _| None;

#[tokio::test]
async fn the_labs_counts_arrive_and_the_bundle_tells_of_them() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let bundle = folder.path().join("run");
    let out = bundle.to_str().unwrap();
    let url = server.url();
    let run = labrat(&[
        "trigger",
        "intermittent-5xx",
        "--url",
        &url,
        "--out",
        out,
        "--pace",
        "0.02",
    ])
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
    let run = labrat(&[
        "trigger",
        "intermittent-5xx",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.02",
    ])
    .await;
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
    let run = labrat(&[
        "trigger",
        "memory-pressure",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
    ])
    .await;
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
    let run = labrat(&[
        "trigger",
        "memory-pressure",
        "--control",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
    ])
    .await;
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
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
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
        let run = labrat(&[
            "trigger",
            "intermittent-5xx",
            "--url",
            url,
            "--out",
            out.to_str().unwrap(),
        ])
        .await;
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
    let out = folder.path().to_str().unwrap();
    let url = server.url();
    let run = labrat(&["trigger", "intermittent-5xx", "--url", &url, "--out", out]).await;
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

#[tokio::test]
async fn the_key_is_sent_with_every_request_and_written_nowhere() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat_with_key(
        "k3y-of-mine",
        &[
            "trigger",
            "intermittent-5xx",
            "--url",
            &url,
            "--out",
            out.to_str().unwrap(),
            "--pace",
            "0.02",
        ],
    )
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let heads = server.journal.lock().heads.clone();
    assert!(
        heads
            .iter()
            .all(|head| head.contains("x-lab-key: k3y-of-mine"))
    );
    for (path, text) in every_text(&out) {
        assert!(!text.contains("k3y-of-mine"), "{path}");
    }
    assert!(!run.out.contains("k3y") && !run.err.contains("k3y"));
}

#[tokio::test]
async fn planted_secrets_do_not_reach_the_bundle_and_equal_ones_stay_equal() {
    const SECRETS: [&str; 4] = ["hunter2", "Zm9vYmFy", "t0psecret", "s3cr3t-flag"];
    let server = target_double::start(|path, _| {
        let body = match path {
            "/config" => {
                r#"{"DB_CONNECTION_STRING":"Server=tcp:db.example.net;Database=orders;Password=hunter2;","CACHE":"redis://app:t0psecret@cache.example.net:6379","STORAGE":"AccountName=n;AccountKey=Zm9vYmFy;"}"#
            }
            "/diag/env" => r#"{"LAB_API_TOKEN":"s3cr3t-flag","PORT":"8000"}"#,
            _ => return None,
        };
        Some(Reply::Answer(200, body.into()))
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&[
        "trigger",
        "intermittent-5xx",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.02",
        "--command-before",
        "labrat serve --env DB_PASSWORD=hunter2 app:app",
    ])
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    for (path, text) in every_text(&out) {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{path} holds {secret}: {text}");
        }
    }
    let at = |moment: &str| std::fs::read_to_string(out.join(moment).join("config.json")).unwrap();
    assert!(
        at("baseline").contains("Server=tcp:db.example.net;Database=orders;Password=<redacted:")
    );
    assert!(at("baseline").contains("cache.example.net"));
    assert_eq!(at("baseline"), at("post"));
}

#[tokio::test]
async fn a_lane_that_had_to_wait_says_so() {
    let server = target_double::start(|path, before| match path {
        "/slow" => Some(Reply::After(Duration::from_millis(1500))),
        "/diag/workers" if before == 3 => Some(Reply::After(Duration::from_millis(700))),
        _ => None,
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&[
        "trigger",
        "intermittent-5xx",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.1",
    ])
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(out.join("trigger/diag-proc-during-0001.json").exists());
    let queued = manifest(&out).sampler.queued.expect("the lane waited");
    assert!(queued.longest_seconds >= 0.7, "{queued:?}");
}

#[tokio::test]
async fn startup_failed_begins_with_a_target_that_is_down_and_ends_with_its_recovery() {
    // The first question before the load, three probes, two probes after the fix: all in vain.
    let server = target_double::start(|path, before| match (path, before) {
        ("/health", 0..=5) => Some(Reply::Answer(503, ":( Application Error".into())),
        _ => None,
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&[
        "trigger",
        "startup-failed",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.02",
        "--assume-done",
        "--command-before",
        "labrat serve wrong_module:app",
        "--command-after",
        "labrat serve app:app",
    ])
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err.contains("do this now: Change the startup command"),
        "{}",
        run.err
    );
    let manifest = manifest(&out);
    assert_eq!(manifest.events[0].kind, EventKind::CommandChanged);
    let read = read(&out).unwrap();
    let statuses = |wanted: &str| -> Vec<u16> {
        let set = read.samples.iter().find(|set| set.phase == wanted).unwrap();
        set.samples
            .iter()
            .map(|sample| sample.status.code())
            .collect()
    };
    assert_eq!(statuses("broken"), [503, 503, 503]);
    assert_eq!(statuses("recovery"), [503, 503, 200]);
    assert!(out.join("baseline/startup-command.txt").exists());
    assert!(out.join("post/startup-command.txt").exists());
    assert!(
        out.join(format!("post/diag-stats-{}.json", PIDS[0]))
            .exists()
    );
}

#[tokio::test]
async fn an_action_that_nobody_confirms_ends_the_run_and_says_how_to_go_on() {
    let server = target_double::start(|path, _| {
        (path == "/health").then(|| Reply::Answer(503, String::new()))
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&[
        "trigger",
        "startup-failed",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.01",
    ])
    .await;
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--assume-done"), "{}", run.err);
    assert!(matches!(
        manifest(&out).completion,
        Completion::CutShort { .. }
    ));
}

#[tokio::test]
async fn a_swap_is_seen_by_the_process_that_answers() {
    let production = target_double::start(|path, before| {
        // The first two are asked before the load: the check and every worker of the baseline.
        let start = match (path, before) {
            ("/diag/stats", 12..) => "2026-02-02T00:00:00+00:00",
            _ => "2026-01-01T00:00:00+00:00",
        };
        Some(usual(path, PIDS[before % 2], start))
    })
    .await;
    let staging = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let (url, slot_url) = (production.url(), staging.url());
    let run = labrat(&[
        "trigger",
        "slot-swap-drift",
        "--url",
        &url,
        "--slot-url",
        &slot_url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.02",
        "--not-sticky",
        "DB_CONNECTION_STRING",
    ])
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err
            .contains("do this now: Swap staging into production"),
        "{}",
        run.err
    );
    let manifest = manifest(&out);
    assert_eq!(manifest.events.len(), 1);
    assert_eq!(manifest.events[0].kind, EventKind::Swap);
    assert_eq!(manifest.events[0].succeeded, Some(true));
    assert_eq!(manifest.topology.settings[0].sticky, Some(false));
    for file in [
        "baseline/config-production.json",
        "baseline/config-staging.json",
        "post/config-production.json",
        "post/diag-slots-production.json",
        "trigger/samples-swap.csv",
        "trigger/samples-after.csv",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
}

#[tokio::test]
async fn a_swap_without_the_second_slots_url_is_refused() {
    let server = target_double::start(NO_SPECIAL).await;
    let url = server.url();
    let run = labrat(&["trigger", "slot-swap-drift", "--url", &url]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--slot-url"), "{}", run.err);
}

#[tokio::test]
async fn a_locked_target_is_told_before_any_load_and_a_key_opens_it() {
    let server = Launch::new(Kind::Labrat, "--workers 2")
        .env("LAB_KEY", "the-right-one")
        .env("LAB_SLOW_MIN_SECONDS", "0")
        .env("LAB_SLOW_MAX_SECONDS", "0")
        .start();
    let Address::Tcp(address) = server.address() else {
        panic!("a TCP address is needed");
    };
    let url = format!("http://{address}");
    let folder = tempdir().unwrap();
    for (name, key, code, words) in [
        ("none", "", 1, "no key was given"),
        ("wrong", "the-wrong-one", 1, "does not fit"),
        ("right", "the-right-one", 0, "judge it with"),
    ] {
        let out = folder.path().join(name);
        let run = labrat_with_key(
            key,
            &[
                "trigger",
                "intermittent-5xx",
                "--url",
                &url,
                "--pace",
                "0.05",
                "--out",
                out.to_str().unwrap(),
            ],
        )
        .await;
        assert_eq!(run.code, Some(code), "{}", run.err);
        assert!(run.err.contains(words), "{}", run.err);
        assert_eq!(out.exists(), code == 0);
        assert!(!run.err.contains("the-right-one") && !run.err.contains("the-wrong-one"));
    }
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
    let run = labrat(&[
        "trigger",
        "intermittent-5xx",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.02",
    ])
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
    let run = labrat(&[
        "trigger",
        "intermittent-5xx",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "--pace",
        "0.02",
    ])
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let seen = manifest(&out).sampler.workers_seen[&PhaseKind::Baseline];
    assert_eq!((seen.seen, seen.of), (2, Some(2)));
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it waited for a worker that is gone"
    );
}
