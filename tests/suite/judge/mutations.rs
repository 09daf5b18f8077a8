//! Every criterion of the catalogue can be met, can fail, and says nothing without evidence.

use std::collections::BTreeMap;

use labrat::evidence::Bundle;
use labrat::evidence::criteria::{
    Alternative, AlternativeRole, Criterion, Measure, ScenarioAlternative, ScenarioRules,
    SnapshotKind,
};
use labrat::scenario::catalogue;
use labrat::verdict::{AlternativeStatus, Finding, judge};

use super::builder::in_the_load_of;
use super::measured_evidence::{Evidence, nothing};

fn finding(
    rules: &'static ScenarioRules,
    criterion: &Criterion,
    bundle: &Bundle,
) -> (Finding, String) {
    let verdict = judge(rules, bundle);
    let found = verdict
        .criteria
        .iter()
        .find(|one| one.id == criterion.id)
        .unwrap();
    (found.finding, found.observed.clone())
}

/// How a verdict rules on another explanation, and why.
fn status(
    rules: &'static ScenarioRules,
    alternative: &ScenarioAlternative,
    bundle: &Bundle,
) -> (AlternativeStatus, String) {
    let verdict = judge(rules, bundle);
    let found = verdict
        .alternatives
        .iter()
        .find(|one| one.id == alternative.id);
    let found = found.unwrap();
    (found.status, found.because.clone())
}

/// Rulings that evidence for an explanation and evidence against it must lead to. What belongs to
/// the hypothesis is never excluded, only not seen; the hypothesis itself follows its criteria.
fn statuses(role: AlternativeRole) -> Option<[(bool, AlternativeStatus); 2]> {
    match role {
        AlternativeRole::Competes => Some([
            (true, AlternativeStatus::RuledIn),
            (false, AlternativeStatus::RuledOut),
        ]),
        AlternativeRole::Accompanies => Some([
            (true, AlternativeStatus::RuledIn),
            (false, AlternativeStatus::Open),
        ]),
        AlternativeRole::Hypothesis => None,
    }
}

#[test]
fn every_other_explanation_is_ruled_in_and_out_by_evidence_and_open_without_any() {
    let mut wrong: Vec<String> = Vec::new();
    for scenario in catalogue::all() {
        let rules = &scenario.rules;
        for alternative in &rules.alternatives {
            let without = nothing(rules);
            let (found, because) = status(rules, alternative, &without);
            if found != AlternativeStatus::Open {
                wrong.push(format!("{} {}: {because}", rules.name, alternative.id));
            }
            wrong.append(&mut stuck(rules, alternative, &without));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_criterion_of_the_catalogue_can_be_met_can_fail_and_is_no_evidence_without_any() {
    let mut wrong: Vec<String> = Vec::new();
    let mut tried = BTreeMap::<&str, usize>::new();
    for scenario in catalogue::all() {
        let rules = &scenario.rules;
        for (_, criterion) in rules.criteria() {
            let mut check = |wanted: Finding, bundle: &Bundle| {
                let (found, observed) = finding(rules, criterion, bundle);
                if found != wanted {
                    let place = format!("{} {}", scenario.name(), criterion.id);
                    wrong.push(format!(
                        "{place}: {found:?} in place of {wanted:?}: {observed}"
                    ));
                }
            };
            check(Finding::NoEvidence, &nothing(rules));
            for (met, wanted) in [(true, Finding::Met), (false, Finding::NotMet)] {
                let mut evidence = Evidence::over(rules, nothing(rules));
                evidence.make(&criterion.check, met);
                check(wanted, &evidence.bundle);
            }
            *tried.entry(scenario.name()).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tried.len(), catalogue::all().len());
}

/// Take from a run all that this measure reads.
fn forget(bundle: &mut Bundle, measure: &Measure) {
    match measure {
        Measure::All(parts) | Measure::Any(parts) | Measure::First(parts) => {
            parts.iter().for_each(|part| forget(bundle, part));
        }
        Measure::Not(part) => forget(bundle, part),
        Measure::Requests(_) | Measure::Tail(_) | Measure::Groups(_) => {
            bundle.samples.clear();
            bundle.http = Default::default();
            bundle
                .snapshots
                .retain(|one| one.kind() != SnapshotKind::Health);
        }
        Measure::Figure(_)
        | Measure::PerRequest(_)
        | Measure::PoolFull(_)
        | Measure::Ready(_)
        | Measure::Snapshot(_)
        | Measure::Process(_) => {
            bundle.snapshots.clear();
            bundle.samples.clear();
            forget_events(bundle);
        }
        Measure::Console(_) => bundle.console = Default::default(),
        Measure::Platform(_) | Measure::Restart(_) => bundle.platform = Default::default(),
        Measure::Command(_) => {
            bundle.commands.clear();
            bundle.console = Default::default();
            if let Some(manifest) = &mut bundle.manifest {
                manifest.topology.startup_command = None;
            }
        }
        Measure::Event(_) => forget_events(bundle),
        Measure::Setting(_) => {
            bundle.settings.clear();
            bundle.snapshots.clear();
            if let Some(manifest) = &mut bundle.manifest {
                manifest.topology.settings.clear();
            }
        }
    }
}

fn forget_events(bundle: &mut Bundle) {
    if let Some(manifest) = &mut bundle.manifest {
        manifest.events.clear();
    }
}

/// The run without what this measure reads. What is put in its place has the durations of the rules
/// and the figures of a whole machine.
fn run_without(run: &Bundle, measure: &Measure) -> Bundle {
    let mut without = run.clone();
    let changed = without.manifest.as_mut().unwrap();
    changed.pace = 1.0;
    changed.topology.memory_box = None;
    changed.topology.front_end_limit_seconds = None;
    forget(&mut without, measure);
    without
}

/// Every criterion of a run that was reproduced says nothing once what it reads is taken away, and
/// the opposite once that is replaced by the opposite; other explanations likewise.
pub fn each_criterion_of_the_run_can_flip(run: &Bundle) {
    let manifest = run.manifest.as_ref().unwrap();
    let rules = &catalogue::find(&manifest.scenario).unwrap().rules;
    in_the_load_of(manifest);
    let mut wrong: Vec<String> = Vec::new();
    for (kind, criterion) in rules.criteria() {
        let (before, _) = finding(rules, criterion, run);
        let without = run_without(run, &criterion.check);
        let mut check = |wanted: Finding, bundle: &Bundle| {
            let (found, observed) = finding(rules, criterion, bundle);
            if found != wanted {
                let place = format!("{} {kind:?} {}, {before:?}", rules.name, criterion.id);
                wrong.push(format!(
                    "{place}: {found:?} in place of {wanted:?}: {observed}"
                ));
            }
        };
        check(Finding::NoEvidence, &without);
        for (met, flipped) in [(true, Finding::Met), (false, Finding::NotMet)] {
            if before != flipped {
                let mut evidence = Evidence::over(rules, without.clone());
                evidence.make(&criterion.check, met);
                check(flipped, &evidence.bundle);
            }
        }
    }
    for alternative in &rules.alternatives {
        let check = &Alternative::find(&alternative.id).unwrap().check;
        wrong.append(&mut stuck(rules, alternative, &run_without(run, check)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where another explanation does not follow its evidence, in a run without any.
fn stuck(
    rules: &'static ScenarioRules,
    alternative: &ScenarioAlternative,
    without: &Bundle,
) -> Vec<String> {
    let Some(statuses) = statuses(alternative.role) else {
        return Vec::new();
    };
    let check = &Alternative::find(&alternative.id).unwrap().check;
    let mut wrong = Vec::new();
    let mut expect = |wanted: AlternativeStatus, bundle: &Bundle| {
        let (found, because) = status(rules, alternative, bundle);
        if found != wanted {
            let place = format!("{} {}", rules.name, alternative.id);
            wrong.push(format!(
                "{place}: {found:?} in place of {wanted:?}: {because}"
            ));
        }
    };
    expect(AlternativeStatus::Open, without);
    for (met, wanted) in statuses {
        let mut evidence = Evidence::over(rules, without.clone());
        evidence.make(check, met);
        expect(wanted, &evidence.bundle);
    }
    wrong
}
