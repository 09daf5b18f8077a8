//! The four lab scenarios as bundles: symptom, control and fix.

use labrat::evidence::manifest::{Event, EventKind, Setting};
use labrat::evidence::sample::Sample;
use labrat::tables::{ConsoleRow, HttpRow, PlatformRow, TableRow};
use serde_json::{Value, json};

use super::builder::{Builder, answered, at, gave_up, log_time};

pub fn http_row(seconds: f64, route: &str, status: i64, taken: i64) -> HttpRow {
    let mut row = HttpRow::at(log_time(seconds));
    row.cs_method = Some("GET".to_owned());
    row.cs_host = Some("app.example".to_owned());
    row.cs_uri_stem = Some(route.to_owned());
    row.sc_status = Some(status);
    row.time_taken = Some(taken);
    row
}

pub fn console_row(seconds: f64, line: &str) -> ConsoleRow {
    let mut row = ConsoleRow::at(log_time(seconds));
    row.level = Some("Error".to_owned());
    row.result_description = Some(line.to_owned());
    row
}

pub fn platform_row(seconds: f64, message: &str) -> PlatformRow {
    let mut row = PlatformRow::at(log_time(seconds));
    row.level = Some("Informational".to_owned());
    row.message = Some(message.to_owned());
    row
}

/// The rows that a front end writes of these samples.
pub fn rows_of(samples: &[Sample]) -> Vec<HttpRow> {
    samples
        .iter()
        .map(|sample| {
            let total = sample.total_seconds.unwrap();
            let start = sample.start.unwrap().duration_since(at(0.0)).as_secs_f64();
            let status = if sample.status.is_none() {
                499
            } else {
                i64::from(sample.status.code())
            };
            http_row(
                start + total,
                sample.path(),
                status,
                (total * 1000.0) as i64,
            )
        })
        .collect()
}

pub fn stats(pid: u32, blocks: u64) -> Value {
    json!({
        "pid": pid,
        "process_start_time": at(-600.0).to_string(),
        "uptime_seconds": 600.0,
        "request_count": 4,
        "leak_block_count": blocks,
    })
}

pub fn proc_body(
    available: u64,
    swap_free: u64,
    scanned: u64,
    stalls: u64,
    swapped: u64,
    pressure: f64,
) -> Value {
    json!({
        "loadavg": "0.10 0.20 0.35 3/751 1941",
        "meminfo": {
            "MemTotal": "1955532 kB",
            "MemAvailable": format!("{available} kB"),
            "SwapTotal": "4194300 kB",
            "SwapFree": format!("{swap_free} kB"),
        },
        "vmstat": {
            "pgscan_kswapd": scanned.to_string(),
            "pgscan_direct": "0",
            "allocstall_normal": "0",
            "allocstall_movable": stalls.to_string(),
            "pswpin": swapped.to_string(),
            "pswpout": "0",
        },
        "pressure_memory": {
            "some": format!("some avg10={pressure:.2} avg60=0.00 avg300=0.00 total=1"),
            "full": "full avg10=0.00 avg60=0.00 avg300=0.00 total=0",
        },
        "cpu_pressure": "some avg10=3.00 avg60=0.00 avg300=0.00 total=1",
    })
}

fn leak_samples() -> Vec<Sample> {
    (1..=100)
        .map(|index| answered(index, "/leak", 20.0 + f64::from(index), 200, 0.8, 60.0))
        .collect()
}

/// Fifty answers of half a second, the last `slow` of them three seconds.
pub fn heavy_samples(slow: u32, slow_seconds: f64) -> Vec<Sample> {
    (1..=50)
        .map(|index| {
            let seconds = if index > 50 - slow { slow_seconds } else { 0.5 };
            answered(
                index,
                "/heavy",
                122.0 + f64::from(index) * 0.3,
                200,
                seconds,
                60.0,
            )
        })
        .collect()
}

fn memory_base(mid: Value, heavy: &[Sample], blocks: u64) -> Builder {
    let leak = leak_samples();
    let mut rows = rows_of(&leak);
    rows.extend(rows_of(heavy));
    Builder::new("memory-pressure")
        .json(
            "baseline/diag-proc.json",
            proc_body(500_000, 3_800_000, 6_000_000, 1_000, 300_000, 0.02),
        )
        .json("baseline/diag-stats-11.json", stats(11, 0))
        .json("baseline/health.json", json!({"status": "healthy"}))
        .json("trigger/diag-proc-mid.json", mid.clone())
        .json("trigger/diag-stats-mid-11.json", stats(11, blocks))
        .json("post/diag-proc.json", mid)
        .json("post/diag-stats-11.json", stats(11, blocks))
        .samples("leak", &leak)
        .samples("heavy", heavy)
        .table("http", &rows)
        .table(
            "console",
            &[console_row(30.0, "[INFO] Handling signal: winch")],
        )
        .table("platform", &[platform_row(-80.0, "Site started.")])
}

pub fn memory_pressure() -> Builder {
    let mid = proc_body(45_000, 2_400_000, 8_000_000, 2_400, 860_000, 72.0);
    memory_base(mid, &heavy_samples(5, 3.0), 30)
}

/// The same load where memory is plenty.
pub fn memory_control() -> Builder {
    let mid = proc_body(480_000, 3_800_000, 6_000_100, 1_000, 300_010, 0.1);
    memory_base(mid, &heavy_samples(0, 0.0), 30)
        .amend(|manifest| manifest.variant = Some("control".to_owned()))
}

/// Workers are recycled before the leak grows.
pub fn memory_fixed() -> Builder {
    let mid = proc_body(430_000, 3_799_000, 6_000_500, 1_000, 300_400, 0.4);
    memory_base(mid, &heavy_samples(0, 0.0), 1)
        .amend(|manifest| manifest.variant = Some("max-requests".to_owned()))
}

/// Twenty /slow of which eight are answered, ten /fast of which `give_ups` are not.
pub fn saturation_samples(give_ups: u32) -> (Vec<Sample>, Vec<Sample>) {
    let slow = (1..=20)
        .map(|index| match index <= 8 {
            true => answered(
                index,
                "/slow",
                20.0,
                200,
                5.0 + f64::from(index) * 5.0,
                46.0,
            ),
            false => gave_up(index, "/slow", 20.0, 46.0),
        })
        .collect();
    let fast = (1..=10)
        .map(|index| match index <= give_ups {
            true => gave_up(index, "/fast", 20.5 + f64::from(index - 1) * 15.0, 15.0),
            false => answered(
                index,
                "/fast",
                20.5 + f64::from(give_ups) * 15.0,
                200,
                0.01,
                15.0,
            ),
        })
        .collect();
    (slow, fast)
}

fn pool(busy: bool, waiting: u32) -> Value {
    let state = if busy { "busy" } else { "idle" };
    json!({
        "accept_queues": [{"listener": "http://0.0.0.0:8000", "waiting": waiting}],
        "workers": [{"pid": 11, "state": state}, {"pid": 12, "state": "busy"}],
    })
}

fn saturation_base(slow: &[Sample], fast: &[Sample]) -> Builder {
    let mut rows = rows_of(slow);
    rows.extend(rows_of(fast));
    Builder::new("intermittent-5xx")
        .json("baseline/diag-stats-11.json", stats(11, 0))
        .json("baseline/health.json", json!({"status": "healthy"}))
        .json("post/diag-stats-11.json", stats(11, 0))
        .samples("slow", slow)
        .samples("fast", fast)
        .table("http", &rows)
        .table(
            "console",
            &[console_row(30.0, "[INFO] Handling signal: winch")],
        )
        .table("platform", &[platform_row(-80.0, "Site started.")])
        .amend(|manifest| {
            manifest.topology.workers = Some(2);
            manifest.topology.timeout_seconds = Some(30.0);
        })
}

pub fn intermittent_5xx() -> Builder {
    let (slow, fast) = saturation_samples(6);
    saturation_base(&slow, &fast)
        .json("trigger/diag-workers-during-0001.json", pool(true, 0))
        .json("trigger/diag-workers-during-0002.json", pool(true, 17))
}

/// Threads enough for everybody.
pub fn intermittent_control() -> Builder {
    let slow: Vec<Sample> = (1..=20)
        .map(|index| answered(index, "/slow", 20.0, 200, 5.0 + f64::from(index % 10), 45.0))
        .collect();
    let fast: Vec<Sample> = (1..=10)
        .map(|index| {
            answered(
                index,
                "/fast",
                20.5 + f64::from(index) * 0.01,
                200,
                0.004,
                15.0,
            )
        })
        .collect();
    saturation_base(&slow, &fast)
        .json("trigger/diag-workers-during-0001.json", pool(false, 0))
        .amend(|manifest| manifest.variant = Some("control".to_owned()))
}

const WRONG: &str = "gunicorn --bind=0.0.0.0:8000 --timeout=120 wrong_module:app";
const RIGHT: &str = "gunicorn --bind=0.0.0.0:8000 --timeout=120 app:app";

fn event(seconds: f64, kind: EventKind, status: u16) -> Event {
    Event {
        at: at(seconds),
        kind,
        detail: String::new(),
        status: Some(status),
        succeeded: Some(status < 400),
    }
}

pub fn startup_failed() -> Builder {
    let before: Vec<Sample> = (1..=3)
        .map(|index| {
            answered(
                index,
                "/health",
                20.0 + f64::from(index) * 10.0,
                503,
                0.2,
                20.0,
            )
        })
        .collect();
    let recovery = [
        gave_up(1, "/health", 110.0, 5.0),
        gave_up(2, "/health", 118.0, 5.0),
        answered(3, "/health", 126.0, 200, 0.02, 5.0),
    ];
    Builder::new("startup-failed")
        .text("baseline/startup-command.txt", WRONG)
        .text("post/startup-command.txt", RIGHT)
        .samples("symptom", &before)
        .samples("recovery", &recovery)
        .json("post/diag-stats-21.json", stats(21, 0))
        .json("post/health.json", json!({"status": "healthy"}))
        .table("http", &rows_of(&[&before[..], &recovery[..]].concat()))
        .table(
            "console",
            &[
                console_row(
                    25.0,
                    "[2026-11-21 08:00:25 +0000] [9] [INFO] Listening at: http://0.0.0.0:8000 (9)",
                ),
                console_row(25.2, "ModuleNotFoundError: No module named 'wrong_module'"),
                console_row(
                    25.4,
                    "[2026-11-21 08:00:25 +0000] [9] [ERROR] Reason: Worker failed to boot.",
                ),
            ],
        )
        .table(
            "platform",
            &[
                platform_row(26.0, "Container has finished running with exit code: 3."),
                platform_row(124.0, "Site started."),
            ],
        )
        .amend(|manifest| {
            manifest.phases[0].ended = Some(at(100.0));
            manifest.events = vec![
                event(10.0, EventKind::Deployment, 202),
                event(105.0, EventKind::CommandChanged, 200),
            ];
        })
}

/// The command was right from the start.
pub fn startup_control() -> Builder {
    let healthy: Vec<Sample> = (1..=3)
        .map(|index| {
            answered(
                index,
                "/health",
                20.0 + f64::from(index) * 10.0,
                200,
                0.02,
                20.0,
            )
        })
        .collect();
    startup_failed()
        .text("baseline/startup-command.txt", RIGHT)
        .samples("symptom", &healthy)
        .table(
            "http",
            &rows_of(
                &[
                    &healthy[..],
                    &[answered(1, "/health", 126.0, 200, 0.02, 5.0)],
                ]
                .concat(),
            ),
        )
        .table(
            "platform",
            &[
                platform_row(5.0, "Site started."),
                platform_row(24.0, "Site started."),
            ],
        )
        .without("trigger/samples-recovery.csv")
        .samples("recovery", &[answered(1, "/health", 126.0, 200, 0.02, 5.0)])
        .table(
            "console",
            &[console_row(
                25.0,
                "[INFO] Listening at: http://0.0.0.0:8000 (9)",
            )],
        )
        .amend(|manifest| manifest.variant = Some("control".to_owned()))
}

/// So many workers, by a formula, that the kernel kills one after another.
pub fn worker_formula(killed: u32) -> Builder {
    let (many, few) = (
        "gunicorn --workers=67 app:app",
        "gunicorn --workers=4 app:app",
    );
    let listening = console_row(20.0, "[INFO] Listening at: http://0.0.0.0:8000 (9)");
    let kills = (0..killed).flat_map(|number| {
        let (second, pid) = (21.0 + f64::from(number) * 0.1, 10 + number);
        [
            console_row(
                second,
                &format!("[ERROR] Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?"),
            ),
            console_row(
                second,
                &format!("[ERROR] Worker (pid:{pid}) was killed by the kernel, out of memory"),
            ),
        ]
    });
    let broken = [
        answered(1, "/health", 30.0, 502, 3.5, 20.0),
        answered(2, "/health", 40.0, 200, 3.5, 20.0),
    ];
    let recovery = [answered(1, "/health", 126.0, 200, 0.4, 20.0)];
    Builder::new("worker-formula")
        .text("baseline/startup-command.txt", many)
        .text("post/startup-command.txt", few)
        .samples("broken", &broken)
        .samples("recovery", &recovery)
        .json("post/diag-stats-21.json", stats(21, 0))
        .json("post/health.json", json!({"status": "healthy"}))
        .table("http", &rows_of(&[&broken[..], &recovery[..]].concat()))
        .table(
            "console",
            &[listening].into_iter().chain(kills).collect::<Vec<_>>(),
        )
        .table("platform", &[platform_row(124.0, "Site started.")])
}

fn config(connection: &str) -> Value {
    json!({
        "DB_CONNECTION_STRING": connection,
        "FEATURE_FLAG": "off",
        "WEBSITE_SLOT_NAME": "Production",
        "PROCESS_START_UTC": at(-600.0).to_string(),
    })
}

fn slots(matches: bool) -> Value {
    json!({
        "config_hash": "aa",
        "expected_vs_actual": {"matches": matches},
    })
}

fn swap(after: &str, sticky: bool) -> Builder {
    let probes: Vec<Sample> = (1..=30)
        .map(|index| {
            answered(
                index,
                "/config",
                20.0 + f64::from(index) * 4.0,
                200,
                0.02,
                10.0,
            )
        })
        .collect();
    Builder::new("slot-swap-drift")
        .json(
            "baseline/config-production.json",
            config("<redacted:11111111>"),
        )
        .json(
            "baseline/config-staging.json",
            config("<redacted:22222222>"),
        )
        .json("post/config-production.json", config(after))
        .json("post/config-staging.json", config("<redacted:11111111>"))
        .json(
            "post/diag-slots-production.json",
            slots(after == "<redacted:11111111>"),
        )
        .samples("swap", &probes)
        .table("http", &rows_of(&probes))
        .table(
            "console",
            &[console_row(30.0, "[INFO] Handling signal: winch")],
        )
        .table("platform", &[platform_row(62.0, "Site started.")])
        .amend(|manifest| {
            manifest.events = vec![event(60.0, EventKind::Swap, 200)];
            manifest.topology.settings = vec![Setting {
                name: "DB_CONNECTION_STRING".to_owned(),
                value: "<redacted:11111111>".to_owned(),
                slot: Some("production".to_owned()),
                sticky: Some(sticky),
                reference: None,
            }];
        })
}

pub fn slot_swap_drift() -> Builder {
    swap("<redacted:22222222>", false)
}

/// The setting is a slot setting, as it should be.
pub fn slot_swap_fixed() -> Builder {
    swap("<redacted:11111111>", true).amend(|manifest| manifest.variant = Some("sticky".to_owned()))
}

/// Both slots have the same value.
pub fn slot_swap_control() -> Builder {
    swap("<redacted:11111111>", false)
        .amend(|manifest| manifest.variant = Some("control".to_owned()))
}

/// Every symptom.
pub fn symptoms() -> [Builder; 4] {
    [
        memory_pressure(),
        intermittent_5xx(),
        startup_failed(),
        slot_swap_drift(),
    ]
}
