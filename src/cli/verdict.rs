//! `labrat verdict`: judge an evidence bundle, local or exported from Azure.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::exit::Exit;
use super::output;
use super::scenarios::CatalogueOptions;
use crate::encoding::line;
use crate::evidence::bundle::{DigestState, FileNote, FileState};
use crate::evidence::{self, Bundle, criteria::ScenarioRules};
use crate::machine::own_files;
use crate::report;
use crate::scenario::catalogue;
use crate::scenario::shape::Scenario;
use crate::verdict::{self, Outcome, Repeated, Verdict};

/// Words of `labrat verdict`.
#[derive(Debug, Args)]
pub(super) struct VerdictOptions {
    /// Folders or zips with the evidence of one run each, or `-` for standard input; three or more
    /// runs can say "repeated"
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    catalogue: CatalogueOptions,
    /// The scenario to judge by; else the manifest's, else the folder's name
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// Write report.html, report.md, picture.svg and verdict.json into this folder
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
}

/// One run: its evidence and what became of it.
pub(super) struct Judged {
    pub(super) bundle: Bundle,
    pub(super) verdict: Verdict,
}

/// Judge every folder and print the verdict.
///
/// # Errors
/// When a folder holds no evidence, its scenario is not known, or a report cannot be written.
pub(super) fn run(options: &VerdictOptions) -> anyhow::Result<Exit> {
    options.catalogue.load()?;
    refuse_repetition(&options.folders)?;
    let mut runs = Vec::new();
    for folder in &options.folders {
        runs.push(judge(folder, options.scenario.as_deref())?);
    }
    match runs.as_slice() {
        [run] => single(run, options),
        runs => several(runs, options),
    }
}

/// The same run twice is no repetition.
fn refuse_repetition(folders: &[PathBuf]) -> anyhow::Result<()> {
    let mut seen: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let canonical = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
        if seen.contains(&canonical) {
            bail!(
                "`{}` is given twice, and one run is not two",
                folder.display()
            );
        }
        seen.push(canonical);
    }
    Ok(())
}

/// Judge the runs that this program has just made under `out`, print the verdict, and leave each
/// run's report beside its evidence; for several runs, that of all of them under `out`. The code is
/// success where the variant ended as expected, or with `own_code` the verdict's own.
///
/// # Errors
/// When a bundle cannot be read or a report not be written.
pub(super) fn judge_and_report(
    out: &Path,
    folders: &[PathBuf],
    scenario: &str,
    json: bool,
    own_code: bool,
) -> anyhow::Result<Exit> {
    let mut runs = Vec::new();
    for folder in folders {
        let run = judge(folder, Some(scenario))?;
        write_report(&report_of(folder), &run)?;
        runs.push(run);
    }
    match runs.as_slice() {
        [run] => {
            print_single(run, json)?;
            let as_expected = run.verdict.as_expected.filter(|_| !own_code);
            Ok(rehearsed(as_expected, run.verdict.outcome))
        }
        runs => {
            let repeated = repeat(runs)?;
            write_repeated(&report_of(out), &repeated)?;
            print_repeated(&repeated, json)?;
            let as_expected = repeated.as_expected.filter(|_| !own_code);
            Ok(rehearsed(as_expected, repeated.outcome))
        }
    }
}

/// The code of a rehearsal: success where its variant ended as expected of it.
fn rehearsed(as_expected: Option<bool>, outcome: Outcome) -> Exit {
    match (as_expected, outcome) {
        (Some(true), _) => Exit::Success,
        (Some(false), Outcome::Reproduced) => Exit::Unhealthy,
        (_, outcome) => exit_of(outcome),
    }
}

/// Where the report of a run goes that this program has made.
pub(super) fn report_of(folder: &Path) -> PathBuf {
    folder.join("report")
}

/// Read a bundle and judge it by the rules of its scenario, or of the one that is asked for.
///
/// # Errors
/// When the folder holds no evidence, or its scenario is not known.
pub(super) fn judge(folder: &Path, scenario: Option<&str>) -> anyhow::Result<Judged> {
    let bundle = evidence::read(folder)?;
    name_files(&bundle);
    let rules = rules_for(&bundle, scenario)
        .with_context(|| format!("cannot judge `{}`", folder.display()))?;
    let verdict = verdict::judge(rules, &bundle);
    Ok(Judged { bundle, verdict })
}

/// Say of every file what it was taken for, or why for nothing. Those that are what the bundle's own
/// manifest says are only counted.
fn name_files(bundle: &Bundle) {
    let is_own = |file: &FileNote| {
        let is_manifest = file.path == "manifest.json";
        file.state == FileState::Read
            && (is_manifest || file.digest == Some(DigestState::Matches))
            && file.notes.is_empty()
    };
    for file in bundle.files.iter().filter(|file| !is_own(file)) {
        let (path, words) = (line(&file.path), file.words());
        output::message(&format!("labrat: {path}: {}\n", line(&words)));
        if let Some(help) = &file.help {
            output::message(&format!("  hint: {help}\n"));
        }
    }
}

/// The rules of the scenario that was asked for, or that the bundle names.
fn rules_for(bundle: &Bundle, asked: Option<&str>) -> anyhow::Result<&'static ScenarioRules> {
    let by_manifest = bundle
        .manifest
        .as_ref()
        .map(|manifest| manifest.scenario.as_str());
    let name = asked.or(by_manifest).unwrap_or(&bundle.name);
    if let Some(rules) = catalogue::rules_of(name) {
        return Ok(rules);
    }
    let known: Vec<&str> = catalogue::all().into_iter().map(Scenario::name).collect();
    bail!(
        "no scenario is called `{name}`\n\nhint: `labrat diagnose` names the cause of evidence whose \
         scenario is not known; or name one with --scenario: {}",
        known.join(", ")
    );
}

fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Reproduced => Exit::Success,
        Outcome::NotReproduced => Exit::NotReproduced,
        Outcome::Unhealthy => Exit::Unhealthy,
        Outcome::Inconclusive => Exit::Inconclusive,
    }
}

fn single(run: &Judged, options: &VerdictOptions) -> anyhow::Result<Exit> {
    if let Some(folder) = &options.report {
        write_report(folder, run)?;
    }
    print_single(run, options.json)
}

fn print_single(run: &Judged, json: bool) -> anyhow::Result<Exit> {
    let text = match json {
        true => report::json(&run.verdict)?,
        false => report::text(&run.verdict, output::style()),
    };
    output::painted(&text)?;
    Ok(exit_of(run.verdict.outcome))
}

fn several(runs: &[Judged], options: &VerdictOptions) -> anyhow::Result<Exit> {
    let repeated = repeat(runs)?;
    if let Some(folder) = &options.report {
        for (number, run) in (1..).zip(runs) {
            write_report(&folder.join(format!("run-{number}")), run)?;
        }
        write_repeated(folder, &repeated)?;
    }
    print_repeated(&repeated, options.json)
}

fn repeat(runs: &[Judged]) -> anyhow::Result<Repeated> {
    let verdicts: Vec<Verdict> = runs.iter().map(|run| run.verdict.clone()).collect();
    verdict::repeat(&verdicts)
        .context("runs of several scenarios have no common verdict; judge them one by one")
}

fn print_repeated(repeated: &Repeated, json: bool) -> anyhow::Result<Exit> {
    let text = match json {
        true => output::json(repeated)?,
        false => report::repeated_text(repeated, output::style()),
    };
    output::painted(&text)?;
    Ok(exit_of(repeated.outcome))
}

fn write_repeated(folder: &Path, repeated: &Repeated) -> anyhow::Result<()> {
    own_files::make_folder(folder).with_context(|| format!("creating `{}`", folder.display()))?;
    output::file(folder, "report.html", &report::repeated_page(repeated))?;
    output::file(folder, "report.md", &report::repeated_markdown(repeated))?;
    output::file(folder, "verdict.json", &output::json(repeated)?)
}

fn write_report(folder: &Path, run: &Judged) -> anyhow::Result<()> {
    own_files::make_folder(folder).with_context(|| format!("creating `{}`", folder.display()))?;
    let (verdict, bundle) = (&run.verdict, &run.bundle);
    output::file(folder, "report.html", &report::page(verdict, bundle))?;
    output::file(folder, "report.md", &report::markdown(verdict, bundle))?;
    if let Some(picture) = report::picture(verdict.picture, verdict, bundle) {
        output::file(folder, "picture.svg", &picture)?;
    }
    output::file(folder, "verdict.json", &report::json(verdict)?)
}
