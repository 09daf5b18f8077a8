//! The shape of a scenario: what every one of them is made of.
//!
//! All of it is data in the program's own memory, so that a table, a page of documentation, a
//! trigger, a rehearsal and a verdict read the same words.

use serde::Serialize;

use crate::evidence::criteria::ScenarioRules;
use crate::evidence::manifest::PhaseKind;

/// One incident that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scenario {
    /// Title for a page.
    pub title: &'static str,
    /// The incident in two sentences, as the person on call meets it.
    pub incident: &'static str,
    /// The lab or the playbook's hypothesis that it plays.
    pub plays: &'static str,
    /// The target.
    pub topology: Topology,
    /// Whether the target is expected to be down in the beginning.
    pub starts_down: bool,
    /// What is done, in order.
    pub steps: &'static [Step],
    /// What the published run showed, in whole sentences; empty where none is published.
    pub recorded: &'static [&'static str],
    /// Proof, disproof and rivals.
    pub rules: &'static ScenarioRules,
    /// Conclusions that lie near and are wrong, with the answer to each.
    pub misreadings: &'static [Misreading],
    /// Other settings under which the incident takes another course.
    pub variants: &'static [Variation],
    /// What makes the symptom go away.
    pub fixes: &'static [Variation],
    /// The same run without the cause: it must come out as not reproduced.
    pub control: Variation,
    /// What the run needs.
    pub needs: Needs,
    /// From what the run's outcome can be estimated beforehand.
    pub estimate: Estimate,
    /// The smallest factor of its durations at which a rehearsal is still the incident.
    pub quickest_pace: f64,
}

impl Scenario {
    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.rules.name
    }

    /// Other names.
    #[must_use]
    pub const fn aliases(&self) -> &'static [&'static str] {
        self.rules.aliases
    }

    /// The variant, fix or control of that name.
    #[must_use]
    pub fn variation(&self, name: &str) -> Option<&'static Variation>
    where
        Self: 'static,
    {
        self.fixes
            .iter()
            .chain(self.variants)
            .find(|variation| variation.name == name)
    }

    /// Whether it says something only where memory is bounded.
    #[must_use]
    pub const fn needs_box(&self) -> bool {
        matches!(self.estimate, Estimate::Leak { .. }) || self.topology.around.memory.is_some()
    }
}

/// The target of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Topology {
    /// The plan that it runs on.
    pub plan: Plan,
    /// The deployment slots, production first.
    pub slots: &'static [&'static str],
    /// Application settings.
    pub settings: &'static [Setting],
    /// The startup command.
    pub startup_command: &'static str,
    /// Worker processes.
    pub workers: u32,
    /// The worker class.
    pub worker_class: WorkerClass,
    /// Threads of each worker; 1 for `sync`.
    pub threads: u32,
    /// The arbiter's `--timeout`, in seconds.
    pub timeout_seconds: u32,
    /// What the target needs around it, beside the platform.
    pub around: Around,
}

/// What a target needs around it, beside the platform.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Around {
    /// A service (`labrat downstream`) whose address every slot gets as `API_BASE_URL`.
    pub downstream: bool,
    /// An orchestrator that probes the container, in place of App Service's own health check.
    pub probes: Option<Probes>,
    /// Words of commands of labrat that are run in the folder of every slot before it starts.
    pub prepared: &'static [&'static [&'static str]],
    /// So little memory, where that is the matter: a rehearsal needs a memory box.
    pub memory: Option<Memory>,
    /// A PostgreSQL that the rehearsal starts for itself.
    pub database_server: Option<DatabaseServer>,
}

/// A PostgreSQL with one database, which is migrated, and with roles that have a password each.
///
/// A setting names it by `postgres://ROLE:`[`DATABASE_SERVER`]`/DATABASE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DatabaseServer {
    /// The database.
    pub database: &'static str,
    /// The role that owns it.
    pub owner: &'static str,
    /// Roles that the server knows and does not let in, whatever their password.
    pub refused: &'static [&'static str],
}

/// Stands in a setting for the password and the address that a [`DatabaseServer`] has once it runs.
pub const DATABASE_SERVER: &str = "PASSWORD@SERVER";

/// What memory a target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// What is left to it at rest, in MB.
    pub room_megabytes: u64,
    /// Its swap, in MB.
    pub swap_megabytes: u64,
}

impl Around {
    /// Nothing.
    pub const NOTHING: Self = Self {
        downstream: false,
        probes: None,
        prepared: &[],
        memory: None,
        database_server: None,
    };
    /// A service that the application calls.
    pub const DOWNSTREAM: Self = Self {
        downstream: true,
        ..Self::NOTHING
    };
}

/// How an orchestrator probes a container: one that is not ready gets no requests but those for
/// its liveness path, one that is not alive is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Probes {
    /// Path of the readiness probe.
    pub readiness_path: &'static str,
    /// Port of the readiness probe; `None` is the site's own.
    pub readiness_port: Option<u16>,
    /// Path of the liveness probe.
    pub liveness_path: &'static str,
    /// Port of the liveness probe; `None` is the site's own.
    pub liveness_port: Option<u16>,
    /// Between two probes, in seconds, and how long an answer may take.
    pub period_seconds: u32,
    /// Failures in a row until the orchestrator acts.
    pub failure_threshold: u32,
}

impl Probes {
    /// `/ready` and `/health` on the site's own port, every ten seconds, three failures in a row.
    pub const USUAL: Self = Self {
        readiness_path: "/ready",
        readiness_port: None,
        liveness_path: "/health",
        liveness_port: None,
        period_seconds: 10,
        failure_threshold: 3,
    };
}

/// An App Service plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Plan {
    /// Basic, one core, 1.75 GB, no slots.
    B1,
    /// Standard, one core, 1.75 GB, slots.
    S1,
}

impl Plan {
    /// The plan's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::B1 => "B1",
            Self::S1 => "S1",
        }
    }
}

/// How a worker takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerClass {
    /// One request at a time.
    Sync,
    /// As many as it has threads.
    Gthread,
    /// As many as come.
    Async,
}

impl WorkerClass {
    /// The word after `--worker-class`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Gthread => "gthread",
            Self::Async => "async",
        }
    }
}

/// One application setting of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The slot that has it before anything is done.
    pub slot: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Whether it stays with its slot in a swap.
    pub sticky: bool,
}

impl Setting {
    /// A setting of production that goes along in a swap.
    #[must_use]
    pub const fn production(name: &'static str, value: &'static str) -> Self {
        Self {
            slot: "production",
            name,
            value,
            sticky: false,
        }
    }

    /// Whether the value is a duration of the application, in seconds, which a rehearsal
    /// multiplies by its pace. The platform does so with its own.
    #[must_use]
    pub fn is_duration(&self) -> bool {
        self.name.starts_with("LAB_") && self.name.ends_with("_SECONDS")
    }
}

/// One step of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Take snapshots of the target.
    Capture {
        /// The moment that they stand for.
        moment: PhaseKind,
    },
    /// Send load.
    Load {
        /// The phase's name.
        name: &'static str,
        /// What the phase is for.
        kind: PhaseKind,
        /// Groups of requests that run at the same time.
        groups: &'static [Group],
    },
    /// Have the platform do something, and wait until it is done.
    Act {
        /// The phase's name.
        name: &'static str,
        /// What is to be done.
        action: Action,
        /// Requests that go on while it is done, if any; as many as there is time for.
        meanwhile: Option<Group>,
        /// How to tell that it is done.
        done: Done,
    },
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Group {
    /// The path and query; GET.
    pub path: &'static str,
    /// Exactly how many; the most, where `until_status` or the end of an action ends them.
    pub count: u32,
    /// How many at a time; 1 is one after another.
    pub concurrency: u32,
    /// How long a client waits before it gives up, in seconds.
    pub limit_seconds: f64,
    /// How long after the phase's beginning the first is sent, in seconds.
    pub delay_seconds: f64,
    /// How long a client waits between one request and the next, in seconds.
    pub interval_seconds: f64,
    /// The status that ends the group early.
    pub until_status: Option<u16>,
}

impl Group {
    /// `count` requests for `path`, `concurrency` at a time.
    #[must_use]
    pub const fn new(path: &'static str, count: u32, concurrency: u32, limit_seconds: f64) -> Self {
        Self {
            path,
            count,
            concurrency,
            limit_seconds,
            delay_seconds: 0.0,
            interval_seconds: 0.0,
            until_status: None,
        }
    }

    /// The same, with so many seconds between one request and the next.
    #[must_use]
    pub const fn every(self, interval_seconds: f64) -> Self {
        Self {
            interval_seconds,
            ..self
        }
    }

    /// The same, with the first so many seconds after the phase's beginning.
    #[must_use]
    pub const fn after(self, delay_seconds: f64) -> Self {
        Self {
            delay_seconds,
            ..self
        }
    }

    /// The same, until an answer has this status.
    #[must_use]
    pub const fn until(self, status: u16) -> Self {
        Self {
            until_status: Some(status),
            ..self
        }
    }
}

/// Something that only the platform, or whoever commands it, can do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Change the startup command; the site restarts.
    SetStartupCommand {
        /// The new command.
        command: &'static str,
    },
    /// Swap two slots.
    Swap {
        /// The slot that is swapped in.
        source: &'static str,
        /// The slot that it is swapped into.
        target: &'static str,
    },
    /// Change one setting of one slot; the slot restarts.
    SetSetting {
        /// The setting.
        setting: Setting,
    },
    /// Restart a slot.
    Restart {
        /// The slot.
        slot: &'static str,
    },
    /// Have the service that the application calls answer so, from now on.
    TurnDownstream {
        /// How long every answer takes, in seconds.
        latency_seconds: f64,
        /// Which share of the answers is 503, from 0 to 1.
        fail_share: f64,
    },
}

/// How to tell, from outside, that an action is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum Done {
    /// Whoever did it says so.
    Confirmed,
    /// Production's process start time has changed.
    ProcessReplaced {
        /// How long to wait for it at most, in seconds.
        limit_seconds: f64,
    },
}

/// A conclusion that lies near and is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Misreading {
    /// What one would say.
    pub claim: &'static str,
    /// Why it is wrong.
    pub answer: &'static str,
}

/// A named change of the target or of the load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Variation {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub what: &'static str,
    /// The changes.
    pub changes: &'static [Change],
}

/// One change of the target or of the load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Another startup command from the beginning.
    StartupCommand {
        /// The command.
        command: &'static str,
        /// Its worker processes.
        workers: u32,
        /// Its worker class.
        worker_class: WorkerClass,
        /// Its threads.
        threads: u32,
        /// Its `--timeout`, in seconds.
        timeout_seconds: u32,
    },
    /// Other settings instead of those of the same slot and name.
    Settings {
        /// The settings.
        settings: &'static [Setting],
    },
    /// Other probes of the orchestrator.
    Probes {
        /// The probes.
        probes: Probes,
    },
    /// A PostgreSQL beside the target.
    DatabaseServer {
        /// What is in it.
        server: DatabaseServer,
    },
    /// A larger plan.
    Plan {
        /// Its name, for instance `P1v3`.
        name: &'static str,
    },
    /// No request is sent for this path.
    LeaveOut {
        /// The path.
        path: &'static str,
    },
    /// The step of that name is not done.
    LeaveOutStep {
        /// The step.
        name: &'static str,
    },
    /// Another count of requests for this path.
    Count {
        /// The path.
        path: &'static str,
        /// How many.
        count: u32,
    },
    /// Requests for this path end with the first that is answered so.
    Until {
        /// The path.
        path: &'static str,
        /// The status.
        status: u16,
    },
    /// Other swap space; only a memory box can be given any.
    SwapSpace {
        /// In MB.
        megabytes: u64,
    },
    /// A change of the program's code that labrat cannot make for the person: only described.
    Described {
        /// What would be changed.
        how: &'static str,
    },
}

impl Change {
    /// The command of so many sync workers.
    #[must_use]
    pub const fn sync_workers(command: &'static str, workers: u32, timeout_seconds: u32) -> Self {
        Self::StartupCommand {
            command,
            workers,
            worker_class: WorkerClass::Sync,
            threads: 1,
            timeout_seconds,
        }
    }
}

/// What a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The least plan on which it can be played in Azure; `None` where it is local only.
    pub plan: Option<Plan>,
    /// What else, in words; empty where nothing.
    pub also: &'static str,
}

/// From what the outcome can be estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum Estimate {
    /// Slow requests in front of quick ones, in one queue.
    Saturation {
        /// The path that holds workers.
        slow: &'static str,
        /// Its shortest service time in seconds.
        shortest_seconds: f64,
        /// Its longest service time in seconds.
        longest_seconds: f64,
        /// The path that costs nothing.
        fast: &'static str,
    },
    /// Memory that stays.
    Leak {
        /// The path that leaks.
        leak: &'static str,
        /// What one request retains, in kB.
        block_kilobytes: u32,
        /// The path that needs memory for a while.
        heavy: &'static str,
        /// What one such request needs at its peak, in kB.
        heavy_kilobytes: u32,
    },
    /// There is nothing to reckon.
    None,
}
