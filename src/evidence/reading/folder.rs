//! Evidence of whatever kind as a bundle.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::content::{self, Kind};
use super::error::ReadError;
use super::exports::Exports;
use super::metrics;
use super::names::{Content, classify, stamp};
use super::responses::{split_probes, split_responses};
use super::samples;
use super::source::{Inputs, Item};
use crate::encoding::line;
use crate::evidence::bundle::{
    Bundle, CommandCapture, DigestState, FileNote, FileState, SampleSet, SettingsCapture,
    TextCapture,
};
use crate::evidence::criteria::{Moment, SnapshotKind};
use crate::evidence::digests::sha256;
use crate::evidence::manifest::{Manifest, PhaseKind};
use crate::evidence::sample::Sample;
use crate::evidence::snapshot::{self, Snapshot};
use crate::tables::LogTable;

/// Bytes of a snapshot or a configuration beyond which it is not read.
const SNAPSHOT_LIMIT: u64 = 16 << 20;

/// Bytes of a text without times beyond which it is not kept.
const TEXT_LIMIT: u64 = 1 << 20;

/// Bytes by which the kind of a file is found that its name does not tell.
const HEAD: u64 = 1 << 16;

/// The manifest's path in a bundle.
const MANIFEST: &str = "manifest.json";

/// Files that an error about a folder without evidence names.
const FILES_NAMED: usize = 12;

/// Read a bundle: a folder, a zip, or a single file.
///
/// # Errors
/// If it is not there, or nothing in it is evidence. Single files that cannot be read are noted in
/// the bundle.
pub fn read(root: &Path) -> Result<Bundle, ReadError> {
    read_all(&[root.to_owned()])
}

/// Read whatever evidence there is in these folders, zips and files; `-` is standard input.
///
/// # Errors
/// As [`read`].
pub fn read_all(paths: &[PathBuf]) -> Result<Bundle, ReadError> {
    let bundle = read_whatever(paths)?;
    let something = bundle.manifest.is_some()
        || !bundle.snapshots.is_empty()
        || !bundle.samples.is_empty()
        || !bundle.commands.is_empty()
        || bundle.http.is_readable()
        || bundle.console.is_readable()
        || bundle.platform.is_readable();
    if something {
        return Ok(bundle);
    }
    let named = bundle.files.iter().take(FILES_NAMED);
    let files = named
        .map(|file| format!("\n  {}: {}", line(&file.path), line(&file.words())))
        .collect();
    Err(ReadError::NoEvidence {
        name: line(&bundle.name).into_owned(),
        files,
    })
}

/// Read whatever is in these folders, zips and files, be it nothing that a verdict could judge.
///
/// # Errors
/// If one of them is not there.
pub fn read_whatever(paths: &[PathBuf]) -> Result<Bundle, ReadError> {
    let inputs = Inputs::collect(paths)?;
    let mut reader = Reader::new(&inputs);
    reader.read_manifest();
    let manifest = reader.bundle.manifest.clone();
    std::thread::scope(|scope| {
        // Digests need every byte as well; on two processors they cost no time of their own.
        let listed = scope.spawn(|| digests(&inputs, manifest.as_ref()));
        reader.read_files();
        reader.note_digests(listed.join().unwrap_or_default());
    });
    Ok(reader.bundle)
}

/// How each file compares with the manifest; empty without one.
fn digests(inputs: &Inputs, manifest: Option<&Manifest>) -> BTreeMap<String, DigestState> {
    let Some(manifest) = manifest.filter(|manifest| !manifest.files.is_empty()) else {
        return BTreeMap::new();
    };
    let listed: BTreeMap<&str, &str> = manifest
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    let compare = |item: &Item| {
        let state = match listed.get(item.path.as_str()) {
            None => DigestState::NotListed,
            Some(expected) => match inputs.with(item, sha256) {
                Ok(Ok(found)) if found == *expected => DigestState::Matches,
                _ => DigestState::Altered,
            },
        };
        (item.path.clone(), state)
    };
    inputs
        .items
        .iter()
        .filter(|item| item.path != MANIFEST)
        .map(compare)
        .collect()
}

/// What became of a file, and what it was taken for.
struct Taken {
    state: FileState,
    words: Option<String>,
}

struct Reader<'r> {
    inputs: &'r Inputs,
    bundle: Bundle,
    notes: BTreeMap<String, FileNote>,
}

impl<'r> Reader<'r> {
    fn new(inputs: &'r Inputs) -> Reader<'r> {
        let mut reader = Reader {
            inputs,
            bundle: Bundle::empty(&inputs.name),
            notes: BTreeMap::new(),
        };
        for (path, state) in &inputs.passed_by {
            reader.note(path, state.clone(), None);
        }
        reader
    }

    fn note(&mut self, path: &str, state: FileState, taken_for: Option<String>) {
        let note = FileNote::new(path, state, taken_for);
        self.notes.insert(path.to_owned(), note);
    }

    /// The text of a file, or the reason why there is none.
    fn text(&self, item: &Item) -> Result<String, FileState> {
        let unreadable = |reason: String| FileState::Unreadable { reason };
        if item.size > SNAPSHOT_LIMIT {
            return Err(unreadable(format!(
                "{} bytes are more than such a file has",
                item.size
            )));
        }
        let mut bytes = Vec::new();
        self.inputs
            .with(item, |source| {
                source.take(SNAPSHOT_LIMIT).read_to_end(&mut bytes)
            })
            .and_then(|read| read)
            .map_err(|error| unreadable(error.to_string()))?;
        if bytes.trim_ascii().is_empty() {
            return Err(FileState::Empty);
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn read_manifest(&mut self) {
        let Some(item) = self.inputs.item(MANIFEST) else {
            return;
        };
        let state = match self.text(item) {
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
        self.note(MANIFEST, state, Some("the manifest".to_owned()));
    }

    fn read_files(&mut self) {
        let mut exports = Exports::default();
        let inputs = self.inputs;
        for item in &inputs.items {
            let content = classify(&item.path);
            let words = content.words();
            let state = match content {
                Content::Manifest => continue,
                Content::Unnamed(table) => {
                    if let Some(taken) = self.read_by_content(item, table, &mut exports) {
                        self.note(&item.path, taken.state, taken.words);
                    }
                    continue;
                }
                Content::Report | Content::Timeline => Ok(FileState::NotUsed),
                Content::Snapshot(kind, at, slot) => self.read_snapshot(item, kind, at, slot),
                Content::Processes => samples::read_processes(inputs, item).map(|processes| {
                    self.bundle.processes = processes;
                    FileState::Read
                }),
                Content::Samples(phase) => self.read_samples(item, &phase),
                Content::Responses(route) => self.read_responses(item, &route),
                Content::Probes => self.read_probes(item),
                Content::Command(moment) => self.read_command(item, moment),
                Content::SiteConfig(moment) => self.read_site_config(item, moment),
                Content::Settings(moment, slot) => self.read_settings(item, moment, slot),
            };
            self.note(&item.path, state.unwrap_or_else(|state| state), Some(words));
        }
        let rest = exports.finish(inputs, &mut self.bundle, &mut self.notes);
        for path in rest {
            self.read_rest(&path);
        }
    }

    /// Read a file whose name does not tell; an export of a table goes among `exports`.
    fn read_by_content(
        &mut self,
        item: &Item,
        table: Option<LogTable>,
        exports: &mut Exports,
    ) -> Option<Taken> {
        let mut head = Vec::new();
        let begun = self
            .inputs
            .with(item, |source| source.take(HEAD).read_to_end(&mut head))
            .and_then(|read| read);
        if let Err(error) = begun {
            let reason = error.to_string();
            let state = FileState::Unreadable { reason };
            return Some(Taken { state, words: None });
        }
        let (state, words) = match content::kind_of(&item.path, &head) {
            Kind::Binary => (Ok(FileState::NotUsed), "not a text"),
            Kind::Page => (Ok(FileState::NotUsed), "a page of HTML"),
            Kind::Script => (self.read_script(item), "a script"),
            Kind::SiteConfig => (
                self.read_site_config(item, Moment::Before),
                "the site's configuration",
            ),
            Kind::Settings => (
                self.read_settings(item, Moment::Before, None),
                "application settings",
            ),
            Kind::Metrics => (self.read_metrics(item), "figures over time"),
            Kind::Flattened => {
                self.note_flattened(item);
                return None;
            }
            Kind::Unknown => {
                exports.read(self.inputs, item, table);
                return None;
            }
        };
        Some(Taken {
            state: state.unwrap_or_else(|state| state),
            words: Some(words.to_owned()),
        })
    }

    fn read_metrics(&mut self, item: &Item) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        let metrics = metrics::read_answer(&json_of(&text)?, &item.path);
        if metrics.is_empty() {
            return Ok(FileState::NotUsed);
        }
        self.bundle.metrics.extend(metrics);
        Ok(FileState::Read)
    }

    fn note_flattened(&mut self, item: &Item) {
        let reason = "PowerShell flattened its rows to `@{...}` or `System.Object[]`".to_owned();
        let mut note = FileNote::new(&item.path, FileState::Unreadable { reason }, None);
        note.help = Some(
            "write the export with `| ConvertTo-Json -Depth 10`, or with `--output json > FILE`"
                .to_owned(),
        );
        self.notes.insert(item.path.clone(), note);
    }

    fn read_snapshot(
        &mut self,
        item: &Item,
        kind: SnapshotKind,
        at: PhaseKind,
        slot: Option<String>,
    ) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        let body =
            snapshot::parse(kind, text.as_bytes()).map_err(|error| FileState::Unreadable {
                reason: error.to_string(),
            })?;
        let taken = self.bundle.manifest.as_ref().and_then(|manifest| {
            let capture = manifest
                .captures
                .iter()
                .find(|capture| capture.file == item.path)?;
            // The body tells of the moment of the answer, which may be long after the request.
            let waited = jiff::SignedDuration::try_from_secs_f64(capture.seconds).ok()?;
            capture.requested.checked_add(waited).ok()
        });
        self.bundle.snapshots.push(Snapshot {
            file: item.path.clone(),
            at,
            slot,
            taken,
            body,
        });
        Ok(FileState::Read)
    }

    fn read_samples(&mut self, item: &Item, phase: &str) -> Result<FileState, FileState> {
        let (samples, state) = samples::read(self.inputs, item)?;
        let kind = self.phase_kind(phase);
        self.push_samples(&item.path, phase, kind, samples);
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

    fn read_responses(&mut self, item: &Item, route: &str) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        let mut samples = split_responses(&text, route).map_err(|error| FileState::Unreadable {
            reason: error.to_string(),
        })?;
        samples::infer_client_limit(&mut samples);
        let phase = route.trim_start_matches('/');
        self.push_samples(&item.path, phase, PhaseKind::Trigger, samples);
        Ok(FileState::Read)
    }

    fn read_probes(&mut self, item: &Item) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        let samples = split_probes(&text).map_err(|error| FileState::Unreadable {
            reason: error.to_string(),
        })?;
        self.push_samples(&item.path, "recovery", PhaseKind::Recovery, samples);
        Ok(FileState::Read)
    }

    fn read_command(&mut self, item: &Item, moment: Moment) -> Result<FileState, FileState> {
        let text = self.text(item)?.trim().to_owned();
        self.push_command(&item.path, moment, text);
        Ok(FileState::Read)
    }

    fn push_command(&mut self, path: &str, moment: Moment, text: String) {
        self.bundle.commands.push(CommandCapture {
            moment,
            text,
            file: path.to_owned(),
        });
    }

    fn read_site_config(&mut self, item: &Item, moment: Moment) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        match content::startup_command(&json_of(&text)?) {
            Some(command) => {
                self.push_command(&item.path, moment, command.to_owned());
                Ok(FileState::Read)
            }
            None => Ok(FileState::NotUsed),
        }
    }

    fn read_settings(
        &mut self,
        item: &Item,
        moment: Moment,
        slot: Option<String>,
    ) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        let Some(settings) = content::settings(&json_of(&text)?, slot.as_deref()) else {
            let reason = "not a list of settings".to_owned();
            return Err(FileState::Unreadable { reason });
        };
        self.bundle.settings.push(SettingsCapture {
            moment,
            slot,
            settings,
            file: item.path.clone(),
        });
        Ok(FileState::Read)
    }

    /// A text that is no export: figures over time, or words that a person may read.
    fn read_rest(&mut self, path: &str) {
        let inputs = self.inputs;
        let Some(item) = inputs.item(path).filter(|item| item.size <= TEXT_LIMIT) else {
            return;
        };
        let Ok(text) = self.text(item) else { return };
        let metrics = metrics::read(&text, path);
        if metrics.is_empty() {
            self.bundle.texts.push(TextCapture {
                name: name_of(path).to_owned(),
                text,
                file: path.to_owned(),
            });
            return;
        }
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        let words = format!("figures over time: {}", names.join(", "));
        self.note(path, FileState::Read, Some(words));
        self.bundle.metrics.extend(metrics);
    }

    fn read_script(&mut self, item: &Item) -> Result<FileState, FileState> {
        let text = self.text(item)?;
        let name = name_of(&item.path);
        self.bundle.scripts.push(TextCapture {
            name: name.to_owned(),
            text,
            file: item.path.clone(),
        });
        Ok(FileState::Read)
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
            if !self.notes.contains_key(&path) {
                self.note(&path, FileState::Missing, None);
            }
        }
        for (path, note) in std::mem::take(&mut self.notes) {
            self.bundle.files.push(FileNote {
                digest: digests.remove(&path),
                ..note
            });
        }
    }
}

/// A file's own name.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn json_of(text: &str) -> Result<serde_json::Value, FileState> {
    serde_json::from_str(text).map_err(|error| FileState::Unreadable {
        reason: error.to_string(),
    })
}
