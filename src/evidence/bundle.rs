//! A bundle in memory: everything that could be read of it, and a note on everything else.

use std::sync::Arc;

use serde::Serialize;

use super::criteria::{Moment, SnapshotKind};
use super::manifest::{Manifest, PhaseKind, Setting};
use super::processes::ProcessSample;
use super::sample::Sample;
use super::snapshot::Snapshot;
use crate::tables::LogTime;

/// Everything that was captured of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Name of the folder.
    pub name: String,
    /// The bundle's own account; published runs have none.
    pub manifest: Option<Manifest>,
    /// Startup commands, in the order of their files.
    pub commands: Vec<CommandCapture>,
    /// Snapshots of the target's diagnostic routes, in the order of their files.
    pub snapshots: Vec<Snapshot>,
    /// Raw samples, one set a file.
    pub samples: Vec<SampleSet>,
    /// The server's processes over the run, in the order of the file.
    pub processes: Vec<ProcessSample>,
    /// Application settings of a slot, as captured.
    pub settings: Vec<SettingsCapture>,
    /// Scripts that start the application, as captured.
    pub scripts: Vec<TextCapture>,
    /// Texts without times, such as the log of a build.
    pub texts: Vec<TextCapture>,
    /// Figures over time of the plan or the site, as exported.
    pub metrics: Vec<MetricCapture>,
    /// AppServiceHTTPLogs, oldest row first.
    pub http: Table<HttpEvent>,
    /// AppServiceConsoleLogs, oldest row first.
    pub console: Table<TextEvent>,
    /// AppServicePlatformLogs, oldest row first.
    pub platform: Table<TextEvent>,
    /// What became of every file, sorted by path.
    pub files: Vec<FileNote>,
}

impl Bundle {
    /// A bundle of that name with nothing in it.
    pub fn empty(name: &str) -> Bundle {
        Bundle {
            name: name.to_owned(),
            manifest: None,
            commands: Vec::new(),
            snapshots: Vec::new(),
            samples: Vec::new(),
            processes: Vec::new(),
            settings: Vec::new(),
            scripts: Vec::new(),
            texts: Vec::new(),
            metrics: Vec::new(),
            http: Table::default(),
            console: Table::default(),
            platform: Table::default(),
            files: Vec::new(),
        }
    }

    /// Snapshots of one route at one stage, in the order of their files.
    pub fn snapshots_of(
        &self,
        kind: SnapshotKind,
        at: PhaseKind,
    ) -> impl Iterator<Item = &Snapshot> {
        self.snapshots
            .iter()
            .filter(move |snapshot| snapshot.kind() == kind && snapshot.at == at)
    }

    /// The startup command at that moment; the last file that names one counts.
    pub fn command(&self, moment: Moment) -> Option<&CommandCapture> {
        self.commands
            .iter()
            .rev()
            .find(|capture| capture.moment == moment)
    }

    /// Samples of the trigger: everything but baseline and recovery.
    pub fn trigger_samples(&self) -> impl Iterator<Item = (&SampleSet, &Sample)> {
        self.samples_where(|kind| !matches!(kind, PhaseKind::Baseline | PhaseKind::Recovery))
    }

    /// Samples of the phases that `wanted` selects, each with its set.
    pub fn samples_where(
        &self,
        wanted: impl Fn(PhaseKind) -> bool,
    ) -> impl Iterator<Item = (&SampleSet, &Sample)> {
        self.samples
            .iter()
            .filter(move |set| wanted(set.kind))
            .flat_map(|set| set.samples.iter().map(move |sample| (set, sample)))
    }
}

/// One table, merged from every file that holds rows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<T> {
    /// The files that hold rows of it or are an export without any, in the order of their names.
    pub files: Vec<String>,
    /// Its rows, oldest first, each once.
    pub rows: Vec<T>,
    /// What it lacks: absence of a row proves nothing while there is any.
    pub gaps: Vec<Gap>,
}

/// Why rows of a table may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The file.
    pub file: String,
    /// What became of it.
    pub reason: String,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            files: Vec::new(),
            rows: Vec::new(),
            gaps: Vec::new(),
        }
    }
}

impl<T> Table<T> {
    /// True if there was an export that could be read, even one without rows.
    pub fn is_readable(&self) -> bool {
        !self.files.is_empty()
    }

    /// True if there was an export, and nothing of it or of another was lost.
    pub fn is_complete(&self) -> bool {
        self.is_readable() && self.gaps.is_empty()
    }

    /// The file of that number, which a row carries.
    pub fn file(&self, number: u16) -> Option<&str> {
        self.files.get(usize::from(number)).map(String::as_str)
    }
}

/// A row of AppServiceHTTPLogs, with the columns that a verdict reads. Texts are shared: a table
/// has many rows and few routes.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpEvent {
    /// When the row was written: the end of the request.
    pub time: LogTime,
    /// Number of the row in its export, from 1.
    pub row: u32,
    /// The export, as a number among [`Table::files`].
    pub file: u16,
    /// Status; `None` where the export does not say.
    pub status: Option<u16>,
    /// Milliseconds until the end.
    pub taken_ms: Option<u32>,
    /// Method, where the export has it.
    pub method: Option<Arc<str>>,
    /// Path.
    pub route: Arc<str>,
    /// Host header, where the export has it.
    pub host: Option<Arc<str>>,
    /// Whether the front end refused it because the front end itself lacked a descriptor.
    pub lacked_descriptor: bool,
}

impl HttpEvent {
    /// True for a row that tells something of the site itself.
    pub fn is_of_the_site(&self) -> bool {
        !self.is_deployment_site() && !self.lacked_descriptor
    }

    /// True for a row of the deployment site, which is another container.
    pub fn is_deployment_site(&self) -> bool {
        self.host
            .as_deref()
            .is_some_and(|host| host.contains(".scm."))
    }

    /// When the request began.
    pub fn started(&self) -> LogTime {
        let seconds = f64::from(self.taken_ms.unwrap_or(0)) / 1000.0;
        self.time.plus_seconds(-seconds)
    }
}

/// A row of AppServiceConsoleLogs or AppServicePlatformLogs.
#[derive(Debug, Clone, PartialEq)]
pub struct TextEvent {
    /// When the row was written.
    pub time: LogTime,
    /// Number of the row in its export, from 1.
    pub row: u32,
    /// The export, as a number among [`Table::files`].
    pub file: u16,
    /// Level, where the export has it.
    pub level: Option<Arc<str>>,
    /// The line or the message.
    pub text: Box<str>,
}

/// A startup command, as captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandCapture {
    /// Before or after the fix.
    pub moment: Moment,
    /// The command.
    pub text: String,
    /// The file that says so.
    pub file: String,
}

/// Application settings of one slot, as az lists them.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsCapture {
    /// Before or after the fix.
    pub moment: Moment,
    /// The slot, where the file's name says so.
    pub slot: Option<String>,
    /// The settings.
    pub settings: Vec<Setting>,
    /// The file that says so.
    pub file: String,
}

/// One figure over time, as exported.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricCapture {
    /// What the export calls it, for instance `MemoryPercentage`.
    pub name: String,
    /// Its values, in the order of the export.
    pub values: Vec<(LogTime, f64)>,
    /// The file that says so.
    pub file: String,
}

/// A script or another text, as captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextCapture {
    /// Its own name, without folders.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// Its path in the evidence.
    pub file: String,
}

/// The raw samples of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleSet {
    /// The file.
    pub file: String,
    /// Name of the phase.
    pub phase: String,
    /// What the phase is for.
    pub kind: PhaseKind,
    /// When the script that wrote the file began, where the file's name says so: published runs
    /// have no other clock.
    pub script_started: Option<jiff::Timestamp>,
    /// The rows.
    pub samples: Vec<Sample>,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileNote {
    /// Path in the bundle, with `/`.
    pub path: String,
    /// What became of it.
    #[serde(flatten)]
    pub state: FileState,
    /// What it was taken for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_for: Option<String>,
    /// What else a reader should know of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The command whose output would have been read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether it is still the file that the manifest lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestState>,
}

impl FileNote {
    /// A note with nothing else to know.
    pub(super) fn new(path: &str, state: FileState, taken_for: Option<String>) -> Self {
        Self {
            path: path.to_owned(),
            state,
            taken_for,
            notes: Vec::new(),
            help: None,
            digest: None,
        }
    }

    /// What it was taken for, or why for nothing.
    pub fn words(&self) -> String {
        let taken = self
            .taken_for
            .as_deref()
            .unwrap_or("nothing that is judged");
        let mut text = match &self.state {
            FileState::Read | FileState::NotUsed => taken.to_owned(),
            FileState::PartlyRead { reason } => format!("{taken}; in part: {reason}"),
            FileState::Empty => "empty".to_owned(),
            FileState::Unreadable { reason } => format!("not read: {reason}"),
            FileState::Missing => "listed in the manifest, and not there".to_owned(),
        };
        for note in &self.notes {
            text.push_str("; ");
            text.push_str(note);
        }
        text
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum FileState {
    /// It was read.
    Read,
    /// It was read, though not all of it.
    PartlyRead {
        /// What could not be read.
        reason: String,
    },
    /// It has no content.
    Empty,
    /// It could not be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// Nothing that a verdict reads.
    NotUsed,
    /// The manifest lists it, and it is not there.
    Missing,
}

/// How a file compares with the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestState {
    /// The digest is the manifest's.
    Matches,
    /// It was changed after the manifest was written.
    Altered,
    /// The manifest does not list it.
    NotListed,
}
