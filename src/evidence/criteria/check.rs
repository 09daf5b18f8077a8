//! Checks: what can be measured of a run, with thresholds.

use serde::Serialize;

use super::{Metric, Moment, Statuses};
use crate::evidence::figures::Figure;
use crate::evidence::manifest::{EventKind, PhaseKind};

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
    /// For each request to the route, the application made at least so many calls of other
    /// services, retries counted, by the counters of its workers from baseline to the end.
    CallsPerRequestAtLeast {
        /// The route.
        route: &'static str,
        /// The threshold.
        calls: f64,
    },
    /// For each request to the route, the application opened at least so many connections to other
    /// services.
    ConnectionsPerRequestAtLeast {
        /// The route.
        route: &'static str,
        /// The threshold.
        connections: f64,
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
    /// In one snapshot every worker held as much as it can serve at once, while connections waited
    /// in the accept queue. A worker of many threads that is busy on a few is not full: what waits
    /// then waits for its next turn, not for a request to end.
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
    /// The startup command binds an address that the platform reaches, or (`reachable: false`) one
    /// that it does not: the loopback address, or another port.
    CommandBinds {
        /// Before or after the fix.
        moment: Moment,
        /// Reached by the platform or not.
        reachable: bool,
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
    /// At that stage production's /ready said that this check of it failed, or (`ok: true`) that
    /// it passed.
    ReadinessCheck {
        /// The check's name in the answer, for instance `migrations`.
        check: &'static str,
        /// When.
        at: PhaseKind,
        /// Passed or failed.
        ok: bool,
    },
    /// At that stage production's /ready said that this check of it failed, with one of these words.
    ReadinessFails {
        /// The check's name in the answer, for instance `database`.
        check: &'static str,
        /// When.
        at: PhaseKind,
        /// The words for what was wrong, any of which will do.
        words: &'static [&'static str],
    },
    /// Production's process of the last snapshot started after an event of this kind.
    ProcessYoungerThan {
        /// The kind.
        event: EventKind,
    },
    /// /diag/stats was captured after the fix and is the JSON of a worker.
    StatsReadableAfter,
    /// A worker that was not among those of the baseline holds no leaked block at `at`: it has
    /// taken the place of one that died.
    NewWorkerHoldsNoBlocks {
        /// When.
        at: PhaseKind,
    },
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
    /// The check, with the figures that count where the target runs in a memory box: those of
    /// another box are left aside, however they moved. Outside any box all figures count.
    InBox {
        /// In a cgroup.
        cgroup: &'static [Figure],
        /// In a virtual machine.
        vm: &'static [Figure],
        /// The check.
        check: &'static Check,
    },
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
