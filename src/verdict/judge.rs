//! From measurements to an outcome.

use super::doubts::doubts;
use super::kills::killed_workers;
use super::measure::{Measured, measure};
use super::missing::{has, missing, words};
use super::outcome::{
    CriterionResult, Doubt, Finding, Level, Outcome, PromiseResult, RivalResult, RouteFigures,
    Ruling, Unreadable, Verdict,
};
use super::rivals::{Scene, rule};
use super::secrets::without_secrets;
use super::window::trigger_window;
use crate::evidence::Bundle;
use crate::evidence::bundle::FileState;
use crate::evidence::criteria::{Bearing, Criterion, Kind, ScenarioRules};
use crate::tables::queries;

/// Judge one run by the rules of a scenario.
pub fn judge(rules: &ScenarioRules, bundle: &Bundle) -> Verdict {
    let window = trigger_window(bundle);
    let criteria: Vec<CriterionResult> =
        [rules.trigger, rules.proof, rules.support, rules.disproof]
            .into_iter()
            .flatten()
            .map(|criterion| judge_criterion(criterion, bundle))
            .collect();
    let killed = killed_workers(bundle);
    let scene = Scene {
        bundle,
        window: &window,
        killed: &killed,
    };
    let rivals: Vec<RivalResult> = rules
        .rivals
        .iter()
        .map(|rival| rule(rival, &scene))
        .collect();
    let doubts = doubts(bundle, &window);
    let (outcome, reason) = decide(&criteria, &rivals, &doubts);
    let promises = rules
        .promises
        .iter()
        .map(|promise| {
            let measured = measure(&promise.check, bundle);
            PromiseResult {
                word: promise.word,
                finding: measured.finding,
                observed: measured.observed,
            }
        })
        .collect();
    let missing = missing(rules, bundle, &criteria, &window, outcome);
    without_secrets(Verdict {
        scenario: rules.name,
        hypothesis: rules.hypothesis,
        bundle: bundle.name.clone(),
        variant: bundle
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.variant.clone()),
        outcome,
        level: Level::Observed,
        headline: format!("{}: {reason}", outcome.words()),
        criteria,
        rivals,
        killed_workers: killed,
        promises,
        missing,
        doubts,
        unreadable: unreadable(bundle),
        window,
        routes: routes(bundle),
    })
}

fn judge_criterion(criterion: &Criterion, bundle: &Bundle) -> CriterionResult {
    let Measured {
        mut finding,
        mut observed,
        threshold,
        value,
        quotes,
    } = measure(&criterion.check, bundle);
    // A number that can be had without the evidence that the criterion names is not enough.
    let absent: Vec<String> = criterion
        .needs
        .iter()
        .filter(|need| !has(bundle, **need))
        .map(|need| words(*need))
        .collect();
    if !absent.is_empty() && finding != Finding::NoEvidence {
        finding = Finding::NoEvidence;
        observed = format!("{} not captured (otherwise: {observed})", absent.join(", "));
    }
    CriterionResult {
        id: criterion.id,
        kind: criterion.kind,
        statement: criterion.statement,
        finding,
        observed,
        threshold,
        value,
        quotes,
    }
}

/// The outcome, and the reason for it.
fn decide(
    criteria: &[CriterionResult],
    rivals: &[RivalResult],
    doubts: &[Doubt],
) -> (Outcome, String) {
    let of = |kind: Kind, finding: Finding| -> Vec<&CriterionResult> {
        criteria
            .iter()
            .filter(|result| result.kind == kind && result.finding == finding)
            .collect()
    };
    let names = |results: &[&CriterionResult]| {
        results
            .iter()
            .map(|result| result.id)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let not_triggered = of(Kind::Trigger, Finding::NotMet);
    if !not_triggered.is_empty() {
        let reason = format!(
            "the load was not put on as planned ({})",
            names(&not_triggered)
        );
        return (Outcome::Inconclusive, reason);
    }
    let disproved = of(Kind::Disproof, Finding::Met);
    if let Some(first) = disproved.first() {
        return (
            Outcome::NotReproduced,
            format!("{} ({})", first.statement, first.observed),
        );
    }
    let unmet = of(Kind::Proof, Finding::NotMet);
    if let Some(first) = unmet.first() {
        let reason = format!(
            "{} not met, first {}: {}",
            names(&unmet),
            first.id,
            first.observed
        );
        return (Outcome::NotReproduced, reason);
    }
    let mut without = of(Kind::Trigger, Finding::NoEvidence);
    without.extend(of(Kind::Proof, Finding::NoEvidence));
    if !without.is_empty() {
        return (
            Outcome::Inconclusive,
            format!("no evidence for {}", names(&without)),
        );
    }
    let competing = rivals
        .iter()
        .find(|rival| rival.ruling == Ruling::RuledIn && rival.bearing == Bearing::Competes);
    if let Some(rival) = competing {
        let reason = format!(
            "{} is ruled in as well: {}",
            rival.id.words(),
            rival.because
        );
        return (Outcome::Inconclusive, reason);
    }
    if let Some(doubt) = doubts.iter().find(|doubt| doubt.kind.is_grave()) {
        return (
            Outcome::Inconclusive,
            format!("every criterion is met, but {}", doubt.text),
        );
    }
    let proofs = of(Kind::Proof, Finding::Met).len();
    (
        Outcome::Reproduced,
        format!("all {proofs} criteria met, nothing refutes it"),
    )
}

fn unreadable(bundle: &Bundle) -> Vec<Unreadable> {
    bundle
        .files
        .iter()
        .filter_map(|file| {
            let reason = match &file.state {
                FileState::Empty => "empty".to_owned(),
                FileState::Missing => "listed in the manifest, and not there".to_owned(),
                FileState::Unreadable { reason } => reason.clone(),
                FileState::PartlyRead { reason } => format!("read in part: {reason}"),
                FileState::Read | FileState::NotUsed => return None,
            };
            Some(Unreadable {
                path: file.path.clone(),
                reason,
            })
        })
        .collect()
}

fn routes(bundle: &Bundle) -> Vec<RouteFigures> {
    let mut names: Vec<&str> = Vec::new();
    for (_, sample) in bundle.trigger_samples() {
        if !names.contains(&sample.path()) {
            names.push(sample.path());
        }
    }
    names
        .into_iter()
        .map(|route| figures(bundle, route))
        .collect()
}

fn figures(bundle: &Bundle, route: &str) -> RouteFigures {
    let samples = || {
        bundle
            .trigger_samples()
            .filter(move |(_, sample)| sample.path() == route)
    };
    let mix = queries::status_mix(samples().map(|(_, sample)| (route, sample.status.code())));
    let answered = samples().filter(|(_, sample)| !sample.status.is_none());
    let spread = queries::latency(answered.filter_map(|(_, sample)| sample.total_seconds));
    RouteFigures {
        route: route.to_owned(),
        statuses: mix
            .into_iter()
            .map(|count| (format!("{:03}", count.status), count.requests))
            .collect(),
        gave_up: samples().filter(|(_, sample)| sample.gave_up()).count(),
        median_seconds: spread.map(|spread| spread.median),
        p95_seconds: spread.map(|spread| spread.p95),
        longest_seconds: spread.map(|spread| spread.longest),
    }
}
