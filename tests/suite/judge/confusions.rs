//! Pairs that a human confuses: the evidence of one is never judged as the other.

use labrat::evidence::manifest::{Event, EventKind, Setting};
use labrat::evidence::sample::Sample;
use labrat::scenario::catalogue;
use labrat::verdict::{
    AlternativeResult, AlternativeStatus, Finding, KillCause, Outcome, Verdict, judge,
};
use serde_json::{Value, json};

use super::builder::{Builder, answered, at, gave_up};
use super::incidents::{
    console_row, intermittent_5xx, platform_row, rows_of, slot_swap_drift, startup_failed, stats,
};

fn judged_as(builder: &Builder, scenario: &str) -> Verdict {
    judge(catalogue::rules_of(scenario).unwrap(), &builder.read())
}

#[track_caller]
fn is(builder: &Builder, scenario: &str, outcome: Outcome) {
    let verdict = judged_as(builder, scenario);
    assert_eq!(verdict.outcome, outcome, "{scenario}: {}", verdict.headline);
}

fn alternative<'v>(verdict: &'v Verdict, id: &str) -> &'v AlternativeResult {
    verdict
        .alternatives
        .iter()
        .find(|alternative| alternative.id == id)
        .unwrap()
}

fn of(samples: impl Iterator<Item = Sample>) -> Vec<Sample> {
    samples.collect()
}

fn outbound_stats(pid: u32, calls: u64) -> Value {
    let mut stats = stats(pid, 0);
    stats["outbound"] = json!({"calls": calls, "connections_opened": calls});
    stats
}

/// Twenty requests for a route that calls another service, and what /fast went through meanwhile.
fn calling(fast: &[Sample], console: &str) -> Builder {
    let slow = of((1..=20).map(|n| answered(n, "/dependency", 20.0, 502, 40.0, 60.0)));
    let mut rows = rows_of(&slow);
    rows.extend(rows_of(fast));
    Builder::new("dependency-latency")
        .json("baseline/diag-stats-11.json", outbound_stats(11, 0))
        .json("post/diag-stats-11.json", outbound_stats(11, 80))
        .samples("dependency", &slow)
        .samples("fast", fast)
        .table("http", &rows)
        .table("console", &[console_row(60.0, console)])
}

const READ_TIMEOUT: &str =
    "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='api', port=80): Read timed out.";

fn slow_dependency() -> Builder {
    let fast = of((1..=20).map(|n| answered(n, "/fast", 20.0 + f64::from(n), 200, 0.01, 15.0)));
    calling(&fast, READ_TIMEOUT)
}

#[test]
fn a_slow_dependency_is_no_saturation_and_saturation_is_no_slow_dependency() {
    is(
        &slow_dependency(),
        "dependency-latency",
        Outcome::Reproduced,
    );
    is(&intermittent_5xx(), "intermittent-5xx", Outcome::Reproduced);

    is(
        &slow_dependency(),
        "intermittent-5xx",
        Outcome::NotReproduced,
    );
    is(
        &intermittent_5xx(),
        "dependency-latency",
        Outcome::Inconclusive,
    );
    // The same calls where every worker is held, so that every other route waits as well.
    let waiting = of((1..=20).map(|n| gave_up(n, "/fast", 20.0 + f64::from(n), 15.0)));
    is(
        &calling(&waiting, READ_TIMEOUT),
        "dependency-latency",
        Outcome::NotReproduced,
    );
    // Threads that wait for the service while others are free, and a connection that is about to
    // be taken: no saturation. Where no thread is free it is one.
    let threads = |in_flight: u32| {
        let worker = |pid: u32| {
            json!({
                "pid": pid,
                "state": "busy",
                "busy_with": {"in_flight": in_flight, "request": "GET /dependency"},
            })
        };
        let pool = json!({
            "accept_queues": [{"listener": "http://0.0.0.0:8000", "waiting": 2}],
            "requests_at_once": 16,
            "workers": [worker(11), worker(12)],
        });
        slow_dependency().json("trigger/diag-workers-during-0001.json", pool)
    };
    is(&threads(5), "dependency-latency", Outcome::Reproduced);
    is(&threads(16), "dependency-latency", Outcome::Inconclusive);
    // Saturation beside outbound calls that fail: nobody can say which of the two it was.
    let both = intermittent_5xx().table("console", &[console_row(60.0, READ_TIMEOUT)]);
    is(&both, "intermittent-5xx", Outcome::Inconclusive);
}

/// Workers that were ended by SIGKILL in the run of 67 workers, and the fix.
fn killed(lines: &[&str]) -> Builder {
    let probes = of((1..=3).map(|n| answered(n, "/health", 20.0 + f64::from(n), 502, 0.1, 20.0)));
    let recovery = [answered(1, "/health", 160.0, 200, 0.02, 20.0)];
    let mut rows = vec![];
    for pid in 11..15 {
        for line in lines {
            rows.push(console_row(30.0, &line.replace("PID", &pid.to_string())));
        }
    }
    Builder::new("worker-formula")
        .text(
            "baseline/startup-command.txt",
            "gunicorn --workers=67 app:app",
        )
        .text("post/startup-command.txt", "gunicorn --workers=4 app:app")
        .samples("broken", &probes)
        .samples("recovery", &recovery)
        .json("post/diag-stats-21.json", stats(21, 0))
        .table("console", &rows)
        .table("platform", &[platform_row(19.0, "Site started.")])
        .amend(|manifest| manifest.events = vec![event(155.0, EventKind::CommandChanged)])
}

fn event(seconds: f64, kind: EventKind) -> Event {
    Event {
        at: at(seconds),
        kind,
        detail: String::new(),
        status: Some(200),
        succeeded: Some(true),
    }
}

const SIGKILL: &str = "[ERROR] Worker (pid:PID) was sent SIGKILL! Perhaps out of memory?";
const BY_THE_KERNEL: &str = "[ERROR] Worker (pid:PID) was killed by the kernel, out of memory: \
                             oom_kill of the cgroup went from 0 to 1";
const TIMEOUT: &str = "[CRITICAL] WORKER TIMEOUT (pid:PID)";

#[test]
fn a_kill_for_memory_is_no_timeout_and_a_timeout_is_no_kill_for_memory() {
    let by_memory = killed(&[SIGKILL, BY_THE_KERNEL]);
    is(&by_memory, "worker-formula", Outcome::Reproduced);
    let verdict = judged_as(&by_memory, "worker-formula");
    assert_eq!(verdict.killed_workers[0].cause, KillCause::OutOfMemory);
    let timeout = alternative(&verdict, "worker-timeout");
    assert_eq!(
        timeout.status,
        AlternativeStatus::RuledOut,
        "{}",
        timeout.because
    );

    // The same words of the arbiter, which killed the workers itself.
    let by_arbiter = killed(&[TIMEOUT, SIGKILL]);
    is(&by_arbiter, "worker-formula", Outcome::NotReproduced);
    let verdict = judged_as(&by_arbiter, "worker-formula");
    assert_eq!(verdict.killed_workers[0].cause, KillCause::Heartbeat);
    let memory = alternative(&verdict, "out-of-memory-kill");
    assert_ne!(
        memory.status,
        AlternativeStatus::RuledIn,
        "{}",
        memory.because
    );
}

const RIGHT: &str = "gunicorn --bind=0.0.0.0:8000 --timeout=120 app:app";

/// A site that the platform waited for in vain, until its limit was raised.
fn slow_start() -> Builder {
    startup_failed()
        .text("baseline/startup-command.txt", RIGHT)
        .table(
            "console",
            &[
                console_row(25.0, "[INFO] Listening at: http://0.0.0.0:8000 (9)"),
                console_row(25.1, "[INFO] Booting worker with pid: 11"),
            ],
        )
        .table(
            "platform",
            &[
                platform_row(
                    85.0,
                    "Container did not start within expected time limit of 60s.",
                ),
                platform_row(124.0, "Site started."),
            ],
        )
        .amend(|manifest| {
            manifest.scenario = "slow-start".to_owned();
            manifest.events = vec![event(105.0, EventKind::SettingChanged)];
        })
}

#[test]
fn a_wrong_module_is_no_slow_start_and_a_slow_start_is_no_wrong_module() {
    is(&slow_start(), "slow-start", Outcome::Reproduced);
    is(&startup_failed(), "startup-failed", Outcome::Reproduced);

    is(&slow_start(), "startup-failed", Outcome::NotReproduced);
    is(&startup_failed(), "slow-start", Outcome::NotReproduced);
    // The platform writes of its limit after every failed start; the exit beside it decides.
    let with_limit = startup_failed().table(
        "platform",
        &[
            platform_row(26.0, "Container has finished running with exit code: 3."),
            platform_row(
                27.0,
                "Container did not start within expected time limit of 230s.",
            ),
        ],
    );
    is(&with_limit, "slow-start", Outcome::NotReproduced);
    is(&with_limit, "startup-failed", Outcome::Reproduced);
}

fn readiness(migrated: bool) -> Value {
    let error = if migrated {
        Value::Null
    } else {
        json!("pending")
    };
    json!({
        "ready": migrated,
        "checks": {"migrations": {"ok": migrated, "latency_ms": 1.0, "error": error}},
    })
}

/// A swap after which the database lacks a migration, or has it.
fn database_moved(migrated: bool) -> Builder {
    let health = of((1..=20).map(|n| answered(n, "/health", 60.0 + f64::from(n), 200, 0.01, 20.0)));
    let status = if migrated { 200 } else { 503 };
    let ready =
        of((1..=10).map(|n| answered(n, "/ready", 90.0 + f64::from(n), status, 0.01, 20.0)));
    Builder::new("dependency-context")
        .json("baseline/ready-production.json", readiness(true))
        .json("post/ready-production.json", readiness(migrated))
        .samples("swap", &health)
        .samples("post", &ready)
        .amend(|manifest| {
            manifest.events = vec![event(60.0, EventKind::Swap)];
            manifest.topology.settings = vec![Setting {
                name: "DATABASE_URL".to_owned(),
                value: "<redacted>".to_owned(),
                slot: Some("production".to_owned()),
                sticky: Some(false),
                reference: None,
            }];
            let mut after = manifest.phases[0].clone();
            after.name = "post".to_owned();
            after.kind = labrat::evidence::manifest::PhaseKind::Post;
            manifest.phases.push(after);
            manifest.phases[0].name = "swap".to_owned();
        })
}

#[test]
fn drift_is_no_broken_dependency_and_a_broken_dependency_is_no_drift() {
    is(
        &database_moved(false),
        "dependency-context",
        Outcome::Reproduced,
    );
    is(&slot_swap_drift(), "slot-swap-drift", Outcome::Reproduced);

    is(
        &database_moved(false),
        "slot-swap-drift",
        Outcome::Inconclusive,
    );
    is(
        &slot_swap_drift(),
        "dependency-context",
        Outcome::Inconclusive,
    );
    // A value that moved to a database that is well is drift at most.
    is(
        &database_moved(true),
        "dependency-context",
        Outcome::NotReproduced,
    );
}

/// What production's /ready says of a database that fails both checks with this word.
fn failing(word: &str) -> Value {
    let check = json!({"ok": false, "latency_ms": 1.0, "error": word});
    json!({"ready": false, "checks": {"database": check, "migrations": check}})
}

#[test]
fn a_refused_identity_is_no_other_database_and_a_database_that_is_away_is_neither() {
    const FORMS: [&str; 3] = ["schema-behind", "another-database", "refused-identity"];
    let forms_of = |answer: Value| -> Vec<&str> {
        let builder = database_moved(false).json("post/ready-production.json", answer);
        let verdict = judged_as(&builder, "dependency-context");
        let met = |id: &str| {
            let found = verdict.criteria.iter().find(|criterion| criterion.id == id);
            found.unwrap().finding == Finding::Met
        };
        FORMS.into_iter().filter(|id| met(id)).collect()
    };
    for (word, form) in [
        ("refused_identity", Some("refused-identity")),
        ("wrong_password", Some("refused-identity")),
        ("forbidden", Some("refused-identity")),
        ("wrong_database", Some("another-database")),
        ("pending_migration", Some("schema-behind")),
        ("refused", None),
        ("silent", None),
        ("too_many_connections", None),
    ] {
        assert_eq!(forms_of(failing(word)), Vec::from_iter(form), "{word}");
    }
    // A readiness check of somebody else that gives no word shows that it fails, and not how.
    let wordless = json!({"ready": false, "checks": {"database": {"ok": false}}});
    assert_eq!(forms_of(wordless), [""; 0]);
}

/// One request to /slow that ended so, in the HTTP table.
fn ended(status: u16, seconds: f64) -> Verdict {
    let sample = answered(1, "/slow", 20.0, status, seconds, 300.0);
    let rows = match status {
        499 => rows_of(&[gave_up(1, "/slow", 20.0, seconds)]),
        _ => rows_of(std::slice::from_ref(&sample)),
    };
    Builder::new("intermittent-5xx")
        .table("http", &rows)
        .amend(|manifest| manifest.phases[0].ended = Some(at(300.0)))
        .judge()
}

#[test]
fn a_client_that_left_is_no_limit_of_the_front_end_and_the_other_way_round() {
    use AlternativeStatus::{RuledIn, RuledOut};
    let of_client = |verdict: &Verdict| alternative(verdict, "client-abort").status;
    let of_limit = |verdict: &Verdict| alternative(verdict, "front-end-limit").status;

    let left = ended(499, 45.0);
    assert_eq!((of_client(&left), of_limit(&left)), (RuledIn, RuledOut));

    let cut = ended(504, 240.0);
    assert_ne!(of_client(&cut), RuledIn);
    assert_eq!(of_limit(&cut), RuledIn);

    // A client that left at the very moment of the limit is still a client that left.
    let late = ended(499, 240.0);
    assert_eq!(of_client(&late), RuledIn);
    assert_ne!(of_limit(&late), RuledIn);
}
