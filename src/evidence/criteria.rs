//! The words in which the catalogue says what proves and what disproves a scenario.
//!
//! These are data: statements, thresholds and the evidence that each needs. The catalogue writes
//! them, the room `verdict` measures them; neither knows the other.

use serde::Serialize;

use super::manifest::{EventKind, PhaseKind};

/// Everything that the judge must know about a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScenarioRules {
    /// The scenario's name.
    pub name: &'static str,
    /// Other names, such as the folder names of published runs.
    pub aliases: &'static [&'static str],
    /// The hypothesis in one sentence.
    pub hypothesis: &'static str,
    /// What the name promises, whether or not the hypothesis needs it.
    pub promises: &'static [Promise],
    /// What must have been done to the target for the run to say anything.
    pub trigger: &'static [Criterion],
    /// What must all be met for the hypothesis to be supported.
    pub proof: &'static [Criterion],
    /// What strengthens the case where the evidence exists, and decides nothing alone: facts that
    /// only some targets can show.
    pub support: &'static [Criterion],
    /// What refutes the hypothesis, each alone.
    pub disproof: &'static [Criterion],
    /// Other explanations of the same symptom.
    pub rivals: &'static [Rival],
}

impl ScenarioRules {
    /// True if `name` is this scenario's name or one of its other names.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// Something that the scenario's name promises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Promise {
    /// The promised thing in a word or two, for instance `5xx`.
    pub word: &'static str,
    /// What would keep the promise.
    pub check: Check,
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Criterion {
    /// A short name, unique within the scenario, in kebab case.
    pub id: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// The sentence, as a person would say it.
    pub statement: &'static str,
    /// How it is measured.
    pub check: Check,
    /// The evidence without which it cannot be measured.
    pub needs: &'static [Need],
}

/// A series that snapshots carry. Where a cgroup limits the target, its own numbers count beside
/// the host's, since the host's hardly move inside a small box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

/// Which statuses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before it.
    Before,
    /// After it.
    After,
}

/// A measurable check, with its thresholds.
///
/// Routes are paths without a query; `None` means every route of the trigger. Shares and ratios
/// are fractions of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(
    tag = "measure",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
pub enum Check {
    /// The metric at `at` is at most `ratio` times what it was at `against`.
    MetricRatioAtMost {
        /// What is measured.
        metric: Metric,
        /// When.
        at: PhaseKind,
        /// Compared with when.
        against: PhaseKind,
        /// The threshold.
        ratio: f64,
    },
    /// The metric at `at` is more than `ratio` times what it was at `against`, whatever the source.
    MetricRatioAbove {
        /// What is measured.
        metric: Metric,
        /// When.
        at: PhaseKind,
        /// Compared with when.
        against: PhaseKind,
        /// The threshold.
        ratio: f64,
    },
    /// The metric grows by at least `amount` from `from` to `to`.
    MetricGrowsAtLeast {
        /// What is measured.
        metric: Metric,
        /// From when.
        from: PhaseKind,
        /// To when.
        to: PhaseKind,
        /// The threshold, in the metric's unit.
        amount: f64,
    },
    /// The metric grows by less than `amount`, whatever the source.
    MetricGrowsLessThan {
        /// What is measured.
        metric: Metric,
        /// From when.
        from: PhaseKind,
        /// To when.
        to: PhaseKind,
        /// The threshold, in the metric's unit.
        amount: f64,
    },
    /// The metric falls by at least `amount` from `from` to `to`.
    MetricFallsAtLeast {
        /// What is measured.
        metric: Metric,
        /// From when.
        from: PhaseKind,
        /// To when.
        to: PhaseKind,
        /// The threshold, in the metric's unit.
        amount: f64,
    },
    /// The metric reaches at least `amount` at `at`.
    MetricAtLeast {
        /// What is measured.
        metric: Metric,
        /// When.
        at: PhaseKind,
        /// The threshold, in the metric's unit.
        amount: f64,
    },
    /// The 95th percentile of a route's latency is at least `times` its own median, or `times`
    /// its 95th percentile at baseline where there is a baseline of the route.
    TailAtLeast {
        /// The route.
        route: &'static str,
        /// The threshold.
        times: f64,
    },
    /// The 95th percentile of a route's latency is less than `times` its own median, and less
    /// than `times` its baseline where there is one.
    TailBelow {
        /// The route.
        route: &'static str,
        /// The threshold.
        times: f64,
    },
    /// At least `count` requests to the route were made.
    RequestsAtLeast {
        /// The route.
        route: &'static str,
        /// The threshold.
        count: u32,
    },
    /// At least `count` requests to the route took `seconds` or longer, answered or not.
    LongRequestsAtLeast {
        /// The route.
        route: &'static str,
        /// What is long; multiplied by the run's pace.
        seconds: f64,
        /// The threshold.
        count: u32,
    },
    /// At least `share` of the requests to the route ended within `seconds` with an answer.
    AnsweredWithinShareAtLeast {
        /// The route.
        route: &'static str,
        /// The limit; multiplied by the run's pace.
        seconds: f64,
        /// The threshold.
        share: f64,
    },
    /// At least `share` of the answers have such a status; requests without an answer count.
    StatusShareAtLeast {
        /// The route, or every route of the trigger.
        route: Option<&'static str>,
        /// The statuses.
        statuses: Statuses,
        /// The threshold.
        share: f64,
    },
    /// At least `count` requests, in the samples or in the HTTP table, have such a status.
    StatusCountAtLeast {
        /// The route, or every route of the trigger.
        route: Option<&'static str>,
        /// The statuses.
        statuses: Statuses,
        /// The threshold.
        count: u32,
    },
    /// At least `share` of the clients of the route gave up: a timeout, or 499 in the table.
    GiveUpShareAtLeast {
        /// The route.
        route: &'static str,
        /// The threshold.
        share: f64,
    },
    /// Less than `share` of the clients of the route gave up.
    GiveUpShareBelow {
        /// The route.
        route: &'static str,
        /// The threshold.
        share: f64,
    },
    /// In one run, over all routes of the trigger, some requests were answered and some clients
    /// gave up.
    AnswersAndGiveUps,
    /// The durations of the route fall in two groups: some below `low` times the client's limit,
    /// some at `high` times the limit or above, and at most `between` of them in the middle.
    TwoGroups {
        /// The route.
        route: &'static str,
        /// Upper end of the lower group, as a fraction of the client's limit.
        low: f64,
        /// Lower end of the upper group, as a fraction of the client's limit.
        high: f64,
        /// The largest share between them.
        between: f64,
    },
    /// In one snapshot every worker was busy while connections waited in the accept queue.
    AllWorkersBusyWithQueue,
    /// At least `count` console lines contain one of the texts.
    ConsoleContains {
        /// Any of these.
        any: &'static [&'static str],
        /// The threshold.
        count: u32,
    },
    /// At least `count` platform messages contain one of the texts.
    PlatformContains {
        /// Any of these.
        any: &'static [&'static str],
        /// The threshold.
        count: u32,
    },
    /// The startup command contains the text.
    CommandContains {
        /// Before or after the fix.
        moment: Moment,
        /// The text, for instance `wrong_module:app`.
        text: &'static str,
    },
    /// At that moment the route answered 200, or (`ok: false`) something else or nothing.
    RouteAnswers {
        /// The route, for instance `/health`.
        route: &'static str,
        /// Before or after the fix.
        moment: Moment,
        /// 200, or anything else.
        ok: bool,
    },
    /// /diag/stats was captured after the fix and is the JSON of a worker.
    StatsReadableAfter,
    /// An event of this kind is recorded and did not fail.
    EventSucceeded {
        /// The kind.
        kind: EventKind,
    },
    /// The value of a key of the slot's /config differs between `Before` and `After`.
    ConfigChanged {
        /// The key.
        key: &'static str,
        /// The slot, `production`.
        slot: &'static str,
    },
    /// The value of a key of the slot's /config is the same before and after.
    ConfigKept {
        /// The key.
        key: &'static str,
        /// The slot.
        slot: &'static str,
    },
    /// The setting is (or is not) declared as a slot setting.
    SettingSticky {
        /// The setting's name.
        key: &'static str,
        /// Declared sticky or not.
        sticky: bool,
    },
    /// The slot's own /diag/slots says after the change that expected and actual value agree
    /// (`matches: true`) or differ.
    SlotSaysMatches {
        /// The slot.
        slot: &'static str,
        /// What it says.
        matches: bool,
    },
    /// A start or a stop of the container is recorded within the trigger.
    RestartDuringTrigger,
    /// The opposite of a check that has evidence.
    Not {
        /// The check.
        check: &'static Check,
    },
    /// Every one of these.
    AllOf {
        /// The parts.
        checks: &'static [Check],
    },
    /// At least one of these.
    AnyOf {
        /// The parts.
        checks: &'static [Check],
    },
}

/// Evidence that a criterion cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
        route: &'static str,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
}

/// Another explanation, and how it bears on the hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rival {
    /// Which.
    pub id: RivalId,
    /// What it means for the hypothesis if it is ruled in.
    pub bearing: Bearing,
    /// How it would explain the symptom.
    pub explains: &'static str,
    /// What would rule it in.
    pub ruled_in_by: &'static str,
    /// What would rule it out.
    pub ruled_out_by: &'static str,
}

/// What a rival means for the hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bearing {
    /// It explains the symptom instead: ruled in, the run cannot support the hypothesis.
    Competes,
    /// It belongs to the hypothesis: ruled in, it changes nothing.
    Accompanies,
    /// It is the hypothesis.
    Hypothesis,
}

/// The explanations that every verdict looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RivalId {
    /// The client closed first: 499.
    ClientAbort,
    /// The front end's own limit cut the request: 500, 502 or 504 at 230 to 240 s.
    FrontEndLimit,
    /// The arbiter killed a worker whose heartbeat stopped.
    WorkerTimeout,
    /// The kernel killed a worker for memory.
    OutOfMemoryKill,
    /// The container or the site was restarted.
    Restart,
    /// The site was still starting.
    ColdStart,
    /// The processors were the bottleneck, not memory or workers.
    CpuSaturation,
    /// Something that the application calls was slow or gone.
    Dependency,
    /// The startup command names the wrong thing.
    WrongCommand,
    /// The application listens where the platform does not look.
    WrongPort,
}

impl RivalId {
    /// Every one, in the order of reports.
    pub const ALL: [RivalId; 10] = [
        RivalId::ClientAbort,
        RivalId::FrontEndLimit,
        RivalId::WorkerTimeout,
        RivalId::OutOfMemoryKill,
        RivalId::Restart,
        RivalId::ColdStart,
        RivalId::CpuSaturation,
        RivalId::Dependency,
        RivalId::WrongCommand,
        RivalId::WrongPort,
    ];

    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            RivalId::ClientAbort => "client abort",
            RivalId::FrontEndLimit => "front-end limit",
            RivalId::WorkerTimeout => "worker timeout",
            RivalId::OutOfMemoryKill => "out-of-memory kill",
            RivalId::Restart => "restart",
            RivalId::ColdStart => "cold start",
            RivalId::CpuSaturation => "CPU saturation",
            RivalId::Dependency => "dependency",
            RivalId::WrongCommand => "wrong command",
            RivalId::WrongPort => "wrong port",
        }
    }
}
