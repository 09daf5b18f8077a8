//! The shape of a scenario: what every one of them is made of.
//!
//! All of it is read of one file, so that a table, a page of documentation, a trigger, a rehearsal
//! and a verdict read the same words.

mod step;
mod topology;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::criteria::{Expected, ExpectedEnd, RoleHealth, ScenarioRules};

pub use step::{Action, Done, Group, Step};
pub use topology::{
    Around, AutoHeal, DATABASE_SERVER, DatabaseServer, HealTrigger, Memory, Plan, Probes, Secret,
    Setting, Topology, WorkerClass,
};

/// One incident that can be played: what a file of the catalogue holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, in kebab case.
    pub name: String,
    /// Other names, such as the folder names of published runs.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Title for a page.
    pub title: String,
    /// The incident in two sentences, as the person on call meets it.
    pub incident: String,
    /// The lab or the playbook's hypothesis that it plays.
    #[serde(default)]
    pub plays: String,
    /// Whether the target is expected to be down in the beginning.
    #[serde(default)]
    pub starts_down: bool,
    /// The smallest factor of its durations at which a rehearsal is still the incident.
    #[serde(default = "tenth")]
    pub quickest_pace: f64,
    /// What the published run showed, in whole sentences; empty where none is published.
    #[serde(default)]
    pub recorded: Vec<String>,
    /// The path of each role: `held`, `quick`, `probe`, `dependency`, or another name.
    pub roles: BTreeMap<String, String>,
    /// When each role counts as served, of which a variant may say otherwise.
    #[serde(default)]
    pub health: Vec<RoleHealth>,
    /// What the run needs.
    #[serde(default)]
    pub needs: Needs,
    /// The target.
    pub topology: Topology,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Proof, disproof and alternatives.
    pub rules: ScenarioRules,
    /// Conclusions that lie near and are wrong, with the answer to each.
    #[serde(default)]
    pub misreadings: Vec<Misreading>,
    /// Other settings under which the incident goes another way.
    #[serde(default)]
    pub variants: Vec<Variation>,
    /// What makes the symptom go away.
    #[serde(default)]
    pub fixes: Vec<Variation>,
    /// The same run without the cause.
    pub control: Variation,
    /// From what the run's outcome can be estimated beforehand.
    #[serde(default)]
    pub estimate: Estimate,
}

fn tenth() -> f64 {
    0.1
}

impl Scenario {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shortest time after which a client of the load gives up, in seconds.
    #[must_use]
    pub fn shortest_limit(&self) -> Option<f64> {
        let groups = self.steps.iter().flat_map(|step| match step {
            Step::Load { groups, .. } => groups.as_slice(),
            _ => &[],
        });
        groups
            .map(|group| group.limit_seconds)
            .min_by(f64::total_cmp)
    }

    /// The variant or fix of that name.
    #[must_use]
    pub fn variation(&self, name: &str) -> Option<&Variation> {
        self.fixes
            .iter()
            .chain(&self.variants)
            .find(|variation| variation.name == name)
    }

    /// Every variation: fixes, variants, control.
    pub fn variations(&self) -> impl Iterator<Item = &Variation> {
        self.fixes
            .iter()
            .chain(&self.variants)
            .chain([&self.control])
    }

    /// Whether it says something only where memory is bounded.
    #[must_use]
    pub fn needs_box(&self) -> bool {
        matches!(self.estimate, Estimate::Leak { .. }) || self.topology.around.memory.is_some()
    }

    /// Tell the rules what stands elsewhere in the file.
    pub(super) fn complete(mut self) -> Self {
        let healthy = |variation: &Variation, usual: ExpectedEnd| {
            let end = variation.expected.unwrap_or(usual);
            let own = &variation.health;
            let mut health = self.health.clone();
            if !own.is_empty() {
                health.clone_from(own);
            }
            Expected {
                variant: variation.name.clone(),
                end,
                health: match end {
                    ExpectedEnd::Healthy => health,
                    _ => Vec::new(),
                },
            }
        };
        let symptom = Expected {
            variant: "symptom".to_owned(),
            end: ExpectedEnd::Reproduced,
            health: Vec::new(),
        };
        let fixes = self.fixes.iter().chain([&self.control]);
        let mut expected = vec![symptom];
        expected.extend(fixes.map(|one| healthy(one, ExpectedEnd::Healthy)));
        let variants = self.variants.iter();
        expected.extend(variants.map(|one| healthy(one, ExpectedEnd::Reproduced)));
        self.rules.expected = expected;
        self.rules.name.clone_from(&self.name);
        self.rules.aliases.clone_from(&self.aliases);
        self.rules.roles.clone_from(&self.roles);
        self
    }
}

/// A conclusion that lies near and is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Misreading {
    /// What one would say.
    pub claim: String,
    /// Why it is wrong.
    pub answer: String,
}

/// A named change of the target or of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Variation {
    /// Its name, in kebab case.
    pub name: String,
    /// What it does, in one sentence.
    pub what: String,
    /// What it is expected to show: a fix and the control `healthy`, a variant `reproduced`, where
    /// nothing is said.
    #[serde(default)]
    pub expected: Option<ExpectedEnd>,
    /// When each role counts as served under it, in place of what the scenario says.
    #[serde(default)]
    pub health: Vec<RoleHealth>,
    /// The changes.
    pub changes: Vec<Change>,
}

/// One change of the target or of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Another startup command from the beginning.
    StartupCommand {
        /// The command.
        command: String,
        /// Its worker processes.
        #[serde(default = "one")]
        workers: u32,
        /// Its worker class.
        #[serde(default)]
        worker_class: WorkerClass,
        /// Its threads.
        #[serde(default = "one")]
        threads: u32,
        /// Its `--timeout`, in seconds.
        #[serde(default = "thirty")]
        timeout_seconds: u32,
    },
    /// Other settings instead of those of the same slot and name.
    Settings {
        /// The settings.
        settings: Vec<Setting>,
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
        name: String,
    },
    /// No request is sent for this path.
    LeaveOut {
        /// The path.
        path: String,
    },
    /// The step of that name is not done.
    LeaveOutStep {
        /// The step.
        name: String,
    },
    /// Other requests in the load of that name.
    Load {
        /// The step.
        step: String,
        /// Its groups.
        groups: Vec<Group>,
    },
    /// The platform keeps the site loaded.
    AlwaysOn,
    /// Other rules by which the platform recycles the container, or none.
    AutoHeal {
        /// The rules.
        #[serde(default)]
        rules: Option<AutoHeal>,
    },
    /// Another size of the site's home.
    HomeSize {
        /// In MB.
        megabytes: u64,
    },
    /// Other swap space; only a memory box can be given any.
    SwapSpace {
        /// In MB.
        megabytes: u64,
    },
    /// A change of the program's code that labrat cannot make for the person: only described.
    Described {
        /// What would be changed.
        how: String,
    },
}

/// One, as Gunicorn's defaults have it.
fn one() -> u32 {
    1
}

/// Gunicorn's default of `--timeout`.
fn thirty() -> u32 {
    30
}

/// What a run needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Needs {
    /// The least plan on which it can be played in Azure; `None` where it is local only.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// What else, in words; empty where nothing.
    #[serde(default)]
    pub also: String,
}

/// From what the outcome can be estimated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum Estimate {
    /// Slow requests in front of quick ones, in one queue.
    Saturation {
        /// The path that holds workers.
        slow: String,
        /// Its shortest service time in seconds.
        shortest_seconds: f64,
        /// Its longest service time in seconds.
        longest_seconds: f64,
        /// The path that costs nothing.
        fast: String,
    },
    /// Memory that stays.
    Leak {
        /// The path that leaks.
        leak: String,
        /// What one request retains, in kB.
        block_kilobytes: u32,
        /// The path that needs memory for a while.
        heavy: String,
        /// What one such request needs at its peak, in kB.
        heavy_kilobytes: u32,
    },
    /// There is nothing to reckon.
    #[default]
    None,
}
