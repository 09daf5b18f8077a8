//! The language of measures: what can be observed of a run, and compared with a threshold.
//!
//! Every measure is three-valued: met, not met, or no evidence. Requests are named by their role,
//! durations are seconds at pace 1, and shares and ratios are fractions of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metric, Moment, SnapshotKind, Statuses};
use crate::evidence::manifest::{EventKind, PhaseKind};

/// One measure with its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// A count or a share of the requests of a role.
    Requests(Requests),
    /// How the slowest twentieth of a role's requests compares with its median and its baseline.
    Tail(Tail),
    /// The durations of a role fall in two groups, one of them at the client's limit.
    Groups(Groups),
    /// A figure of the snapshots: its level, or how it changed.
    Figure(FigureChange),
    /// Outbound calls or connections for each request of a role.
    PerRequest(PerRequest),
    /// A snapshot in which no worker could take one request more while connections waited.
    PoolFull(PoolFull),
    /// Console lines that match a pattern.
    Console(Lines),
    /// Platform messages that match a pattern.
    Platform(Lines),
    /// A start or a stop of the site within the load.
    Restart(Restart),
    /// The startup command that was effective.
    Command(Command),
    /// What /ready said of one of its checks.
    Ready(Ready),
    /// A snapshot was answered, and holds what its route tells.
    Snapshot(Presence),
    /// The age of the process that serves.
    Process(Process),
    /// Something was done to the target, and succeeded.
    Event(Done),
    /// A setting: whether it is a slot setting, or whether a slot's value changed.
    Setting(SettingState),
    /// Every one of these.
    All(Vec<Measure>),
    /// At least one of these.
    Any(Vec<Measure>),
    /// The opposite; no evidence stays no evidence.
    Not(Box<Measure>),
    /// Sources in order of preference: the first with evidence decides.
    First(Vec<Measure>),
}

/// A count or a share of requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Requests {
    /// The role; every role of the scenario where none is named.
    pub role: Option<String>,
    /// Another path than that of a role, for instance a deployment's.
    pub path: Option<String>,
    /// The statuses that count.
    pub status: Option<Statuses>,
    /// True: only clients that gave up count.
    pub gave_up: bool,
    /// Only what ended within so many seconds counts, answered 2xx.
    pub within_seconds: Option<f64>,
    /// Only what lasted so many seconds or longer counts.
    pub longer_seconds: Option<f64>,
    /// Before or after the fix, in place of the load.
    pub moment: Option<Moment>,
    /// True: only the last one counts.
    pub last: bool,
    /// The least number that counts.
    pub at_least: Option<u32>,
    /// The least share that counts.
    pub share_at_least: Option<f64>,
    /// A share that is not reached.
    pub share_below: Option<f64>,
}

/// The tail of the latencies of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// The role.
    pub role: String,
    /// The 95th percentile is at least so many times the median, or the baseline's percentile.
    #[serde(default)]
    pub times_at_least: Option<f64>,
    /// It is less than so many times both.
    #[serde(default)]
    pub times_below: Option<f64>,
}

/// Two groups of durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// The role.
    pub role: String,
    /// Upper end of the lower group, as a fraction of the client's limit.
    pub low: f64,
    /// Lower end of the upper group, as a fraction of the client's limit.
    pub high: f64,
    /// The largest share between them.
    pub between: f64,
}

/// A figure, and one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FigureChange {
    /// Which.
    pub of: Metric,
    /// When.
    pub at: PhaseKind,
    /// Compared with when; the baseline where nothing is said.
    #[serde(default = "baseline")]
    pub from: PhaseKind,
    /// Its level reaches this.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// Its level stays below this.
    #[serde(default)]
    pub below: Option<f64>,
    /// It is at most so many times what it was.
    #[serde(default)]
    pub ratio_at_most: Option<f64>,
    /// It is more than so many times what it was, whatever the source.
    #[serde(default)]
    pub ratio_above: Option<f64>,
    /// It grows by at least this.
    #[serde(default)]
    pub grows_at_least: Option<f64>,
    /// It grows by less than this, whatever the source.
    #[serde(default)]
    pub grows_less_than: Option<f64>,
    /// It falls by at least this.
    #[serde(default)]
    pub falls_at_least: Option<f64>,
}

fn baseline() -> PhaseKind {
    PhaseKind::Baseline
}

/// Outbound calls for each request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerRequest {
    /// The role.
    pub role: String,
    /// So many calls, retries counted.
    #[serde(default)]
    pub calls_at_least: Option<f64>,
    /// So many connections opened.
    #[serde(default)]
    pub connections_at_least: Option<f64>,
}

/// A full pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolFull {}

/// A restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {}

/// Lines of a log table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// A regular expression; `{name}` stands for what a capture of the scenario found.
    pub matches: String,
    /// When the lines were written.
    #[serde(default)]
    pub during: During,
    /// How many at least.
    #[serde(default = "once")]
    pub at_least: u32,
}

fn once() -> u32 {
    1
}

/// Where a line has to lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum During {
    /// The run, and the ten minutes before it in which the site was started.
    #[default]
    Run,
    /// The load.
    Load,
    /// The minute before the load.
    JustBefore,
}

/// The startup command, as the platform answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Before or after the fix.
    pub moment: Moment,
    /// A regular expression; `{name}` stands for what a capture of the scenario found.
    #[serde(default)]
    pub matches: Option<String>,
    /// Whether it binds where the platform looks.
    #[serde(default)]
    pub binds_in_reach: Option<bool>,
    /// It asks for at least so many workers.
    #[serde(default)]
    pub workers_at_least: Option<u32>,
}

/// One check of /ready, of production.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The check's name in the answer.
    pub check: String,
    /// When.
    pub at: PhaseKind,
    /// Passed or failed.
    pub ok: bool,
    /// The words for what was wrong, any of which will do.
    #[serde(default)]
    pub words: Vec<String>,
}

/// A snapshot that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Of which route.
    pub of: SnapshotKind,
    /// When.
    pub at: PhaseKind,
}

/// The process that serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// It started after an event of this kind.
    pub younger_than: Option<EventKind>,
    /// At baseline it was younger than so many seconds.
    pub younger_than_seconds: Option<f64>,
    /// A worker that was not there at baseline holds few leaked blocks then: at most a quarter of what
    /// the fullest worker holds.
    pub replaced_with_few_blocks: Option<PhaseKind>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Of which kind.
    pub kind: EventKind,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingState {
    /// Its name in the platform, or its key in /config.
    #[serde(default)]
    pub name: String,
    /// The slot; production where nothing is said.
    #[serde(default = "production")]
    pub slot: String,
    /// It is a slot setting, or not.
    #[serde(default)]
    pub sticky: Option<bool>,
    /// Where it is a reference to a secret, the platform resolved it, or not.
    #[serde(default)]
    pub resolved: Option<bool>,
    /// The value in /config differs between baseline and end, or not.
    #[serde(default)]
    pub changed: Option<bool>,
    /// The slot's own /diag/slots says that expected and actual value agree, or not.
    #[serde(default)]
    pub matches_expected: Option<bool>,
}

fn production() -> String {
    "production".to_owned()
}

impl Measure {
    /// The measures that it is made of, itself among them.
    pub fn walk<'m>(&'m self, each: &mut dyn FnMut(&'m Measure)) {
        each(self);
        match self {
            Self::All(parts) | Self::Any(parts) | Self::First(parts) => {
                parts.iter().for_each(|part| part.walk(each));
            }
            Self::Not(part) => part.walk(each),
            _ => {}
        }
    }

    /// The role that it speaks of, where it names one.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        match self {
            Self::Requests(requests) => requests.role.as_deref(),
            Self::Tail(tail) => Some(&tail.role),
            Self::Groups(groups) => Some(&groups.role),
            Self::PerRequest(each) => Some(&each.role),
            _ => None,
        }
    }

    /// The pattern that it looks for, where it looks for one.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Console(lines) | Self::Platform(lines) => Some(&lines.matches),
            Self::Command(command) => command.matches.as_deref(),
            _ => None,
        }
    }
}
