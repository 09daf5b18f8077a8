//! The whole way: a real pool, the real trigger, and the judge.
//!
//! Every duration is a twentieth of the lab's, on both sides alike, so that the counts are the
//! lab's.

use std::future::Future;
use std::path::Path;

use labrat::evidence::criteria::SnapshotKind;
use labrat::evidence::manifest::PhaseKind;
use labrat::evidence::{Bundle, read};
use labrat::scenario::catalogue;
use labrat::verdict::{Finding, Outcome, Verdict, judge};
use serde_json::Value;
use tempfile::tempdir;

use super::program::{labrat, trigger};
use crate::harness::{Address, Kind, Launch, Server, oracle, skip_unless};

const PACE: &str = "0.05";
const SHORTEST_SECONDS: &str = "0.25";
const LONGEST_SECONDS: &str = "0.75";

fn block_on(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(case);
}

fn pool(arguments: &str) -> Server {
    pool_of(Kind::Labrat, arguments)
}

fn pool_of(kind: Kind, arguments: &str) -> Server {
    Launch::new(kind, arguments)
        .env("LAB_SLOW_MIN_SECONDS", SHORTEST_SECONDS)
        .env("LAB_SLOW_MAX_SECONDS", LONGEST_SECONDS)
        .start()
}

fn url(server: &Server) -> String {
    match server.address() {
        Address::Tcp(address) => format!("http://{address}"),
        Address::Unix(path) => panic!("a TCP address is needed, not {}", path.display()),
    }
}

async fn burst(server: &Server, out: &Path, more: &[&str]) -> (Value, Verdict, String) {
    let url = url(server);
    let mut arguments = trigger("intermittent-5xx", &url, out, &["--pace", PACE, "--json"]);
    arguments.extend(more);
    let run = labrat(&arguments).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let rules = catalogue::rules_of("intermittent-5xx").unwrap();
    let mut bundle = read(out).unwrap();
    let as_it_is = judge(rules, &bundle);
    let told = labrat(&["verdict", out.to_str().unwrap()]).await;
    assert_eq!(told.code, Some(code(as_it_is.outcome)), "{}", told.err);
    // Other tests and builds may keep the processors busy meanwhile, and the judge will rightly not
    // rule that out as a cause. It is no part of these cases.
    bundle
        .snapshots
        .retain(|snapshot| snapshot.kind() != SnapshotKind::Proc);
    let verdict = judge(rules, &bundle);
    if as_it_is.outcome != verdict.outcome {
        assert!(
            as_it_is.headline.contains("CPU saturation is ruled in"),
            "{}",
            as_it_is.headline
        );
    }
    let summary = serde_json::from_str(&run.out).unwrap();
    (summary, verdict, run.err)
}

/// The exit code of `labrat verdict`.
const fn code(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Reproduced => 0,
        Outcome::NotReproduced => 10,
        Outcome::Unhealthy => 13,
        Outcome::Inconclusive => 11,
    }
}

fn give_ups(summary: &Value, path: &str) -> u64 {
    summary["found"]["paths"][path]["failures"]["timeout"]
        .as_u64()
        .unwrap_or(0)
}

#[test]
fn two_sync_workers_are_saturated_as_reckoned_and_the_judge_says_reproduced() {
    block_on(saturated());
}

async fn saturated() {
    let server = pool("--workers 2 --timeout 30");
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let (summary, verdict, told) = burst(&server, &out, &[]).await;
    // Without a terminal there is a line every few seconds, and one at the end.
    assert!(told.matches("/30 burst: ").count() >= 2, "{told}");
    assert!(told.contains("p95"), "{told}");

    let paths = &summary["found"]["paths"];
    assert_eq!(paths["/slow"]["requests"], 20);
    assert_eq!(paths["/fast"]["requests"], 10);
    // Reckoned: 8 of 20 answered, 6 of 10 quick clients give up. Random delays move that by one or
    // two, a machine that does much else by more.
    let slow_answered = paths["/slow"]["statuses"]["200"].as_u64().unwrap();
    assert!((3..=12).contains(&slow_answered), "{summary}");
    let fast = give_ups(&summary, "/fast");
    assert!((5..=9).contains(&fast), "{summary}");

    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    let workers = summary["expected_and_found"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["what"] == "workers replaced")
        .unwrap();
    assert_eq!(
        (&workers["expected"], &workers["found"]),
        (&"0".into(), &"0".into())
    );
    // The title claims a 5xx, and no client saw one.
    let five = verdict
        .title_claims
        .iter()
        .find(|claim| claim.word == "5xx")
        .unwrap();
    assert_eq!(five.finding, Finding::NotMet);
    the_lane_waited_and_every_worker_was_seen(&read(&out).unwrap());
}

fn the_lane_waited_and_every_worker_was_seen(bundle: &Bundle) {
    let sampler = &bundle.manifest.as_ref().unwrap().sampler;
    let queued = sampler.queued.expect("the lane waited");
    assert!(queued.longest_seconds > 1.0, "{queued:?}");
    for moment in [PhaseKind::Baseline, PhaseKind::Post] {
        let seen = sampler.workers_seen[&moment];
        assert_eq!((seen.seen, seen.of), (2, Some(2)), "{moment:?}");
        assert_eq!(bundle.snapshots_of(SnapshotKind::Stats, moment).count(), 2);
    }
}

/// The trigger and the judge know no labrat: a Flask application under the real Gunicorn is a
/// target like any other.
#[test]
fn the_real_gunicorn_is_saturated_and_judged_alike() {
    if skip_unless(oracle()) {
        return;
    }
    block_on(saturated_gunicorn());
}

async fn saturated_gunicorn() {
    let server = pool_of(Kind::Gunicorn, "--workers 2 --timeout 30");
    let folder = tempdir().unwrap();
    let (summary, verdict, _) = burst(&server, &folder.path().join("run"), &[]).await;
    let paths = &summary["found"]["paths"];
    assert_eq!(paths["/slow"]["requests"], 20);
    let slow_answered = paths["/slow"]["statuses"]["200"].as_u64().unwrap();
    assert!((3..=12).contains(&slow_answered), "{summary}");
    assert!((5..=9).contains(&give_ups(&summary, "/fast")), "{summary}");
    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
}

/// A trigger alone has no console table: that the load was served is known, that nobody died is not.
fn serves_but_no_console_says_that_nobody_died(verdict: &Verdict) {
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    let (died, served) = verdict.health.split_last().unwrap();
    assert_eq!(died.finding, Finding::NoEvidence, "{died:?}");
    for health in served {
        assert_eq!(health.finding, Finding::Met, "{health:?}");
    }
}

#[test]
fn more_workers_than_slow_requests_leave_nothing_to_reproduce() {
    block_on(more_workers());
}

async fn more_workers() {
    let server = pool("--workers 24 --timeout 30");
    let folder = tempdir().unwrap();
    let (summary, verdict, _) = burst(&server, &folder.path().join("run"), &["--control"]).await;
    assert_eq!(give_ups(&summary, "/slow") + give_ups(&summary, "/fast"), 0);
    serves_but_no_console_says_that_nobody_died(&verdict);
}

#[test]
fn threads_are_a_fix() {
    block_on(threads());
}

async fn threads() {
    let server = pool("--workers 2 --worker-class gthread --threads 16 --timeout 30");
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let (summary, verdict, _) = burst(&server, &out, &["--fix", "gthread"]).await;
    assert_eq!(give_ups(&summary, "/fast"), 0, "{summary}");
    serves_but_no_console_says_that_nobody_died(&verdict);
}

#[test]
fn without_the_slow_requests_the_quick_ones_are_quick() {
    block_on(no_slow());
}

async fn no_slow() {
    let server = Launch::new(Kind::Labrat, "--workers 2 --timeout 30")
        .env("LAB_SLOW_MIN_SECONDS", "0")
        .env("LAB_SLOW_MAX_SECONDS", "0")
        .start();
    let folder = tempdir().unwrap();
    let (summary, verdict, _) = burst(&server, &folder.path().join("run"), &[]).await;
    assert_eq!(give_ups(&summary, "/fast"), 0, "{summary}");
    assert_eq!(
        verdict.outcome,
        Outcome::NotReproduced,
        "{}",
        verdict.headline
    );
}

#[test]
fn the_leak_that_was_reckoned_is_the_leak_that_is_held() {
    block_on(leak());
}

async fn leak() {
    let server = Launch::new(Kind::Labrat, "--workers 4 --timeout 120").start();
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = url(&server);
    let run = labrat(&trigger("memory-pressure", &url, &out, &["--json"])).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let summary: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(summary["found"]["paths"]["/leak"]["statuses"]["200"], 100);
    let held: u64 = summary["found"]["leaked_blocks"]
        .as_object()
        .unwrap()
        .values()
        .map(|blocks| blocks.as_u64().unwrap())
        .sum();
    assert_eq!(held, 100, "{}", run.err);
    let rules = catalogue::rules_of("memory-pressure").unwrap();
    let verdict = judge(rules, &read(&out).unwrap());
    let finding = |id: &str| {
        let found = verdict.criteria.iter().find(|criterion| criterion.id == id);
        found.unwrap().finding
    };
    for id in ["leak-load", "heavy-load", "leak-grows", "answers-dominate"] {
        assert_eq!(finding(id), Finding::Met, "{id}");
    }
    // This machine has memory to spare, or no swap to show that it has none.
    assert_ne!(verdict.outcome, Outcome::Reproduced);
}
