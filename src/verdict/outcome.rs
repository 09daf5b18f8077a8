//! What a verdict says.

use serde::Serialize;

use super::quote::Quote;
use super::window::Window;
use crate::evidence::criteria::{AlternativeRole, ExpectedEnd, Kind, Need, Picture};

/// The verdict over one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Name of the scenario.
    pub scenario: &'static str,
    /// The hypothesis that was judged.
    pub hypothesis: &'static str,
    /// Name of the bundle's folder.
    pub bundle: String,
    /// `symptom`, `control` or the name of a fix, where the manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Reproduced or not.
    pub outcome: Outcome,
    /// What is expected of the variant, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedEnd>,
    /// Whether it ended as expected; `None` where nothing is expected, or the evidence does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_expected: Option<bool>,
    /// Health, where it is expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<HealthResult>,
    /// How far one may generalise.
    pub level: Level,
    /// The outcome and its reason in one sentence.
    pub headline: String,
    /// What was measured, in the order trigger, proof, support, disproof.
    pub criteria: Vec<CriterionResult>,
    /// Other explanations.
    #[serde(rename = "rivals")]
    pub alternatives: Vec<AlternativeResult>,
    /// Workers that were ended by SIGKILL, and by whom.
    pub killed_workers: Vec<KilledWorker>,
    /// What the scenario's title claims, true or not.
    #[serde(rename = "promises")]
    pub title_claims: Vec<TitleClaimResult>,
    /// Evidence that would be needed and is not there, with the command that would bring it.
    pub missing: Vec<MissingEvidence>,
    /// Why the measurement itself may be doubted.
    #[serde(rename = "doubts")]
    pub quality_warnings: Vec<QualityWarning>,
    /// Files that could not be read, or not wholly.
    pub unreadable: Vec<Unreadable>,
    /// When the load was put on, as far as the evidence tells.
    pub window: Window,
    /// Answers and latency of each route of the samples.
    pub routes: Vec<RouteFigures>,
    /// The picture that shows what the proof is about.
    #[serde(skip)]
    pub picture: Picture,
}

impl Verdict {
    /// What was expected of the variant and whether it came, in a sentence.
    #[must_use]
    pub fn expectation(&self) -> Option<String> {
        let expected = self.expected?.words();
        let variant = self.variant.as_deref()?;
        Some(match self.as_expected {
            Some(true) => format!("as expected of `{variant}`: {expected}"),
            Some(false) => format!("not as expected of `{variant}`: {expected}"),
            None => format!("expected of `{variant}`: {expected}; the evidence does not say"),
        })
    }
}

/// Whether the hypothesis is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The evidence supports the hypothesis.
    Reproduced,
    /// The evidence speaks against it.
    NotReproduced,
    /// The evidence speaks against it, and the target that should be healthy is not.
    Unhealthy,
    /// The evidence suffices for neither.
    Inconclusive,
}

impl Outcome {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Reproduced => "reproduced",
            Outcome::NotReproduced => "not reproduced",
            Outcome::Unhealthy => "not reproduced, and not healthy",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

/// How far one may generalise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// One run.
    Observed,
    /// Three runs or more with the same outcome.
    Repeated,
}

/// What was found of one criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The evidence shows it.
    Met,
    /// The evidence shows the opposite.
    NotMet,
    /// There is no evidence on which to say so.
    NoEvidence,
}

impl Finding {
    /// Met if true, not met if false.
    pub(super) fn of(met: bool) -> Finding {
        if met { Finding::Met } else { Finding::NotMet }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Finding::Met => "met",
            Finding::NotMet => "not met",
            Finding::NoEvidence => "no evidence",
        }
    }
}

/// One criterion, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriterionResult {
    /// Its short name.
    pub id: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// The sentence.
    pub statement: String,
    /// Met or not.
    pub finding: Finding,
    /// What was observed.
    pub observed: String,
    /// What would be met.
    pub threshold: String,
    /// The observed number, where there is one: for the spread over several runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What decided it.
    pub quotes: Vec<Quote>,
}

/// One health criterion, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HealthResult {
    /// What has to hold.
    pub what: String,
    /// Whether it does.
    pub finding: Finding,
    /// The figures.
    pub observed: String,
    /// What decided it.
    pub quotes: Vec<Quote>,
}

/// Workers that were ended by SIGKILL, one after another and for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KilledWorker {
    /// The pid of the first.
    pub pid: u32,
    /// The pid of the last.
    pub last_pid: u32,
    /// How many.
    pub count: usize,
    /// Who did it.
    pub cause: KillCause,
    /// Why that is concluded.
    pub because: String,
    /// The lines.
    pub quotes: Vec<Quote>,
}

impl KilledWorker {
    /// Which, in words: one pid, or how many with the first and the last.
    #[must_use]
    pub fn words(&self) -> String {
        match self.count {
            1 => format!("pid {}", self.pid),
            count => format!("{count} workers, pid {} to {}", self.pid, self.last_pid),
        }
    }
}

/// Who sent a SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KillCause {
    /// The arbiter: the worker's heartbeat stopped.
    Heartbeat,
    /// The arbiter, for another reason, such as a graceful stop that took too long.
    Arbiter,
    /// The kernel: memory ran out.
    OutOfMemory,
    /// The evidence does not say.
    Open,
}

/// What became of an alternative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlternativeStatus {
    /// The evidence shows it.
    RuledIn,
    /// The evidence excludes it.
    RuledOut,
    /// The evidence does neither.
    Open,
}

impl AlternativeStatus {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            AlternativeStatus::RuledIn => "ruled in",
            AlternativeStatus::RuledOut => "ruled out",
            AlternativeStatus::Open => "open",
        }
    }
}

/// One alternative, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlternativeResult {
    /// Which.
    pub id: &'static str,
    /// Its name in a sentence.
    pub words: &'static str,
    /// What it means for the hypothesis.
    #[serde(rename = "bearing")]
    pub role: AlternativeRole,
    /// What became of it.
    #[serde(rename = "ruling")]
    pub status: AlternativeStatus,
    /// Why.
    pub because: String,
    /// What decided it.
    pub quotes: Vec<Quote>,
}

/// A claim of the scenario's title, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TitleClaimResult {
    /// The claim, in a word.
    pub word: &'static str,
    /// Kept or not.
    pub finding: Finding,
    /// What was observed.
    pub observed: String,
}

/// Evidence that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingEvidence {
    /// What.
    pub need: Need,
    /// In words.
    pub what: String,
    /// Criteria that cannot be measured without it.
    pub for_criteria: Vec<&'static str>,
    /// Files that should hold it and cannot be read, with the reason.
    pub instead: Vec<String>,
    /// The command that would bring it.
    pub command: String,
}

/// Why the measurement may be doubted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityWarning {
    /// What kind.
    pub kind: QualityWarningKind,
    /// In one sentence.
    pub text: String,
}

/// Kinds of warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QualityWarningKind {
    /// A file was changed after the manifest was written.
    Altered,
    /// A file that the manifest lists is not there.
    FileMissing,
    /// The run ended early.
    CutShort,
    /// The wall clock stepped.
    ClockStep,
    /// The load generator was the bottleneck.
    GeneratorSaturated,
    /// The front end refused requests because it lacked descriptors itself.
    FrontEndShort,
    /// The samples have a gap.
    SampleGap,
    /// The capturing lane waited.
    CaptureQueued,
    /// Only some of the workers told their counters.
    WorkersUnseen,
    /// Requests that are not of this run.
    OtherTraffic,
    /// A table's rows lie outside the run.
    TableOutside,
    /// Fewer rows than requests.
    TableIncomplete,
    /// Durations of the client side were scaled.
    Paced,
    /// The target ran in a memory box, which is not the platform.
    Boxed,
}

impl QualityWarningKind {
    /// True if the evidence decides nothing while it stands, whichever way it points.
    pub fn is_grave(self) -> bool {
        matches!(
            self,
            QualityWarningKind::Altered
                | QualityWarningKind::FileMissing
                | QualityWarningKind::CutShort
        )
    }
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Path in the bundle.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Figures of one route, over the samples of the trigger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteFigures {
    /// Path.
    pub route: String,
    /// Requests by status; `000` is no answer.
    pub statuses: Vec<(String, usize)>,
    /// Clients that gave up.
    pub gave_up: usize,
    /// Median of the answered requests in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_seconds: Option<f64>,
    /// 95th percentile of the answered requests in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_seconds: Option<f64>,
    /// The longest of the answered requests in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_seconds: Option<f64>,
}
