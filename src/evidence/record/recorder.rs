//! The recorder: the one writer of a bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use super::error::RecordError;
use super::files::{digest, prepare_folder, write_whole};
use super::samples::SamplesFile;
use super::scrub::Scrubber;
use crate::evidence::manifest::{
    Capture, Completion, Event, FileDigest, Machine, Manifest, Phase, PhaseKind,
};
use crate::evidence::sample::Sample;

/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// One answer of the target that is to be kept.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Where it goes in the bundle, for instance `baseline/diag-proc.json`.
    pub file: String,
    /// The phase that it belongs to.
    pub phase: PhaseKind,
    /// When it was asked for.
    pub requested: Timestamp,
    /// Seconds until the answer.
    pub seconds: f64,
    /// The worker that answered, where it said so.
    pub pid: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
}

/// Writes a bundle as a run goes.
#[derive(Debug)]
pub struct Recorder {
    root: PathBuf,
    manifest: Manifest,
    digests: BTreeMap<String, FileDigest>,
    open: Option<OpenPhase>,
    scrubber: Scrubber,
    begun: Instant,
}

#[derive(Debug)]
struct OpenPhase {
    name: String,
    relative: String,
    samples: Option<SamplesFile>,
}

impl Recorder {
    /// Begin a bundle in a folder that does not exist yet or is empty, and write its first
    /// manifest. The manifest's clock is taken to begin now.
    ///
    /// # Errors
    /// When the folder holds something, or cannot be made or written.
    pub fn create(root: &Path, manifest: Manifest) -> Result<Self, RecordError> {
        prepare_folder(root)?;
        let recorder = Self {
            root: root.to_owned(),
            manifest,
            digests: BTreeMap::new(),
            open: None,
            scrubber: Scrubber::new(),
            begun: Instant::now(),
        };
        recorder.write_manifest()?;
        Ok(recorder)
    }

    /// The bundle's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the manifest says so far.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Change the manifest and write it.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn amend(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<(), RecordError> {
        change(&mut self.manifest);
        self.write_manifest()
    }

    /// Note that a phase begins. Its samples file is made with the first sample.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn begin_phase(
        &mut self,
        name: &str,
        kind: PhaseKind,
        planned: u32,
        concurrency: Option<u32>,
    ) -> Result<(), RecordError> {
        self.open = Some(OpenPhase {
            name: name.to_owned(),
            relative: format!("trigger/samples-{name}.csv"),
            samples: None,
        });
        self.amend(|manifest| {
            manifest.phases.push(Phase {
                name: name.to_owned(),
                kind,
                started: Some(Timestamp::now()),
                ended: None,
                requests_planned: planned,
                requests_done: 0,
                concurrency,
            });
        })
    }

    /// Append one sample to the phase that is open.
    ///
    /// # Errors
    /// When no phase is open, or the row cannot be written; it is then not counted.
    pub fn sample(&mut self, sample: &Sample) -> Result<(), RecordError> {
        let Some(open) = &mut self.open else {
            return Err(RecordError::NoPhase {
                phase: sample.route.clone(),
            });
        };
        let samples = match &mut open.samples {
            Some(samples) => samples,
            none => none.insert(SamplesFile::create(&self.root, &open.relative)?),
        };
        samples.push(sample)?;
        if let Some(phase) = self.manifest.phases.last_mut() {
            phase.requests_done += 1;
        }
        Ok(())
    }

    /// Note that the open phase has ended, with the digest of its samples.
    ///
    /// # Errors
    /// When the samples cannot be synced or read back, or the manifest cannot be written.
    pub fn end_phase(&mut self) -> Result<(), RecordError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if let Some(samples) = open.samples {
            samples.sync()?;
            let digest = digest(&self.root, &open.relative)?;
            self.digests.insert(open.relative, digest);
        }
        self.amend(|manifest| {
            let ended = manifest
                .phases
                .iter_mut()
                .rfind(|phase| phase.name == open.name);
            if let Some(phase) = ended {
                phase.ended = Some(Timestamp::now());
            }
        })
    }

    /// Keep an answer of the target, with its secrets replaced.
    ///
    /// # Errors
    /// When the file or the manifest cannot be written.
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Result<(), RecordError> {
        let body = self.scrubber.scrub(&snapshot.body);
        let digest = write_whole(&self.root, &snapshot.file, &body)?;
        self.digests.insert(snapshot.file.clone(), digest);
        let capture = Capture {
            file: snapshot.file.clone(),
            phase: snapshot.phase,
            requested: snapshot.requested,
            seconds: snapshot.seconds,
            pid: snapshot.pid,
        };
        self.amend(|manifest| manifest.captures.push(capture))
    }

    /// Keep a text that did not come from the target's routes, with its secrets replaced.
    ///
    /// # Errors
    /// When the file or the manifest cannot be written.
    pub fn text(&mut self, relative: &str, text: &str) -> Result<(), RecordError> {
        let body = self.scrubber.scrub(text.as_bytes());
        let digest = write_whole(&self.root, relative, &body)?;
        self.digests.insert(relative.to_owned(), digest);
        self.write_manifest()
    }

    /// Note something that was done to the target.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn event(&mut self, event: Event) -> Result<(), RecordError> {
        self.amend(|manifest| manifest.events.push(event))
    }

    /// Note, in a whole sentence, something that the reader should know.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn note(&mut self, sentence: impl Into<String>) -> Result<(), RecordError> {
        let sentence = sentence.into();
        self.amend(|manifest| manifest.sampler.notes.push(sentence))
    }

    /// End the bundle: close what is open and say how the run ended.
    ///
    /// # Errors
    /// When something cannot be written; what was written before stays and reads as unfinished.
    pub fn finish(mut self, completion: Completion) -> Result<Manifest, RecordError> {
        self.end_phase()?;
        let ended = Timestamp::now();
        let wall = ended.duration_since(self.manifest.clock.started);
        let drift = wall.as_secs_f64() - self.begun.elapsed().as_secs_f64();
        self.amend(|manifest| {
            manifest.clock.ended = Some(ended);
            manifest.clock.wall_minus_monotonic_seconds = Some(drift);
            manifest.completion = completion;
        })?;
        Ok(self.manifest)
    }

    fn write_manifest(&self) -> Result<(), RecordError> {
        let mut manifest = self.manifest.clone();
        manifest.files = self.digests.values().cloned().collect();
        let mut text =
            serde_json::to_vec_pretty(&manifest).map_err(|error| RecordError::Encode {
                path: self.root.join(MANIFEST),
                detail: error.to_string(),
            })?;
        text.push(b'\n');
        write_whole(&self.root, MANIFEST, &self.scrubber.scrub(&text)).map(drop)
    }
}

/// What can be known of the machine that this process runs on.
#[must_use]
pub fn about_this_machine(shared_with_target: bool) -> Machine {
    use procfs::Current;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .ok()
        .map(|release| format!("Linux {}", release.trim()));
    Machine {
        cpus: std::thread::available_parallelism()
            .ok()
            .and_then(|count| u32::try_from(count.get()).ok()),
        memory_kb: procfs::Meminfo::current()
            .ok()
            .map(|memory| memory.mem_total / 1024),
        kernel,
        shared_with_target: Some(shared_with_target),
    }
}
