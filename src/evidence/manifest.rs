//! `manifest.json`: what a bundle says about itself.
//!
//! Every field but the schema version, the scenario and the clock has a default, so that an older
//! or a cut-short manifest still reads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::machine::memory_box::BoxKind;

/// The schema version that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// A bundle's own account of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this schema, [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Name of the scenario that was played.
    pub scenario: String,
    /// `symptom`, `control`, or the name of the fix that was played.
    #[serde(default)]
    pub variant: Option<String>,
    /// Version of labrat that wrote the bundle.
    #[serde(default)]
    pub labrat_version: String,
    /// The command line that would play the run again.
    #[serde(default)]
    pub command: Option<String>,
    /// Address of the target, without credentials.
    #[serde(default)]
    pub target: Option<String>,
    /// When the run began and ended, and how far the clock can be trusted.
    pub clock: Clock,
    /// The machine of the client.
    #[serde(default)]
    pub machine: Machine,
    /// The target, as far as it is known.
    #[serde(default)]
    pub topology: Topology,
    /// The phases in the order of their start.
    #[serde(default)]
    pub phases: Vec<Phase>,
    /// What was done to the target during the run: deployments, commands changed, swaps.
    #[serde(default)]
    pub events: Vec<Event>,
    /// When each snapshot was asked for and answered.
    #[serde(default)]
    pub captures: Vec<Capture>,
    /// Whether the run came to its end.
    #[serde(default)]
    pub completion: Completion,
    /// What the sampler has to say about itself.
    #[serde(default)]
    pub sampler: Sampler,
    /// What the run was expected to show, from the topology alone, in whole sentences.
    #[serde(default)]
    pub estimate: Vec<String>,
    /// The factor by which every duration of the client side was multiplied; 1 is the original.
    #[serde(default = "one")]
    pub pace: f64,
    /// Every other file of the bundle, sorted by path.
    #[serde(default)]
    pub files: Vec<FileDigest>,
}

fn one() -> f64 {
    1.0
}

/// Start, end and drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Wall clock at the start of the run, UTC.
    pub started: Timestamp,
    /// Wall clock at the end; absent while the run lasts or after a kill.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// Seconds by which the wall clock moved more (or, negative, less) than the monotonic clock
    /// between start and end. A step of the wall clock shows here.
    #[serde(default)]
    pub wall_minus_monotonic_seconds: Option<f64>,
}

/// The machine that the client ran on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors that the client could use.
    #[serde(default)]
    pub cpus: Option<u32>,
    /// Physical memory in kB.
    #[serde(default)]
    pub memory_kb: Option<u64>,
    /// Kernel name and release.
    #[serde(default)]
    pub kernel: Option<String>,
    /// True if client and target shared this machine.
    #[serde(default)]
    pub shared_with_target: Option<bool>,
}

/// The target, as it was configured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// Number of workers.
    #[serde(default)]
    pub workers: Option<u32>,
    /// Worker class: `sync`, `gthread`, `async`.
    #[serde(default)]
    pub worker_class: Option<String>,
    /// Threads of each worker, for `gthread`.
    #[serde(default)]
    pub threads: Option<u32>,
    /// The arbiter's `--timeout` in seconds.
    #[serde(default)]
    pub timeout_seconds: Option<f64>,
    /// The front end's limit for one request in seconds.
    #[serde(default)]
    pub front_end_limit_seconds: Option<f64>,
    /// Names of the deployment slots, production first.
    #[serde(default)]
    pub slots: Vec<String>,
    /// The startup command before the trigger.
    #[serde(default)]
    pub startup_command: Option<String>,
    /// Application settings, values redacted where they look like credentials.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// The plan, for instance `B1`, or a memory box's limit in words.
    #[serde(default)]
    pub plan: Option<String>,
    /// The memory box that the target ran in, where it ran in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_box: Option<MemoryBox>,
}

/// A memory box: what of a larger machine the target had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryBox {
    /// What it was, which decides whose figures count.
    pub kind: BoxKind,
    /// Memory that was left to the target at rest, in kB.
    pub room_kb: u64,
    /// Swap, in kB.
    pub swap_kb: u64,
    /// What its swap moved in a second, in kB; absent where nothing slowed it down.
    #[serde(default)]
    pub swap_kb_per_second: Option<u64>,
    /// True if its processor was emulated: what computes took far longer than anywhere else.
    #[serde(default)]
    pub emulated: bool,
}

impl MemoryBox {
    /// In words, for a report.
    pub fn words(&self) -> String {
        let kind = match (self.kind, self.emulated) {
            (BoxKind::Cgroup, _) => "a cgroup",
            (BoxKind::Vm, false) => "a virtual machine",
            (BoxKind::Vm, true) => "an emulated machine",
        };
        let speed = match self.swap_kb_per_second {
            Some(speed) => format!("{} MB/s", speed / 1024),
            None => "this machine's own speed".to_owned(),
        };
        format!(
            "memory box: {kind} with {} MB for the target and {} MB of swap at {speed}",
            self.room_kb / 1024,
            self.swap_kb / 1024
        )
    }
}

/// One application setting of one slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value; redacted with a fingerprint where it looks like a credential.
    pub value: String,
    /// The slot that holds it before the trigger.
    #[serde(default)]
    pub slot: Option<String>,
    /// True for a slot setting, which stays where it is in a swap.
    #[serde(default)]
    pub sticky: Option<bool>,
    /// What the platform says became of it where it is a reference to a secret: `Resolved`, or why
    /// not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What a phase is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PhaseKind {
    /// Before anything was done.
    Baseline,
    /// While the load or the change lasts.
    Trigger,
    /// Between two halves of the trigger.
    Mid,
    /// After the trigger.
    Post,
    /// After the fix.
    Recovery,
}

impl PhaseKind {
    /// The word for it in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            PhaseKind::Baseline => "baseline",
            PhaseKind::Trigger => "trigger",
            PhaseKind::Mid => "mid",
            PhaseKind::Post => "post",
            PhaseKind::Recovery => "recovery",
        }
    }
}

/// One phase of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name, which also names its samples file: `trigger/samples-NAME.csv`.
    pub name: String,
    /// What it is for.
    pub kind: PhaseKind,
    /// When it began.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// Requests that were planned.
    #[serde(default)]
    pub requests_planned: u32,
    /// Requests whose outcome was recorded.
    #[serde(default)]
    pub requests_done: u32,
    /// Requests in flight at a time, as planned.
    #[serde(default)]
    pub concurrency: Option<u32>,
}

/// Something that was done to the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// In words, without secrets.
    #[serde(default)]
    pub detail: String,
    /// Status of the answer of whoever was asked to do it.
    #[serde(default)]
    pub status: Option<u16>,
    /// Whether it succeeded, where that is known.
    #[serde(default)]
    pub succeeded: Option<bool>,
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A package was deployed.
    Deployment,
    /// The startup command was changed.
    CommandChanged,
    /// An application setting was changed.
    SettingChanged,
    /// Two slots were swapped.
    Swap,
    /// The site was restarted on request.
    Restart,
    /// Something that the target depends on was made slower, or well again.
    DependencyChanged,
    /// Every fault was undone.
    Reset,
    /// Anything else worth a line.
    Note,
}

/// When one snapshot was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// Path of the file in the bundle.
    pub file: String,
    /// The phase that it belongs to.
    pub phase: PhaseKind,
    /// When it was asked for.
    pub requested: Timestamp,
    /// Seconds until the answer; long where the capturing lane itself queued.
    pub seconds: f64,
    /// The worker that answered, where it said so.
    #[serde(default)]
    pub pid: Option<u32>,
}

/// Whether a run came to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Completion {
    /// The manifest was last written while the run lasted: a kill or a crash.
    #[default]
    Unfinished,
    /// Every phase ran to its end.
    Complete,
    /// Ended early.
    CutShort {
        /// Why, in words.
        reason: String,
    },
}

/// What the sampler says about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampler {
    /// Snapshots whose own request waited, with the longest wait in seconds.
    #[serde(default)]
    pub queued: Option<Queued>,
    /// True if the client itself was the bottleneck: it started requests later than planned.
    #[serde(default)]
    pub saturated: bool,
    /// Workers that answered /diag/stats, of how many, by phase.
    #[serde(default)]
    pub workers_seen: BTreeMap<PhaseKind, WorkersSeen>,
    /// Anything else, in whole sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How the capturing lane queued.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// Snapshots that waited.
    pub count: u32,
    /// The longest wait in seconds.
    pub longest_seconds: f64,
}

/// How many workers answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkersSeen {
    /// Distinct worker pids that answered.
    pub seen: u32,
    /// Workers that there are, where that is known.
    #[serde(default)]
    pub of: Option<u32>,
}

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Path relative to the bundle, with `/`.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lowercase hexadecimal digits.
    pub sha256: String,
}
