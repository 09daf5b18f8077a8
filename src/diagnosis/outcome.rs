//! What a diagnosis says.

use schemars::JsonSchema;
use serde::Serialize;

use super::cause::Ask;
use super::quote::Cited;
use super::window::TroubleWindow;
use crate::evidence::bundle::FileNote;

/// The answer: every cause with its likelihood, and what the evidence says of the first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// Version of this form.
    pub schema_version: u32,
    /// How sure the first place is.
    pub certainty: Certainty,
    /// Every cause, the likeliest first; the likelihoods add up to one.
    pub ranking: Vec<Ranked>,
    /// The question that would separate the first two best.
    pub question: Question,
    /// What is missing, and the command that exports it.
    pub missing: Vec<Missing>,
    /// Why what was read may be doubted, each in a sentence.
    pub quality_warnings: Vec<String>,
    /// When there was trouble.
    pub windows: Vec<TroubleWindow>,
    /// Which of the windows is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained_window: Option<usize>,
    /// The routes of the HTTP table, and what they were taken for.
    pub routes: Vec<RouteRole>,
    /// The queue before the workers, where the table tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Events, requests in flight and failures on one axis.
    pub timeline: Timeline,
    /// What became of every file.
    pub files: Vec<ReadFile>,
}

/// How sure a diagnosis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The first cause has nine tenths or more.
    Clear,
    /// It has a half or more.
    Likely,
    /// Less.
    Open,
}

/// One cause in its place.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Ranked {
    /// Its name.
    pub cause: String,
    /// Its name in words.
    pub words: String,
    /// How likely it is, 0 to 1.
    pub likelihood: f64,
    /// Rows that speak for it.
    pub evidence: Vec<Cited>,
    /// What speaks for it, each with its rows.
    #[serde(rename = "for")]
    pub speaks_for: Vec<Said>,
    /// What speaks against it.
    pub against: Vec<Said>,
    /// What would tell, and has no evidence.
    pub open: Vec<String>,
    /// How it makes the symptom.
    pub explains: String,
    /// What ends it.
    pub remedy: String,
}

/// One clue, as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Said {
    /// In a sentence.
    pub says: String,
    /// What it adds to the log-odds.
    pub weight: f64,
    /// The rows.
    pub rows: Vec<Cited>,
}

/// A question and how to get its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Question {
    /// The two causes that it separates.
    pub between: Vec<String>,
    /// What to ask, as a query and as a command.
    #[serde(flatten)]
    pub ask: Ask,
}

/// Evidence that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Missing {
    /// What.
    pub what: String,
    /// How it is exported.
    pub command: String,
}

/// A route and its role.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RouteRole {
    /// The path.
    pub route: String,
    /// What it was taken for.
    pub role: Role,
    /// Why.
    pub because: String,
    /// Requests.
    pub requests: usize,
    /// Of these 5xx.
    pub server_errors: usize,
    /// Of these given up by their client.
    pub gave_up: usize,
    /// Seconds that it takes where nothing holds it up.
    pub own_seconds: f64,
    /// Seconds beyond that, of the middle request.
    pub wait_median_seconds: f64,
    /// And of the one that waited longest.
    pub wait_longest_seconds: f64,
}

/// What a route was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its requests occupy a worker.
    Held,
    /// Its own time is small.
    Quick,
    /// A path of health checks.
    Probe,
    /// There are too few requests to say.
    Unsure,
}

/// The queue before the workers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Queue {
    /// The least number of servers (workers, or workers times threads) that fits the rows.
    pub servers_least: u32,
    /// And the largest.
    pub servers_most: u32,
    /// Answers that the interval rests on; none where the command says the number.
    pub answers: Option<u32>,
    /// How that is known.
    pub known_by: String,
    /// The longest queue: requests in flight that no server had.
    pub longest: u32,
    /// When it was that long.
    pub longest_at: String,
    /// When it was worked off.
    pub worked_off_at: String,
}

/// What happened on one axis of time, in equal steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Timeline {
    /// The moment of the first step.
    pub from: String,
    /// Seconds of one step.
    pub step_seconds: f64,
    /// Most requests in flight within each step.
    pub in_flight: Vec<u32>,
    /// The longest wait of those that came within each step, in seconds.
    pub longest_wait: Vec<f64>,
    /// Requests that ended in a failure within each step.
    pub failures: Vec<u32>,
    /// What the platform and the console say.
    pub events: Vec<Event>,
}

/// An event of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Event {
    /// The step it lies in.
    pub step: usize,
    /// A letter for it.
    pub sign: char,
    /// The row.
    pub row: Cited,
}

/// A file, and what it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReadFile {
    /// Its path.
    pub path: String,
    /// What it was taken for, or why it was not read.
    pub taken_for: String,
    /// Whether anything of it counts.
    pub used: bool,
    /// The command whose output would have been read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl ReadFile {
    pub(super) fn of(note: &FileNote, used: bool) -> ReadFile {
        ReadFile {
            path: super::quote::shown(&note.path),
            taken_for: super::quote::shown(&note.words()),
            used,
            help: note.help.as_deref().map(super::quote::shown),
        }
    }
}

impl Diagnosis {
    /// The likeliest cause.
    pub fn first(&self) -> Option<&Ranked> {
        self.ranking.first()
    }
}

/// The JSON Schema of a diagnosis.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Diagnosis);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
