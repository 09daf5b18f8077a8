//! `/config` and `/diag`: every key that one of the labs returns, with its type and format.

use std::time::Duration;

use labrat::app::pool::{AcceptQueue, Activity, PoolSnapshot, WorkerSnapshot};
use serde_json::{Value, json};

use super::{App, TestPool};

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("a JSON object");
    object.keys().map(String::as_str).collect()
}

/// `2026-11-21T04:24:12.744777+00:00`.
fn is_python_isoformat(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let pattern = "dddd-dd-ddTdd:dd:dd.dddddd+00:00";
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, expected)| match expected {
                b'd' => byte.is_ascii_digit(),
                _ => byte == expected,
            })
}

#[test]
fn stats_has_every_key_of_the_labs() {
    let app = App::new(&[]);
    let stats = app.json("/diag/stats");
    assert_eq!(
        keys(&stats),
        [
            "active_slow_requests",
            "endpoint_counters",
            "last_config_snapshot",
            "leak_block_count",
            "pid",
            "process_start_time",
            "request_count",
            "uptime_seconds",
        ]
    );
    assert_eq!(stats["pid"], std::process::id());
    assert_eq!(stats["endpoint_counters"], json!({"diag_stats": 1}));
    assert_eq!(
        (&stats["request_count"], &stats["active_slow_requests"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(stats["last_config_snapshot"], Value::Null);
    assert!(is_python_isoformat(&stats["process_start_time"]), "{stats}");
    let uptime = stats["uptime_seconds"].as_f64().expect("seconds");
    let thousandths = uptime * 1000.0;
    assert!((0.0..60.0).contains(&uptime) && (thousandths - thousandths.round()).abs() < 1e-6);
}

#[test]
fn the_start_time_stays_and_the_uptime_grows() {
    let app = App::new(&[]);
    let first = app.json("/diag/stats");
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    let mut later = first.clone();
    while later["uptime_seconds"] == first["uptime_seconds"] && std::time::Instant::now() < deadline
    {
        later = app.json("/diag/stats");
    }
    assert!(later["uptime_seconds"].as_f64() > first["uptime_seconds"].as_f64());
    assert_eq!(later["process_start_time"], first["process_start_time"]);
}

#[test]
fn config_shows_unset_settings_and_is_kept_as_the_last_snapshot() {
    let app = App::new(&[]);
    let config = app.json("/config");
    let start = app.json("/diag/stats")["process_start_time"].clone();
    assert_eq!(
        config,
        json!({
            "DB_CONNECTION_STRING": "<unset>",
            "FEATURE_FLAG": "<unset>",
            "PROCESS_START_UTC": start,
            "WEBSITE_SLOT_NAME": "Production",
        })
    );
    assert_eq!(app.json("/diag/stats")["last_config_snapshot"], config);
}

#[test]
fn config_shows_the_settings_of_a_slot() {
    let app = App::new(&[
        ("DB_CONNECTION_STRING", "Server=staging-db;Database=shop"),
        ("FEATURE_FLAG", "on"),
        ("WEBSITE_SLOT_NAME", "staging"),
    ]);
    let config = app.json("/config");
    assert_eq!(
        config["DB_CONNECTION_STRING"],
        "Server=staging-db;Database=shop"
    );
    assert_eq!(config["FEATURE_FLAG"], "on");
    assert_eq!(config["WEBSITE_SLOT_NAME"], "staging");
}

#[test]
fn slots_has_every_key_of_the_slot_lab() {
    let app = App::new(&[
        ("DB_CONNECTION_STRING", "Server=b"),
        ("EXPECTED_DB_CONNECTION_STRING", "Server=a"),
    ]);
    let slots = app.json("/diag/slots");
    assert_eq!(
        keys(&slots),
        [
            "config_hash",
            "current_config",
            "current_slot_name",
            "expected_vs_actual",
            "process_start_time",
            "settings_hash",
            "slot_relevant_env",
        ]
    );
    assert_eq!(
        slots["expected_vs_actual"],
        json!({
            "actual_db_connection_string": "Server=b",
            "expected_db_connection_string": "Server=a",
            "matches": false,
        })
    );
    assert_eq!(slots["current_config"], app.json("/config"));
    assert_eq!(slots["current_slot_name"], "Production");
    assert_eq!(slots["slot_relevant_env"]["WEBSITE_SLOT_NAME"], "<unset>");
    assert_eq!(
        keys(&slots["slot_relevant_env"]),
        [
            "DB_CONNECTION_STRING",
            "EXPECTED_DB_CONNECTION_STRING",
            "FEATURE_FLAG",
            "WEBSITE_HOSTNAME",
            "WEBSITE_INSTANCE_ID",
            "WEBSITE_SLOT_NAME",
        ]
    );
    assert_eq!(slots["config_hash"], app.json("/diag/slots")["config_hash"]);
    let unset = App::new(&[]).json("/diag/slots");
    assert_eq!(unset["expected_vs_actual"]["matches"], true);
    assert_ne!(unset["settings_hash"], slots["settings_hash"]);
}

#[test]
fn env_shows_the_safe_names_and_the_applications_own_and_nothing_else() {
    let app = App::new(&[
        ("HOME", "/root"),
        ("SECRET_OF_ANOTHER", "planted"),
        ("PORT", "8000"),
        ("LAB_KEY", "planted-key"),
        ("LAB_SLOW_SEED", "3"),
        ("LAB_MADE_UP", "shown"),
    ]);
    let env = app.json("/diag/env");
    assert_eq!(
        keys(&env),
        [
            "APP_STARTUP_COMMAND",
            "DB_CONNECTION_STRING",
            "EXPECTED_DB_CONNECTION_STRING",
            "FEATURE_FLAG",
            "LAB_KEY",
            "LAB_MADE_UP",
            "LAB_SLOW_SEED",
            "PORT",
            "SCM_DO_BUILD_DURING_DEPLOYMENT",
            "STARTUP_COMMAND",
            "WEBSITES_PORT",
            "WEBSITE_HOSTNAME",
            "WEBSITE_INSTANCE_ID",
            "WEBSITE_SLOT_NAME",
        ]
    );
    assert_eq!(
        (&env["PORT"], &env["LAB_KEY"]),
        (&json!("8000"), &json!("***"))
    );
    assert_eq!(env["WEBSITE_SLOT_NAME"], "<unset>");
}

/// Either the fact or the reason why it is not to be had, never silence.
fn a_cgroup_is_told_or_why_it_is_not(cgroup: &Value) {
    assert!(
        cgroup["error"].is_string() || cgroup["version"].is_u64(),
        "{cgroup}"
    );
    if cgroup["version"].is_u64() {
        assert_eq!(
            keys(cgroup),
            [
                "events",
                "limit_bytes",
                "path",
                "pressure",
                "reclaimable_file_bytes",
                "refaults",
                "source",
                "swap_limit_bytes",
                "swap_usage_bytes",
                "usage_bytes",
                "version",
            ]
        );
    }
}

#[test]
fn proc_has_the_labs_texts_and_typed_numbers_beside_them() {
    let app = App::new(&[]);
    let proc = app.json("/diag/proc");
    assert_eq!(
        keys(&proc),
        [
            "cgroup",
            "cpu_pressure",
            "effective_available",
            "host",
            "loadavg",
            "meminfo",
            "oom_kills",
            "pressure",
            "pressure_memory",
            "vmstat",
            "worker_memory",
        ]
    );
    assert_eq!(
        keys(&proc["meminfo"]),
        [
            "Cached",
            "MemAvailable",
            "MemFree",
            "MemTotal",
            "SwapCached",
            "SwapFree",
            "SwapTotal"
        ]
    );
    assert!(
        proc["meminfo"]["MemTotal"]
            .as_str()
            .is_some_and(|text| text.ends_with(" kB"))
    );
    assert_eq!(
        proc["loadavg"].as_str().map(|text| text.split(' ').count()),
        Some(5)
    );
    assert!(
        proc["vmstat"]["pswpin"]
            .as_str()
            .is_some_and(|text| text.parse::<u64>().is_ok())
    );
    let memory = &proc["worker_memory"];
    assert_eq!(keys(memory), ["pss_bytes", "rss_bytes", "swap_bytes"]);
    assert!(memory["rss_bytes"].as_u64() > Some(1 << 20));
    let available = &proc["effective_available"];
    let host = proc["host"]["available_bytes"].as_u64().unwrap();
    assert!(
        available["bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes <= host)
    );
    assert!(available["source"].is_string());
    a_cgroup_is_told_or_why_it_is_not(&proc["cgroup"]);
}

#[test]
fn workers_shows_the_pool_whichever_worker_is_asked() {
    let own = std::process::id();
    let worker = |age, pid, activity| WorkerSnapshot {
        pid,
        age,
        activity,
        requests: 4,
        last_heartbeat: Some(Duration::from_millis(1500)),
        leak_blocks: 2,
    };
    let busy = Activity::Busy {
        request: "GET /slow?token=planted".to_owned(),
        since: Duration::from_millis(2250),
        in_flight: 1,
    };
    let queue = |listener: &str, waiting| AcceptQueue {
        backlog: None,
        listener: listener.to_owned(),
        waiting,
    };
    let snapshot = PoolSnapshot {
        arbiter: Some(1),
        workers: vec![worker(1, own, busy), worker(2, u32::MAX, Activity::Idle)],
        accept_queues: vec![
            queue("http://127.0.0.1:8000", Ok(7)),
            queue("unix:/run/x", Err("a Unix socket".to_owned())),
        ],
        requests_at_once: Some(8),
    };
    let pool = TestPool {
        snapshot: Some(snapshot),
        ..TestPool::default()
    };
    let body = App::in_pool(&[], pool).json("/diag/workers");
    assert_eq!(
        (&body["count"], &body["busy"], &body["arbiter_pid"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(body["requests_at_once"], 8);
    let first = &body["workers"][0];
    assert_eq!(
        (&first["state"], &first["pid"], &first["age"]),
        (&json!("busy"), &json!(own), &json!(1))
    );
    assert_eq!(
        first["busy_with"],
        json!({"in_flight": 1, "request": "GET /slow?token=***", "since_seconds": 2.25})
    );
    assert_eq!(
        (&first["requests"], &first["leak_blocks"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(first["last_heartbeat_seconds"], 1.5);
    assert!(first["rss_bytes"].as_u64() > Some(1 << 20));
    let gone = &body["workers"][1];
    assert_eq!(
        (&gone["state"], &gone["busy_with"]),
        (&json!("idle"), &Value::Null)
    );
    assert!(gone["rss_bytes"]["error"].is_string());
    assert_eq!(
        body["accept_queues"][0],
        json!({"listener": "http://127.0.0.1:8000", "waiting": 7})
    );
    assert_eq!(
        body["accept_queues"][1]["waiting"],
        json!({"error": "a Unix socket"})
    );
}

#[test]
fn a_lone_process_is_a_pool_of_one() {
    let body = App::new(&[]).json("/diag/workers");
    assert_eq!(
        (&body["count"], &body["arbiter_pid"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(body["workers"][0]["pid"], std::process::id());
}
