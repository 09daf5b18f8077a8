//! Bundles made in the test: files in memory, then a folder with a manifest of their digests.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use labrat::evidence::criteria::ScenarioRules;
use labrat::evidence::digests::sha256_of_bytes;
use labrat::evidence::manifest::{
    Clock, Completion, FileDigest, Manifest, Phase, PhaseKind, SCHEMA_VERSION, Sampler, Topology,
};
use labrat::evidence::sample::{COLUMNS, Sample, Status};
use labrat::evidence::{self, Bundle};
use labrat::load::FailureClass;
use labrat::scenario::catalogue;
use labrat::tables::{LogTime, TableRow, write_json_line};
use labrat::verdict::{CriterionResult, TitleClaimResult, Verdict, judge};
use serde_json::Value;
use tempfile::TempDir;

/// A bundle that is not yet on disk.
#[derive(Debug, Clone)]
pub struct Builder {
    pub manifest: Option<Manifest>,
    pub files: BTreeMap<String, Vec<u8>>,
}

thread_local! {
    /// Start and end of the load of the run that is being built.
    static LOAD: Cell<(Timestamp, Timestamp)> = Cell::new({
        let start: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let later = |seconds| start + SignedDuration::from_secs(seconds);
        (later(20), later(150))
    });
}

/// Give what is built from now on the times of this run: its load is the one from 20 to 150.
pub fn in_the_load_of(run: &Manifest) {
    let loads = |phase: &&Phase| matches!(phase.kind, PhaseKind::Trigger | PhaseKind::Mid);
    let starts = run
        .phases
        .iter()
        .filter(loads)
        .filter_map(|phase| phase.started);
    let ends = run
        .phases
        .iter()
        .filter(loads)
        .filter_map(|phase| phase.ended);
    LOAD.set((starts.min().unwrap(), ends.max().unwrap()));
}

/// So many seconds after the start of every built run.
pub fn at(seconds: f64) -> Timestamp {
    let (start, end) = LOAD.get();
    let scale = (end - start).total(jiff::Unit::Second).unwrap() / 130.0;
    start + SignedDuration::from_secs_f64((seconds - 20.0) * scale)
}

impl Builder {
    /// A bundle of that scenario with nothing but its manifest: a run of 200 seconds, trigger
    /// from 20 to 150.
    pub fn new(scenario: &str) -> Builder {
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            scenario: scenario.to_owned(),
            variant: Some("symptom".to_owned()),
            labrat_version: "0.1.0".to_owned(),
            command: Some(format!(
                "labrat trigger {scenario} --url http://127.0.0.1:8000"
            )),
            target: Some("http://127.0.0.1:8000".to_owned()),
            clock: Clock {
                started: at(0.0),
                ended: Some(at(200.0)),
                wall_minus_monotonic_seconds: Some(0.001),
            },
            machine: Default::default(),
            topology: Topology::default(),
            phases: vec![Phase {
                name: "load".to_owned(),
                kind: PhaseKind::Trigger,
                started: Some(at(20.0)),
                ended: Some(at(150.0)),
                requests_planned: 0,
                requests_done: 0,
                concurrency: None,
            }],
            events: Vec::new(),
            captures: Vec::new(),
            completion: Completion::Complete,
            sampler: Sampler::default(),
            estimate: Vec::new(),
            pace: 1.0,
            files: Vec::new(),
        };
        Builder {
            manifest: Some(manifest),
            files: BTreeMap::new(),
        }
    }

    pub fn amend(mut self, change: impl FnOnce(&mut Manifest)) -> Builder {
        change(self.manifest.as_mut().unwrap());
        self
    }

    pub fn json(mut self, path: &str, value: Value) -> Builder {
        self.files
            .insert(path.to_owned(), value.to_string().into_bytes());
        self
    }

    pub fn text(mut self, path: &str, text: &str) -> Builder {
        self.files.insert(path.to_owned(), text.as_bytes().to_vec());
        self
    }

    pub fn without(mut self, path: &str) -> Builder {
        assert!(
            self.files.remove(path).is_some(),
            "{path} is not in the bundle"
        );
        self
    }

    pub fn samples(mut self, phase: &str, samples: &[Sample]) -> Builder {
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Vec::new());
        writer.write_record(COLUMNS).unwrap();
        for sample in samples {
            writer.serialize(sample).unwrap();
        }
        let path = format!("trigger/samples-{phase}.csv");
        self.files.insert(path, writer.into_inner().unwrap());
        self
    }

    pub fn table<R: TableRow>(mut self, name: &str, rows: &[R]) -> Builder {
        let mut text = Vec::new();
        for row in rows {
            write_json_line(&mut text, row).unwrap();
        }
        self.files.insert(format!("tables/{name}.jsonl"), text);
        self
    }

    /// Write it into a folder, the manifest with the digests of the files.
    pub fn write(&self, root: &Path) {
        for (path, bytes) in &self.files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let Some(manifest) = &self.manifest else {
            return;
        };
        let mut manifest = manifest.clone();
        manifest.files = self
            .files
            .iter()
            .map(|(path, bytes)| FileDigest {
                path: path.clone(),
                bytes: bytes.len() as u64,
                sha256: sha256_of_bytes(bytes),
            })
            .collect();
        let text = serde_json::to_string_pretty(&manifest).unwrap();
        std::fs::write(root.join("manifest.json"), text).unwrap();
    }

    pub fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        folder
    }

    pub fn read(&self) -> Bundle {
        evidence::read(self.folder().path()).unwrap()
    }

    pub fn rules(&self) -> &'static ScenarioRules {
        catalogue::rules_of(&self.manifest.as_ref().unwrap().scenario).unwrap()
    }

    pub fn judge(&self) -> Verdict {
        judge(self.rules(), &self.read())
    }
}

/// A sample that was answered.
pub fn answered(
    index: u32,
    route: &str,
    start: f64,
    status: u16,
    seconds: f64,
    limit: f64,
) -> Sample {
    Sample {
        index,
        start: Some(at(start)),
        route: route.to_owned(),
        status: Status::new(status).unwrap(),
        error: None,
        ttfb_seconds: Some(seconds * 0.99),
        total_seconds: Some(seconds),
        client_limit_seconds: Some(limit),
    }
}

/// A sample whose client gave up at its limit.
pub fn gave_up(index: u32, route: &str, start: f64, limit: f64) -> Sample {
    Sample {
        index,
        start: Some(at(start)),
        route: route.to_owned(),
        status: Status::NONE,
        error: Some(FailureClass::Timeout),
        ttfb_seconds: None,
        total_seconds: Some(limit),
        client_limit_seconds: Some(limit),
    }
}

pub fn log_time(seconds: f64) -> LogTime {
    at(seconds).into()
}

/// The claim of a verdict.
pub fn claim<'v>(verdict: &'v Verdict, word: &str) -> &'v TitleClaimResult {
    let mut title_claims = verdict.title_claims.iter();
    title_claims.find(|claim| claim.word == word).unwrap()
}

/// The criterion of a verdict.
pub fn criterion<'v>(verdict: &'v Verdict, id: &str) -> &'v CriterionResult {
    verdict
        .criteria
        .iter()
        .find(|result| result.id == id)
        .unwrap_or_else(|| panic!("{} has no criterion {id}", verdict.scenario))
}
