//! Runs that were exported from Azure, where `LABRAT_AZURE_RUNS` names a folder of them.

use std::path::{Path, PathBuf};

use labrat::evidence;
use labrat::report::{self, Style};
use labrat::scenario::catalogue;
use labrat::verdict::{Finding, Outcome, Verdict, judge};

use super::builder::{claim, criterion};

/// Every folder in it, or none where the variable is not set.
fn runs() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("LABRAT_AZURE_RUNS") else {
        return Vec::new();
    };
    let mut runs: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    runs.sort();
    assert!(
        !runs.is_empty(),
        "{} has no folder in it",
        Path::new(&folder).display()
    );
    runs
}

fn verdict_of(run: &Path) -> Verdict {
    let name = run.file_name().unwrap().to_string_lossy();
    let rules = catalogue::rules_of(&name).unwrap_or_else(|| {
        panic!(
            "{}: no scenario is called `{name}`; add it to the catalogue or to its aliases",
            run.display()
        )
    });
    judge(rules, &evidence::read(run).unwrap())
}

#[test]
fn every_exported_run_is_of_a_known_scenario_and_is_judged() {
    for run in runs() {
        let verdict = verdict_of(&run);
        eprintln!("{}", report::text(&verdict, Style::Plain));
        assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    }
}

#[test]
fn the_exported_memory_pressure_shows_no_5xx() {
    let Some(run) = runs()
        .into_iter()
        .find(|run| run.ends_with("memory-pressure"))
    else {
        return;
    };
    let verdict = verdict_of(&run);
    let claim = claim(&verdict, "5xx");
    assert_eq!(claim.finding, Finding::NotMet);
    assert_eq!(
        claim.observed,
        "0 in 150 samples, 0 in 314 rows of the HTTP table"
    );
    let headroom = criterion(&verdict, "headroom-collapses");
    assert_eq!(
        headroom.observed,
        "MemAvailable 523,896 -> 44,760 kB (8.5 %)"
    );
}

#[test]
fn the_exported_failed_start_shows_its_recovery() {
    let Some(run) = runs()
        .into_iter()
        .find(|run| run.ends_with("deployment-succeeded-startup-failed"))
    else {
        return;
    };
    let verdict = verdict_of(&run);
    let recovery = criterion(&verdict, "health-200-after");
    assert_eq!(recovery.finding, Finding::Met);
    assert_eq!(
        recovery.observed,
        "3 of 5 probes without 200, and the last with 200"
    );
    assert!(
        verdict
            .quality_warnings
            .iter()
            .any(|warning| warning.text.contains("shows a later start")),
        "the console of this run is of a later start: {:?}",
        verdict.quality_warnings
    );
}
