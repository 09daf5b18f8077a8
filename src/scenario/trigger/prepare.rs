//! Everything that happens before the first request of the load.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::capture::pool_pids;
use super::error::TriggerError;
use super::found::Expectation;
use super::preflight::{State, check_host, look};
use crate::evidence::manifest::{
    Clock, Completion, Manifest, MemoryBox, SCHEMA_VERSION, Sampler, Setting, Topology,
};
use crate::evidence::record::about_this_machine;
use crate::load::{Client, Target};
use crate::scenario::apply::{self, Variant};
use crate::scenario::estimate::{Leak, Saturation};
use crate::scenario::shape::{Estimate, Group, Scenario, Step, WorkerClass};

/// The header that carries the target's key.
const KEY_HEADER: &str = "x-lab-key";
/// Routes that no key locks.
const FAULT_FREE: [&str; 3] = ["/health", "/fast", "/config"];
/// What the load calls itself.
const LOAD_AGENT: &str = concat!("labrat/", env!("CARGO_PKG_VERSION"));
/// What snapshots call themselves, so that a reader of the log tables can tell them apart.
const OBSERVER_AGENT: &str = concat!("labrat/", env!("CARGO_PKG_VERSION"), " (observer)");
/// How long a question before the load waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What nobody can see from outside and somebody may tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// The startup command before the fix.
    pub command_before: Option<String>,
    /// The startup command after the fix.
    pub command_after: Option<String>,
    /// Settings by name, and whether each is a slot setting.
    pub sticky: Vec<(String, bool)>,
    /// The memory box that the target runs in.
    pub memory_box: Option<MemoryBox>,
    /// After how many seconds the front end cuts a request, where that is not the platform's 240.
    pub front_end_limit_seconds: Option<f64>,
}

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Order {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// Which variant of it.
    pub variant: Variant,
    /// The slots' targets by name, production first.
    pub slots: Vec<(&'static str, Target)>,
    /// The factor of every duration of the client side.
    pub pace: f64,
    /// The target's key.
    pub key: Option<String>,
    /// What somebody told.
    pub declared: Declared,
    /// Whether a host that is not this machine may be loaded.
    pub mine: bool,
    /// The command line that plays it again, without secrets.
    pub command_line: Option<String>,
}

/// A run that is ready to be played.
#[derive(Debug)]
pub struct Run {
    pub(super) order: Order,
    pub(super) load_client: Client,
    pub(super) observer_client: Client,
    pub(super) state: State,
    pub(super) expectation: Expectation,
    workers: Option<u32>,
    on_this_machine: bool,
}

/// Look at the target and reckon. No load is sent.
///
/// # Errors
/// When the target cannot be reached, is none, is not this machine's and nobody said that it may
/// be loaded, or when a slot's URL is missing.
pub async fn prepare(order: Order) -> Result<Run, TriggerError> {
    for slot in &order.scenario.topology.slots {
        if !order.slots.iter().any(|(given, _)| given == slot) {
            return Err(TriggerError::NoSlotUrl {
                scenario: order.scenario.name(),
                slot,
            });
        }
    }
    let load_client = client(LOAD_AGENT, order.key.as_deref())?;
    let observer_client = client(OBSERVER_AGENT, order.key.as_deref())?;
    let mut on_this_machine = true;
    for (_, target) in &order.slots {
        on_this_machine &= check_host(target, order.mine).await?;
    }
    let mut state = State::Up;
    for (_, target) in &order.slots {
        let found = look(
            &observer_client,
            target,
            order.scenario.starts_down,
            order.pace,
        )
        .await?;
        if state == State::Up {
            state = found;
        }
    }
    let mut run = Run {
        order,
        load_client,
        observer_client,
        state,
        expectation: Expectation::None,
        workers: None,
        on_this_machine,
    };
    if run.state == State::Up {
        run.check_lock().await?;
        run.reckon().await;
    }
    Ok(run)
}

fn client(agent: &'static str, key: Option<&str>) -> Result<Client, TriggerError> {
    let client = Client::new(agent)?;
    Ok(match key {
        Some(key) => client.with_secret_header(KEY_HEADER, key)?,
        None => client,
    })
}

impl Run {
    /// Whether the target answers, and if not, how.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What is expected, in sentences.
    #[must_use]
    pub fn expectation(&self) -> Vec<String> {
        self.expectation.sentences()
    }

    /// The manifest with which the bundle begins.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let order = &self.order;
        Manifest {
            schema_version: SCHEMA_VERSION,
            scenario: order.scenario.name().to_owned(),
            variant: Some(order.variant.name().to_owned()),
            labrat_version: env!("CARGO_PKG_VERSION").to_owned(),
            command: order.command_line.clone(),
            target: order.slots.first().map(|(_, target)| target.to_string()),
            clock: Clock {
                started: Timestamp::now(),
                ended: None,
                wall_minus_monotonic_seconds: None,
            },
            machine: about_this_machine(self.on_this_machine),
            topology: self.known_topology(),
            phases: Vec::new(),
            events: Vec::new(),
            captures: Vec::new(),
            completion: Completion::Unfinished,
            sampler: Sampler::default(),
            estimate: self.expectation(),
            pace: order.pace,
            files: Vec::new(),
        }
    }

    /// Only what was seen or told: what the catalogue supposes is not evidence.
    fn known_topology(&self) -> Topology {
        let order = &self.order;
        let settings = order.declared.sticky.iter().map(|(name, sticky)| Setting {
            name: name.clone(),
            value: "<redacted>".to_owned(),
            slot: order.slots.first().map(|(slot, _)| (*slot).to_owned()),
            sticky: Some(*sticky),
            reference: None,
        });
        Topology {
            workers: self.workers,
            slots: order
                .slots
                .iter()
                .map(|(slot, _)| (*slot).to_owned())
                .collect(),
            startup_command: order.declared.command_before.clone(),
            settings: settings.collect(),
            plan: order.declared.memory_box.as_ref().map(MemoryBox::words),
            memory_box: order.declared.memory_box.clone(),
            front_end_limit_seconds: order.declared.front_end_limit_seconds,
            ..Topology::default()
        }
    }

    /// A load group of the catalogue, as this variant has it.
    fn group(&self, path: &str) -> Option<Group> {
        let order = &self.order;
        order.scenario.steps.iter().find_map(|step| match step {
            Step::Load { name, groups, .. } => {
                apply::groups(order.scenario, order.variant, name, groups)
                    .into_iter()
                    .find(|group| group.path == path)
            }
            _ => None,
        })
    }

    async fn reckon(&mut self) {
        let pool = self.ask("/diag/workers").await;
        let environment = self.ask("/diag/env").await;
        self.workers = pool
            .as_ref()
            .and_then(|pool| u32::try_from(pool_pids(pool.to_string().as_bytes()).len()).ok())
            .filter(|count| *count > 0);
        let setting = |name: &str| number(environment.as_ref()?.get(name)?);
        self.expectation = match &self.order.scenario.estimate {
            Estimate::Saturation {
                slow,
                shortest_seconds,
                longest_seconds,
                fast,
            } => {
                let shortest = setting("LAB_SLOW_MIN_SECONDS").unwrap_or(*shortest_seconds);
                let longest = setting("LAB_SLOW_MAX_SECONDS").unwrap_or(*longest_seconds);
                self.saturation(slow, fast, shortest, longest)
            }
            Estimate::Leak {
                leak,
                block_kilobytes,
                heavy,
                heavy_kilobytes,
            } => {
                let processes = self.ask("/diag/proc").await;
                let model = Leak {
                    workers: self.supposed_workers(),
                    requests: self.group(leak).map_or(0, |group| group.count),
                    block_kilobytes: *block_kilobytes,
                    most_blocks: setting("LAB_LEAK_MAX_BLOCKS").map(rounded),
                    heavy_at_a_time: self.group(heavy).map_or(0, |group| group.concurrency),
                    heavy_kilobytes: *heavy_kilobytes,
                    available_kilobytes: processes.as_ref().and_then(available),
                };
                Expectation::Leak { leak, model }
            }
            Estimate::None => Expectation::None,
        };
    }

    /// A locked target would answer the whole load with 403. It tells that it has a key, and what
    /// is asked here does nothing even where the key fits: the parameter is out of bounds.
    async fn check_lock(&self) -> Result<(), TriggerError> {
        let Some((_, target)) = self.order.slots.first() else {
            return Ok(());
        };
        let needs_key = self.order.scenario.steps.iter().any(|step| match step {
            Step::Load { groups, .. } => groups
                .iter()
                .any(|group| !FAULT_FREE.contains(&group.path.as_str())),
            _ => false,
        });
        let environment = self.ask("/diag/env").await;
        let has_key = environment.is_some_and(|environment| {
            let key = environment.get("LAB_KEY").and_then(Value::as_str);
            key.is_some_and(|key| !key.is_empty() && key != "<unset>")
        });
        if !(needs_key && has_key) {
            return Ok(());
        }
        let exchange = self
            .observer_client
            .send(target, Method::GET, "/slow?seconds=-1", PATIENCE)
            .await;
        match exchange.result {
            Ok(answer) if answer.status == 403 => Err(TriggerError::Locked {
                url: target.to_string(),
                why: match self.order.key {
                    Some(_) => "the key that was given does not fit",
                    None => "no key was given",
                },
            }),
            _ => Ok(()),
        }
    }

    fn supposed_workers(&self) -> u32 {
        let (topology, _) = apply::topology(self.order.scenario, self.order.variant);
        self.workers.unwrap_or(topology.workers)
    }

    fn saturation(
        &self,
        slow: &'static str,
        fast: &'static str,
        shortest_seconds: f64,
        longest_seconds: f64,
    ) -> Expectation {
        let (topology, _) = apply::topology(self.order.scenario, self.order.variant);
        let workers = self.supposed_workers();
        let (slow_group, fast_group) = (self.group(slow), self.group(fast));
        let limit = |group: &Option<Group>| {
            group.as_ref().map_or(1.0, |group| group.limit_seconds) * self.order.pace
        };
        let sync = topology.worker_class == WorkerClass::Sync;
        let model = Saturation {
            lanes: match topology.worker_class {
                WorkerClass::Sync => Some(workers),
                WorkerClass::Gthread => Some(workers * topology.threads),
                WorkerClass::Async => None,
            },
            workers,
            shortest_seconds,
            longest_seconds,
            slow_clients: slow_group.as_ref().map_or(0, |group| group.count),
            slow_limit_seconds: limit(&slow_group),
            fast_requests: fast_group.as_ref().map_or(0, |group| group.count),
            fast_limit_seconds: limit(&fast_group),
            worker_timeout_seconds: sync.then(|| f64::from(topology.timeout_seconds)),
        };
        Expectation::Saturation { slow, fast, model }
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        let (_, target) = self.order.slots.first()?;
        let exchange = self
            .observer_client
            .send(target, Method::GET, path, PATIENCE)
            .await;
        let answer = exchange.result.ok().filter(|answer| answer.status == 200)?;
        serde_json::from_slice(&answer.body).ok()
    }
}

/// A number, or a text that is one.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    number.is_finite().then_some(number)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of u32 before"
)]
fn rounded(value: f64) -> u32 {
    value.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// `MemAvailable` of /diag/proc, in kB: a text such as `"523896 kB"` in the labs' format; or what
/// a cgroup leaves, where the answer tells of one.
fn available(processes: &Value) -> Option<u64> {
    let value = processes.get("meminfo")?.get("MemAvailable")?;
    let of_machine = match value {
        Value::String(text) => text.split_whitespace().next()?.parse().ok(),
        other => other.as_u64(),
    }?;
    let effective = processes.get("effective_available");
    let effective = effective.and_then(|effective| effective.get("bytes")?.as_u64());
    Some(effective.map_or(of_machine, |bytes| of_machine.min(bytes / 1024)))
}
