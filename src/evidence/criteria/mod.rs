//! The words in which the catalogue says what proves and what disproves a scenario.
//!
//! These are data: statements, thresholds and the evidence that each needs. The catalogue writes
//! them, the room `verdict` measures them; neither knows the other.

mod alternative;
mod expectation;
mod measure;
mod needs;
mod picture;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use alternative::{Alternative, AlternativeRole, ScenarioAlternative};
pub use expectation::{Expected, ExpectedEnd, Good, RoleHealth};
pub use measure::{
    Command, Done, During, FigureChange, Groups, Lines, Measure, PerRequest, Presence, Process,
    Ready, Requests, SettingState, Tail,
};
pub use picture::Picture;

use super::manifest::PhaseKind;

/// Everything that the judge must know about a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRules {
    /// The scenario's name; the file has it once, at its top.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    pub name: String,
    /// Other names, such as the folder names of published runs.
    #[serde(skip)]
    pub aliases: Vec<String>,
    /// The path of each role.
    #[serde(skip)]
    pub roles: BTreeMap<String, String>,
    /// What each variant is expected to show.
    #[serde(skip)]
    pub expected: Vec<Expected>,
    /// The hypothesis in one sentence.
    pub hypothesis: String,
    /// What is taken out of a console line, to be named by other patterns.
    #[serde(default)]
    pub captures: Vec<Capture>,
    /// What the title claims, whether or not the hypothesis needs it.
    #[serde(default, rename = "promises")]
    pub title_claims: Vec<TitleClaim>,
    /// What must have been done to the target for the run to say anything.
    #[serde(default)]
    pub trigger: Vec<Criterion>,
    /// What must all be met for the hypothesis to be supported.
    pub proof: Vec<Criterion>,
    /// What strengthens the case where the evidence exists, and decides nothing alone: facts that
    /// only some targets can show.
    #[serde(default)]
    pub support: Vec<Criterion>,
    /// What refutes the hypothesis, each alone.
    #[serde(default)]
    pub disproof: Vec<Criterion>,
    /// Other explanations of the same symptom.
    #[serde(default)]
    pub alternatives: Vec<ScenarioAlternative>,
}

/// A text of the evidence that other patterns name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// The name, written `{name}` in a pattern.
    pub name: String,
    /// A regular expression over console lines, with one group: what the group holds.
    pub console: String,
}

impl ScenarioRules {
    /// True if `name` is this scenario's name or one of its other names.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// What is expected of the variant of that name.
    #[must_use]
    pub fn expected_of(&self, variant: &str) -> Option<&Expected> {
        self.expected
            .iter()
            .find(|expected| expected.variant == variant)
    }
}

/// Something that the title claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TitleClaim {
    /// The claim in a word or two, for instance `5xx`.
    pub word: String,
    /// What would make it true.
    pub check: Measure,
}

/// What a criterion is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Without it the run says nothing; not met means inconclusive.
    Trigger,
    /// All of these must be met.
    Proof,
    /// Reported, and decides nothing.
    Support,
    /// Any of these refutes.
    Disproof,
}

/// One measurable sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// A short name, unique within the scenario, in kebab case.
    pub id: String,
    /// The sentence, as a person would say it. A duration in braces, `{5 s}`, follows the pace.
    pub statement: String,
    /// How it is measured.
    pub check: Measure,
}

impl ScenarioRules {
    /// Every criterion with what it is for.
    pub fn criteria(&self) -> impl Iterator<Item = (Kind, &Criterion)> {
        [
            (Kind::Trigger, &self.trigger),
            (Kind::Proof, &self.proof),
            (Kind::Support, &self.support),
            (Kind::Disproof, &self.disproof),
        ]
        .into_iter()
        .flat_map(|(kind, list)| list.iter().map(move |criterion| (kind, criterion)))
    }
}

/// A series that snapshots carry. Where a cgroup limits the target, its own numbers count beside
/// the host's, since the host's hardly move inside a small box.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// `MemAvailable`, or the cgroup's limit less its usage: kB.
    MemoryHeadroom,
    /// `pgscan_kswapd` + `pgscan_direct`, or the cgroup's refaults and limit hits: a counter.
    Reclaim,
    /// `allocstall_*`, or how often the cgroup's limit was hit: a counter.
    AllocationStalls,
    /// `pswpin` + `pswpout`, pages, or the cgroup's swap usage in kB.
    SwapTraffic,
    /// `SwapFree`, kB.
    SwapFree,
    /// `leak_block_count` of the worker that holds most.
    LeakBlocks,
    /// `some avg10` of /proc/pressure/memory, or of the cgroup: percent.
    MemoryPressure,
    /// `some avg10` of /proc/pressure/cpu: percent.
    CpuPressure,
    /// `oom_kill` of the cgroup or of /proc/vmstat: a counter.
    OutOfMemoryKills,
    /// Connections that wait for a worker.
    AcceptQueue,
}

impl Metric {
    /// The route whose snapshots carry it.
    #[must_use]
    pub const fn snapshot(self) -> SnapshotKind {
        match self {
            Self::LeakBlocks => SnapshotKind::Stats,
            Self::AcceptQueue => SnapshotKind::Workers,
            _ => SnapshotKind::Proc,
        }
    }
}

/// Which statuses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statuses {
    /// Exactly this one.
    Exactly(u16),
    /// Any of a hundred: `Class(5)` is 500 to 599.
    Class(u16),
    /// Anything but this one; no answer counts as well.
    Not(u16),
}

impl Statuses {
    /// True if `code` is meant; 0 is "no answer".
    pub fn contains(self, code: u16) -> bool {
        match self {
            Statuses::Exactly(wanted) => code == wanted,
            Statuses::Class(hundred) => code / 100 == hundred,
            Statuses::Not(unwanted) => code != unwanted,
        }
    }
}

/// Before or after the fix, or the swap, that the scenario applies.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before it.
    Before,
    /// After it.
    After,
}

/// Evidence that a criterion cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "need", rename_all = "kebab-case")]
pub enum Need {
    /// A snapshot of a route of the target.
    Snapshot {
        /// What.
        of: SnapshotKind,
        /// When.
        at: PhaseKind,
    },
    /// Raw samples of a route.
    Samples {
        /// The route.
        route: String,
    },
    /// AppServiceHTTPLogs.
    HttpTable,
    /// AppServiceConsoleLogs.
    ConsoleTable,
    /// AppServicePlatformLogs.
    PlatformTable,
    /// The startup command.
    StartupCommand {
        /// Before or after the fix.
        moment: Moment,
    },
    /// The manifest, for events and settings.
    Manifest,
}

/// Routes of the target that snapshots are taken of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotKind {
    /// /diag/stats
    Stats,
    /// /diag/proc
    Proc,
    /// /diag/env
    Env,
    /// /diag/workers
    Workers,
    /// /diag/slots
    Slots,
    /// /config
    Config,
    /// /health
    Health,
    /// /ready, whether it said yes or no
    Ready,
}

impl SnapshotKind {
    /// The route's path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Stats => "/diag/stats",
            Self::Proc => "/diag/proc",
            Self::Env => "/diag/env",
            Self::Workers => "/diag/workers",
            Self::Slots => "/diag/slots",
            Self::Config => "/config",
            Self::Health => "/health",
            Self::Ready => "/ready",
        }
    }
}
