//! The shape of a scenario: what every one of them is made of.
//!
//! All of it is data in the program's own memory, so that a table, a page of documentation, a
//! trigger, a rehearsal and a verdict read the same words.

mod step;
mod topology;

use serde::Serialize;

use crate::evidence::criteria::ScenarioRules;

pub use step::{Action, Done, Group, Step};
pub use topology::{
    Around, DATABASE_SERVER, DatabaseServer, Memory, Plan, Probes, Setting, Topology, WorkerClass,
};

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
