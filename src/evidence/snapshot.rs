//! What the target's diagnostic routes answered, as typed values.
//!
//! The answers carry numbers as texts (`"523896 kB"`, `"some avg10=0.02 ..."`), since that is what
//! the published applications answer; a value that is absent or unreadable is `None`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::criteria::SnapshotKind;
use super::manifest::PhaseKind;

/// One snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its file.
    pub file: String,
    /// The stage of the run that it belongs to.
    pub at: PhaseKind,
    /// The slot that answered, where there are several.
    pub slot: Option<String>,
    /// When it was answered, where the manifest says so.
    pub taken: Option<Timestamp>,
    /// What was answered.
    pub body: SnapshotBody,
}

impl Snapshot {
    /// The route.
    pub fn kind(&self) -> SnapshotKind {
        match self.body {
            SnapshotBody::Stats(_) => SnapshotKind::Stats,
            SnapshotBody::Proc(_) => SnapshotKind::Proc,
            SnapshotBody::Env(_) => SnapshotKind::Env,
            SnapshotBody::Workers(_) => SnapshotKind::Workers,
            SnapshotBody::Slots(_) => SnapshotKind::Slots,
            SnapshotBody::Config(_) => SnapshotKind::Config,
            SnapshotBody::Health(_) => SnapshotKind::Health,
            SnapshotBody::Ready(_) => SnapshotKind::Ready,
        }
    }
}

/// An answer, by route.
#[derive(Debug, Clone, PartialEq)]
pub enum SnapshotBody {
    /// /diag/stats
    Stats(WorkerStats),
    /// /diag/proc
    Proc(Box<ProcNumbers>),
    /// /diag/env
    Env(BTreeMap<String, String>),
    /// /diag/workers
    Workers(PoolReport),
    /// /diag/slots
    Slots(SlotsReport),
    /// /config
    Config(BTreeMap<String, String>),
    /// /health: the status in words, `healthy`.
    Health(String),
    /// /ready: its checks by name.
    Ready(BTreeMap<String, ReadinessCheck>),
}

/// One check of /ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReadinessCheck {
    /// Whether it passed.
    pub ok: bool,
    /// The word for what was wrong.
    #[serde(default)]
    pub error: Option<String>,
}

/// One worker's own counters.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct WorkerStats {
    /// Process id.
    pub pid: u32,
    /// When the process started.
    #[serde(default)]
    pub process_start_time: Option<Timestamp>,
    /// Age of the process in seconds.
    #[serde(default)]
    pub uptime_seconds: Option<f64>,
    /// Requests that it took.
    #[serde(default)]
    pub request_count: Option<u64>,
    /// Leaked blocks that it holds.
    #[serde(default)]
    pub leak_block_count: Option<u64>,
    /// Calls of other services, where it makes any.
    #[serde(default)]
    pub outbound: Option<OutboundCounters>,
}

/// What one worker counted of its calls of other services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct OutboundCounters {
    /// Calls, retries among them.
    pub calls: u64,
    /// Connections that were opened for them.
    #[serde(default)]
    pub connections_opened: u64,
}

/// The numbers of /diag/proc that a verdict reads. Memory in kB, counters in pages or events since
/// boot, pressure in percent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcNumbers {
    /// `MemTotal`
    pub memory_total: Option<f64>,
    /// `MemAvailable`
    pub memory_available: Option<f64>,
    /// `SwapFree`
    pub swap_free: Option<f64>,
    /// `SwapTotal`
    pub swap_total: Option<f64>,
    /// `pgscan_kswapd` + `pgscan_direct`
    pub pages_scanned: Option<f64>,
    /// Every `allocstall_*`
    pub allocation_stalls: Option<f64>,
    /// `pswpin` + `pswpout`
    pub pages_swapped: Option<f64>,
    /// `oom_kill` of /proc/vmstat
    pub oom_kills: Option<f64>,
    /// `some avg10` of /proc/pressure/memory
    pub memory_pressure: Option<f64>,
    /// `some avg10` of /proc/pressure/cpu
    pub cpu_pressure: Option<f64>,
    /// The cgroup that limits the target, where there is one.
    pub cgroup: Option<CgroupNumbers>,
}

/// The cgroup's own numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CgroupNumbers {
    /// Limit in kB; `None` if there is none.
    pub limit: Option<f64>,
    /// Usage in kB.
    pub usage: Option<f64>,
    /// Swap usage in kB.
    pub swap: Option<f64>,
    /// What it may still swap, in kB; `None` without a limit.
    pub swap_left: Option<f64>,
    /// Refaults of pages that had been reclaimed, and pages scanned, as far as counted.
    pub refaults: Option<f64>,
    /// How often the limit was hit: `failcnt`, or `max` of the events.
    pub limit_hits: Option<f64>,
    /// Processes killed for memory.
    pub oom_kills: Option<f64>,
    /// `some avg10` of the cgroup's own memory pressure.
    pub memory_pressure: Option<f64>,
}

/// The pool at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolReport {
    /// Each worker: pid, and whether it was busy.
    pub workers: Vec<WorkerActivity>,
    /// Connections that waited for a worker, where that could be counted.
    pub waiting: Option<u64>,
    /// Requests that one worker serves at the same time, where it says so.
    pub requests_at_once: Option<u64>,
}

impl PoolReport {
    /// Whether no worker could have taken one request more. One that is busy counts as full where
    /// nothing tells how much it can hold.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let full = |worker: &WorkerActivity| match (worker.in_flight, self.requests_at_once) {
            (Some(in_flight), Some(most)) => in_flight >= most,
            _ => true,
        };
        self.workers
            .iter()
            .all(|worker| worker.busy && full(worker))
    }
}

/// One worker at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerActivity {
    /// Process id.
    pub pid: u32,
    /// True if it held a request.
    pub busy: bool,
    /// What it was busy with, where that is known.
    pub request: Option<String>,
    /// Seconds since it began.
    pub since_seconds: Option<f64>,
    /// Requests that it held, where that is known.
    pub in_flight: Option<u64>,
}

/// What a slot says of its own configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotsReport {
    /// `expected_vs_actual.matches`
    pub matches: Option<bool>,
    /// `config_hash`
    pub config_hash: Option<String>,
}

/// A body that is no answer of its route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not JSON: an error page or a message.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, and not what the route answers.
    #[error("lacks `{0}`")]
    Lacks(&'static str),
}

/// Read the body of one route's answer.
///
/// # Errors
/// If it is not JSON or lacks what the route always answers.
pub fn parse(kind: SnapshotKind, text: &[u8]) -> Result<SnapshotBody, SnapshotError> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| SnapshotError::NotJson(error.to_string()))?;
    Ok(match kind {
        SnapshotKind::Stats => {
            let stats = serde_json::from_value(value).map_err(|_| SnapshotError::Lacks("pid"))?;
            SnapshotBody::Stats(stats)
        }
        SnapshotKind::Proc => SnapshotBody::Proc(Box::new(proc_numbers(&value)?)),
        SnapshotKind::Env => SnapshotBody::Env(text_map(&value)?),
        SnapshotKind::Config => SnapshotBody::Config(text_map(&value)?),
        SnapshotKind::Workers => SnapshotBody::Workers(pool_report(&value)?),
        SnapshotKind::Slots => SnapshotBody::Slots(slots_report(&value)?),
        SnapshotKind::Health => {
            let status = value.get("status").and_then(Value::as_str);
            SnapshotBody::Health(status.ok_or(SnapshotError::Lacks("status"))?.to_owned())
        }
        SnapshotKind::Ready => {
            let checks = value.get("checks").cloned().unwrap_or(Value::Null);
            let checks =
                serde_json::from_value(checks).map_err(|_| SnapshotError::Lacks("checks"))?;
            SnapshotBody::Ready(checks)
        }
    })
}

fn text_map(value: &Value) -> Result<BTreeMap<String, String>, SnapshotError> {
    let object = value.as_object().ok_or(SnapshotError::Lacks("an object"))?;
    let texts = object.iter().map(|(key, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (key.clone(), text)
    });
    Ok(texts.collect())
}

/// A number, or a text that begins with one: `523896 kB`.
fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.split_whitespace().next()?.parse().ok(),
        _ => None,
    }
}

/// `some avg10=0.02 avg60=...`, alone or among the lines of the file.
fn pressure_some(value: Option<&Value>) -> Option<f64> {
    let line = match value? {
        Value::String(text) => text.as_str(),
        Value::Object(lines) => match lines.get("some")? {
            Value::String(text) => text.as_str(),
            other => return number(other.get("avg10")),
        },
        _ => return None,
    };
    let some = line.lines().find(|line| line.starts_with("some"))?;
    let average = some
        .split_whitespace()
        .find_map(|part| part.strip_prefix("avg10="))?;
    average.parse().ok()
}

/// The sum of those that are there; `None` if none is.
fn sum(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values
        .into_iter()
        .flatten()
        .fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn proc_numbers(value: &Value) -> Result<ProcNumbers, SnapshotError> {
    let object = value.as_object().ok_or(SnapshotError::Lacks("an object"))?;
    let memory = object
        .get("meminfo")
        .ok_or(SnapshotError::Lacks("meminfo"))?;
    let counters = object.get("vmstat").unwrap_or(&Value::Null);
    let stalls = counters
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with("allocstall"))
        .map(|(_, value)| number(Some(value)));
    Ok(ProcNumbers {
        memory_total: number(memory.get("MemTotal")),
        memory_available: number(memory.get("MemAvailable")),
        swap_free: number(memory.get("SwapFree")),
        swap_total: number(memory.get("SwapTotal")),
        pages_scanned: sum(
            ["pgscan_kswapd", "pgscan_direct"].map(|name| number(counters.get(name)))
        ),
        allocation_stalls: sum(stalls),
        pages_swapped: sum(["pswpin", "pswpout"].map(|name| number(counters.get(name)))),
        oom_kills: number(counters.get("oom_kill").or(object.get("oom_kills"))),
        memory_pressure: pressure_some(object.get("pressure_memory")),
        cpu_pressure: pressure_some(object.get("cpu_pressure").or(object.get("pressure_cpu"))),
        cgroup: object.get("cgroup").and_then(cgroup_numbers),
    })
}

/// The first of these keys that has a number, in kB: `_kb` keys as they are, `_bytes` keys divided.
fn kilobytes(object: &Value, name: &str) -> Option<f64> {
    if let Some(value) = number(object.get(format!("{name}_kb"))) {
        return Some(value);
    }
    number(object.get(format!("{name}_bytes"))).map(|bytes| bytes / 1024.0)
}

fn cgroup_numbers(value: &Value) -> Option<CgroupNumbers> {
    value.as_object()?;
    let events = value.get("events").unwrap_or(&Value::Null);
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| number(value.get(name)).or_else(|| number(events.get(name))))
    };
    let limit = kilobytes(value, "limit");
    let swap = kilobytes(value, "swap_usage").or_else(|| kilobytes(value, "swap"));
    // Version 1 limits memory and swap together.
    let swap_limit =
        kilobytes(value, "swap_limit").map(|both| match number(value.get("version")) {
            Some(1.0) => both - limit.unwrap_or(0.0),
            _ => both,
        });
    Some(CgroupNumbers {
        limit,
        usage: kilobytes(value, "usage"),
        swap,
        swap_left: swap_limit
            .zip(swap)
            .map(|(limit, swap)| (limit - swap).max(0.0)),
        refaults: sum([
            first(&["refaults", "workingset_refault_anon", "workingset_refault"]),
            first(&["pgscan", "pgscan_direct"]),
        ]),
        limit_hits: first(&["failcnt", "limit_hits", "max"]),
        oom_kills: first(&["oom_kill", "oom_kills"]),
        memory_pressure: pressure_some(value.get("pressure_memory").or(value.get("pressure"))),
    })
}

fn pool_report(value: &Value) -> Result<PoolReport, SnapshotError> {
    let workers = value
        .get("workers")
        .and_then(Value::as_array)
        .ok_or(SnapshotError::Lacks("workers"))?;
    let workers = workers.iter().filter_map(|worker| {
        let state = worker.get("state").and_then(Value::as_str)?;
        let busy_with = worker.get("busy_with").unwrap_or(&Value::Null);
        Some(WorkerActivity {
            pid: u32::try_from(worker.get("pid")?.as_u64()?).ok()?,
            busy: state == "busy",
            request: busy_with
                .get("request")
                .and_then(Value::as_str)
                .map(str::to_owned),
            since_seconds: number(busy_with.get("since_seconds")),
            in_flight: busy_with.get("in_flight").and_then(Value::as_u64),
        })
    });
    let queues = value.get("accept_queues").and_then(Value::as_array);
    let waiting =
        queues.and_then(|queues| sum(queues.iter().map(|queue| number(queue.get("waiting")))));
    Ok(PoolReport {
        workers: workers.collect(),
        waiting: waiting.map(|count| count as u64),
        requests_at_once: value.get("requests_at_once").and_then(Value::as_u64),
    })
}

fn slots_report(value: &Value) -> Result<SlotsReport, SnapshotError> {
    let compared = value
        .get("expected_vs_actual")
        .ok_or(SnapshotError::Lacks("expected_vs_actual"))?;
    Ok(SlotsReport {
        matches: compared.get("matches").and_then(Value::as_bool),
        config_hash: value
            .get("config_hash")
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
}
