//! A folder as a bundle.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::names::{Content, classify, stamp};
use super::responses::{split_probes, split_responses};
use super::table_files::{ConsoleEvent, PlatformEvent, read_exports};
use crate::evidence::bundle::{
    Bundle, CommandCapture, DigestState, FileNote, FileState, SampleSet,
};
use crate::evidence::criteria::{Moment, SnapshotKind};
use crate::evidence::digests::sha256_of_file;
use crate::evidence::manifest::{Manifest, PhaseKind};
use crate::evidence::sample::Sample;
use crate::evidence::snapshot::{self, Snapshot};
use crate::load::FailureClass;
use crate::tables::ends_within_a_line;

/// Folders below the bundle's own that are looked into.
const DEPTH: usize = 3;

/// Bytes of a snapshot or a configuration beyond which it is not read.
const SNAPSHOT_LIMIT: u64 = 16 << 20;

/// How far below the longest wait a request without an answer may end and still have ended at the
/// same limit.
const LIMIT_TOLERANCE: f64 = 0.02;

/// A folder that is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there, or not a folder.
    #[error("`{}` is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// It could not be listed.
    #[error("cannot list `{}`: {source}", path.display())]
    List {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing in it is evidence.
    #[error("`{}` holds no evidence: neither a manifest nor a snapshot, sample or table", path.display())]
    NoEvidence {
        /// The path.
        path: PathBuf,
    },
}

/// Read the bundle in a folder.
///
/// # Errors
/// If the folder cannot be listed or nothing in it is evidence. Single files that cannot be read
/// are noted in the bundle.
pub fn read(root: &Path) -> Result<Bundle, ReadError> {
    if !root.is_dir() {
        return Err(ReadError::NotAFolder {
            path: root.to_owned(),
        });
    }
    let mut paths = Vec::new();
    list(root, "", DEPTH, &mut paths)?;
    paths.sort();
    let mut reader = Reader::new(root);
    reader.read_manifest(&paths);
    let manifest = reader.bundle.manifest.clone();
    std::thread::scope(|scope| {
        // Digests need every byte as well; on two processors they cost no time of their own.
        let listed = scope.spawn(|| digests(root, manifest.as_ref(), &paths));
        reader.read_files(&paths);
        reader.note_digests(listed.join().unwrap_or_default());
    });
    reader.finish().ok_or_else(|| ReadError::NoEvidence {
        path: root.to_owned(),
    })
}

fn list(root: &Path, below: &str, depth: usize, paths: &mut Vec<String>) -> Result<(), ReadError> {
    let folder = root.join(below);
    let fail = |source| ReadError::List {
        path: folder.clone(),
        source,
    };
    for entry in fs::read_dir(&folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if kind.is_dir() && depth > 0 {
            list(root, &path, depth - 1, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

/// How each file compares with the manifest; empty without one.
fn digests(
    root: &Path,
    manifest: Option<&Manifest>,
    paths: &[String],
) -> BTreeMap<String, DigestState> {
    let Some(manifest) = manifest.filter(|manifest| !manifest.files.is_empty()) else {
        return BTreeMap::new();
    };
    let listed: BTreeMap<&str, &str> = manifest
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    let compare = |path: &String| {
        let state = match listed.get(path.as_str()) {
            None => DigestState::NotListed,
            Some(expected) => match sha256_of_file(&root.join(path)) {
                Ok((found, _)) if found == *expected => DigestState::Matches,
                _ => DigestState::Altered,
            },
        };
        (path.clone(), state)
    };
    paths
        .iter()
        .filter(|path| *path != "manifest.json")
        .map(compare)
        .collect()
}

struct Reader<'r> {
    root: &'r Path,
    bundle: Bundle,
    notes: BTreeMap<String, FileState>,
}

impl<'r> Reader<'r> {
    fn new(root: &'r Path) -> Reader<'r> {
        let canonical = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let name = canonical
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Reader {
            root,
            bundle: Bundle::empty(&name),
            notes: BTreeMap::new(),
        }
    }

    fn note(&mut self, path: &str, state: FileState) {
        self.notes.insert(path.to_owned(), state);
    }

    /// The text of a file, or the reason why there is none.
    fn text(&self, path: &str) -> Result<String, FileState> {
        let full = self.root.join(path);
        let unreadable = |reason: String| FileState::Unreadable { reason };
        let size = fs::metadata(&full)
            .map_err(|error| unreadable(error.to_string()))?
            .len();
        if size > SNAPSHOT_LIMIT {
            return Err(unreadable(format!(
                "{size} bytes are more than such a file has"
            )));
        }
        let bytes = fs::read(&full).map_err(|error| unreadable(error.to_string()))?;
        if bytes.trim_ascii().is_empty() {
            return Err(FileState::Empty);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn read_manifest(&mut self, paths: &[String]) {
        if !paths.iter().any(|path| path == "manifest.json") {
            return;
        }
        let state = match self.text("manifest.json") {
            Err(state) => state,
            Ok(text) => match serde_json::from_str::<Manifest>(&text) {
                Ok(manifest) => {
                    self.bundle.manifest = Some(manifest);
                    FileState::Read
                }
                Err(error) => FileState::Unreadable {
                    reason: error.to_string(),
                },
            },
        };
        self.note("manifest.json", state);
    }

    fn read_files(&mut self, paths: &[String]) {
        let (mut http, mut console, mut platform) = (Vec::new(), Vec::new(), Vec::new());
        for path in paths {
            let state = match classify(path) {
                Content::Manifest => continue,
                Content::Http => {
                    http.push(path.clone());
                    continue;
                }
                Content::Console => {
                    console.push(path.clone());
                    continue;
                }
                Content::Platform => {
                    platform.push(path.clone());
                    continue;
                }
                Content::Snapshot(kind, at, slot) => self.read_snapshot(path, kind, at, slot),
                Content::Samples(phase) => self.read_samples(path, &phase),
                Content::Responses(route) => self.read_responses(path, &route),
                Content::Probes => self.read_probes(path),
                Content::Command(moment) => self.read_command(path, moment),
                Content::SiteConfig(moment) => self.read_site_config(path, moment),
                Content::Other => Ok(FileState::NotUsed),
            };
            self.note(path, state.unwrap_or_else(|state| state));
        }
        let (table, states) = read_exports(self.root, &http);
        self.bundle.http = table;
        self.notes.extend(states);
        let (table, states) = read_exports::<ConsoleEvent, _>(self.root, &console);
        self.bundle.console = table;
        self.notes.extend(states);
        let (table, states) = read_exports::<PlatformEvent, _>(self.root, &platform);
        self.bundle.platform = table;
        self.notes.extend(states);
    }

    fn read_snapshot(
        &mut self,
        path: &str,
        kind: SnapshotKind,
        at: PhaseKind,
        slot: Option<String>,
    ) -> Result<FileState, FileState> {
        let text = self.text(path)?;
        let body =
            snapshot::parse(kind, text.as_bytes()).map_err(|error| FileState::Unreadable {
                reason: error.to_string(),
            })?;
        let taken = self.bundle.manifest.as_ref().and_then(|manifest| {
            let capture = manifest
                .captures
                .iter()
                .find(|capture| capture.file == path)?;
            // The body tells of the moment of the answer, which may be long after the request.
            let waited = jiff::SignedDuration::try_from_secs_f64(capture.seconds).ok()?;
            capture.requested.checked_add(waited).ok()
        });
        self.bundle.snapshots.push(Snapshot {
            file: path.to_owned(),
            at,
            slot,
            taken,
            body,
        });
        Ok(FileState::Read)
    }

    fn read_samples(&mut self, path: &str, phase: &str) -> Result<FileState, FileState> {
        let full = self.root.join(path);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_path(&full)
            .map_err(|error| FileState::Unreadable {
                reason: error.to_string(),
            })?;
        let mut samples: Vec<Sample> = Vec::new();
        let mut first_fault = None;
        let mut last_was_read = false;
        for row in reader.deserialize::<Sample>() {
            last_was_read = false;
            match row {
                Ok(sample) if has_durations(&sample) => {
                    last_was_read = true;
                    samples.push(sample);
                }
                Ok(sample) => {
                    let index = sample.index;
                    first_fault
                        .get_or_insert(format!("request {index}: a duration is no duration"));
                }
                Err(error) => {
                    first_fault.get_or_insert(error.to_string());
                }
            }
        }
        // Every row is written with the end of its line: a line without one was cut, and its last
        // number may lack digits that nobody misses.
        let is_cut = std::fs::File::open(&full).and_then(|mut file| ends_within_a_line(&mut file));
        if last_was_read && is_cut.unwrap_or(true) {
            samples.pop();
            first_fault.get_or_insert("the last line is cut".to_owned());
        }
        let state = match first_fault {
            None => FileState::Read,
            Some(reason) if samples.is_empty() => return Err(FileState::Unreadable { reason }),
            // The last row of a run that was killed may be cut.
            Some(reason) => FileState::PartlyRead { reason },
        };
        if samples.is_empty() {
            return Err(FileState::Empty);
        }
        let kind = self.phase_kind(phase);
        self.push_samples(path, phase, kind, samples);
        Ok(state)
    }

    fn phase_kind(&self, phase: &str) -> PhaseKind {
        let listed = self
            .bundle
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.phases.iter().find(|listed| listed.name == phase));
        match (listed, phase) {
            (Some(listed), _) => listed.kind,
            (None, "baseline") => PhaseKind::Baseline,
            (None, "recovery") => PhaseKind::Recovery,
            (None, "post") => PhaseKind::Post,
            (None, _) => PhaseKind::Trigger,
        }
    }

    fn push_samples(&mut self, path: &str, phase: &str, kind: PhaseKind, samples: Vec<Sample>) {
        self.bundle.samples.push(SampleSet {
            file: path.to_owned(),
            phase: phase.to_owned(),
            kind,
            script_started: stamp(path),
            samples,
        });
    }

    fn read_responses(&mut self, path: &str, route: &str) -> Result<FileState, FileState> {
        let text = self.text(path)?;
        let mut samples = split_responses(&text, route).map_err(|error| FileState::Unreadable {
            reason: error.to_string(),
        })?;
        infer_client_limit(&mut samples);
        let phase = route.trim_start_matches('/');
        self.push_samples(path, phase, PhaseKind::Trigger, samples);
        Ok(FileState::Read)
    }

    fn read_probes(&mut self, path: &str) -> Result<FileState, FileState> {
        let text = self.text(path)?;
        let samples = split_probes(&text).map_err(|error| FileState::Unreadable {
            reason: error.to_string(),
        })?;
        self.push_samples(path, "recovery", PhaseKind::Recovery, samples);
        Ok(FileState::Read)
    }

    fn read_command(&mut self, path: &str, moment: Moment) -> Result<FileState, FileState> {
        let text = self.text(path)?.trim().to_owned();
        self.push_command(path, moment, text);
        Ok(FileState::Read)
    }

    fn push_command(&mut self, path: &str, moment: Moment, text: String) {
        self.bundle.commands.push(CommandCapture {
            moment,
            text,
            file: path.to_owned(),
        });
    }

    fn read_site_config(&mut self, path: &str, moment: Moment) -> Result<FileState, FileState> {
        let text = self.text(path)?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| FileState::Unreadable {
                reason: error.to_string(),
            })?;
        match value
            .get("appCommandLine")
            .and_then(serde_json::Value::as_str)
        {
            Some(command) => {
                self.push_command(path, moment, command.to_owned());
                Ok(FileState::Read)
            }
            None => Ok(FileState::NotUsed),
        }
    }

    fn note_digests(&mut self, mut digests: BTreeMap<String, DigestState>) {
        let listed: Vec<String> = self
            .bundle
            .manifest
            .iter()
            .flat_map(|manifest| &manifest.files)
            .map(|file| file.path.clone())
            .collect();
        for path in listed {
            self.notes.entry(path).or_insert(FileState::Missing);
        }
        for (path, state) in &self.notes {
            self.bundle.files.push(FileNote {
                path: path.clone(),
                state: state.clone(),
                digest: digests.remove(path),
            });
        }
    }

    /// The bundle, unless there is nothing in it.
    fn finish(self) -> Option<Bundle> {
        let bundle = self.bundle;
        let something = bundle.manifest.is_some()
            || !bundle.snapshots.is_empty()
            || !bundle.samples.is_empty()
            || !bundle.commands.is_empty()
            || bundle.http.is_readable()
            || bundle.console.is_readable()
            || bundle.platform.is_readable();
        something.then_some(bundle)
    }
}

/// True if every duration that is there is a number of seconds, zero or more.
fn has_durations(sample: &Sample) -> bool {
    [
        sample.ttfb_seconds,
        sample.total_seconds,
        sample.client_limit_seconds,
    ]
    .into_iter()
    .flatten()
    .all(|seconds| seconds.is_finite() && seconds >= 0.0)
}

/// Published response files do not say how long the client was willing to wait. Where at least two
/// requests without an answer ended together, and no answer took longer, that was the limit.
fn infer_client_limit(samples: &mut [Sample]) {
    let waits: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.status.is_none())
        .filter_map(|sample| sample.total_seconds)
        .collect();
    let longest = waits.iter().copied().fold(0.0, f64::max);
    let together = |wait: f64| wait >= longest * (1.0 - LIMIT_TOLERANCE);
    let longest_of_all = samples
        .iter()
        .filter_map(|sample| sample.total_seconds)
        .fold(0.0, f64::max);
    if waits.iter().filter(|wait| together(**wait)).count() < 2 || longest_of_all > longest {
        return;
    }
    for sample in samples.iter_mut() {
        sample.client_limit_seconds = Some(longest);
        if sample.status.is_none() && sample.total_seconds.is_some_and(together) {
            sample.error = Some(FailureClass::Timeout);
        }
    }
}
