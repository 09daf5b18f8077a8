//! From measurements to an outcome.

use std::collections::BTreeMap;

use super::health::health;
use super::kills::killed_workers;
use super::measure::{Measured, View, measure};
use super::missing::{has, missing, words};
use super::outcome::{
    AlternativeResult, AlternativeStatus, CriterionResult, Finding, HealthResult, Level, Outcome,
    QualityWarning, RouteFigures, TitleClaimResult, Unreadable, Verdict,
};
use super::quality_warnings::quality_warnings;
use super::secrets::without_secrets;
use super::text::{count, seconds};
use super::window::trigger_window;
use crate::evidence::Bundle;
use crate::evidence::bundle::FileState;
use crate::evidence::criteria::{
    Alternative, AlternativeRole, Criterion, ExpectedEnd, Kind, Measure, Need, ScenarioAlternative,
    ScenarioRules,
};
use crate::tables::queries;

/// Judge one run by the rules of a scenario.
pub fn judge(rules: &'static ScenarioRules, bundle: &Bundle) -> Verdict {
    let window = trigger_window(bundle);
    let view = View { bundle, rules };
    let criteria: Vec<CriterionResult> = rules
        .criteria()
        .map(|(kind, criterion)| judge_criterion(kind, criterion, view))
        .collect();
    let killed = killed_workers(bundle);
    let mut alternatives: Vec<AlternativeResult> = rules
        .alternatives
        .iter()
        .filter_map(|alternative| judge_alternative(alternative, view))
        .collect();
    let quality_warnings = quality_warnings(bundle, &window);
    let variant = bundle
        .manifest
        .as_ref()
        .and_then(|manifest| manifest.variant.clone());
    let expected = variant
        .as_deref()
        .and_then(|variant| rules.expected_of(variant));
    let health = match expected {
        Some(expected) if expected.end == ExpectedEnd::Healthy => {
            health(&expected.health, view, &window, &criteria)
        }
        _ => Vec::new(),
    };
    let (outcome, reason) = decide(&criteria, &alternatives, &quality_warnings, &health);
    reconcile(&mut alternatives, outcome);
    let title_claims = rules
        .title_claims
        .iter()
        .map(|claim| {
            let measured = measure(&claim.check, view);
            TitleClaimResult {
                word: &claim.word,
                finding: measured.finding,
                observed: measured.observed,
            }
        })
        .collect();
    let missing = missing(rules, bundle, &criteria, &window, outcome);
    without_secrets(Verdict {
        scenario: &rules.name,
        hypothesis: &rules.hypothesis,
        bundle: bundle.name.clone(),
        variant,
        outcome,
        expected: expected.map(|expected| expected.end),
        as_expected: expected.and_then(|expected| as_expected(expected.end, outcome)),
        health,
        level: Level::Observed,
        headline: headline(outcome, &reason, &alternatives),
        criteria,
        alternatives,
        killed_workers: killed,
        title_claims,
        missing,
        quality_warnings,
        unreadable: unreadable(bundle),
        window,
        routes: routes(bundle),
        picture: rules.picture(),
    })
}

/// The outcome, its reason, and how many other explanations it leaves open.
fn headline(outcome: Outcome, reason: &str, alternatives: &[AlternativeResult]) -> String {
    let open: Vec<&str> = alternatives
        .iter()
        .filter(|alternative| {
            alternative.role == AlternativeRole::Competes
                && alternative.status == AlternativeStatus::Open
        })
        .map(|alternative| alternative.words)
        .collect();
    let left = match (outcome, open.len()) {
        (Outcome::Reproduced, 0) => "; no other explanation stays open".to_owned(),
        (Outcome::Reproduced, number) => format!(
            "; {} stay{} open ({})",
            count(number, "other explanation"),
            if number == 1 { "s" } else { "" },
            open.join(", ")
        ),
        _ => String::new(),
    };
    format!("{}: {reason}{left}", outcome.words())
}

/// Whether the outcome is the expected one; an inconclusive run says neither.
fn as_expected(expected: ExpectedEnd, outcome: Outcome) -> Option<bool> {
    match (expected, outcome) {
        (ExpectedEnd::Inconclusive, outcome) => Some(outcome == Outcome::Inconclusive),
        (_, Outcome::Inconclusive) => None,
        (ExpectedEnd::Reproduced, outcome) => Some(outcome == Outcome::Reproduced),
        (ExpectedEnd::Healthy, outcome) => Some(outcome == Outcome::NotReproduced),
    }
}

/// Other explanations agree with the outcome: the hypothesis itself has no other status than its
/// criteria give it, and what belongs to it is never excluded, only not seen.
fn reconcile(alternatives: &mut [AlternativeResult], outcome: Outcome) {
    for alternative in alternatives {
        match alternative.role {
            AlternativeRole::Competes => {}
            AlternativeRole::Accompanies => {
                if alternative.status == AlternativeStatus::RuledOut {
                    alternative.status = AlternativeStatus::Open;
                    alternative.because = format!("not seen in this run: {}", alternative.because);
                }
            }
            AlternativeRole::Hypothesis => {
                let (status, because) = match outcome {
                    Outcome::Reproduced => {
                        (AlternativeStatus::RuledIn, "every criterion of it is met")
                    }
                    Outcome::NotReproduced | Outcome::Unhealthy => {
                        (AlternativeStatus::RuledOut, "the criteria speak against it")
                    }
                    Outcome::Inconclusive => {
                        (AlternativeStatus::Open, "the criteria do not decide it")
                    }
                };
                // What was seen of it in particular says more than the criteria.
                if alternative.status != status {
                    alternative.because = because.to_owned();
                    alternative.quotes.clear();
                }
                alternative.status = status;
            }
        }
    }
}

fn judge_criterion(kind: Kind, criterion: &'static Criterion, view: View<'_>) -> CriterionResult {
    let Measured {
        mut finding,
        mut observed,
        threshold,
        value,
        quotes,
    } = measure(&criterion.check, view);
    // A number over all roles that is had without one of them is not enough.
    let absent: Vec<String> = criterion
        .check
        .needs(&view.rules.roles)
        .iter()
        .filter(|need| matches!(need, Need::Samples { .. }) && !has(view.bundle, need))
        .map(words)
        .collect();
    let over_all = matches!(&criterion.check, Measure::Requests(one) if one.role.is_none());
    if over_all && !absent.is_empty() && finding != Finding::NoEvidence {
        finding = Finding::NoEvidence;
        observed = format!("{} not captured (otherwise: {observed})", absent.join(", "));
    }
    CriterionResult {
        id: &criterion.id,
        kind,
        statement: paced(&criterion.statement, view.pace()),
        finding,
        observed,
        threshold,
        value,
        quotes,
    }
}

/// A sentence with its durations in braces on the pace of the run.
fn paced(statement: &str, pace: f64) -> String {
    let mut text = String::new();
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((inner, behind)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        rest = behind;
        match inner
            .strip_suffix(" s")
            .and_then(|number| number.parse::<f64>().ok())
        {
            Some(duration) if (pace - 1.0).abs() > 1e-9 => {
                text.push_str(&format!("{} ({inner} at pace 1)", seconds(duration * pace)));
            }
            _ => text.push_str(inner),
        }
    }
    text.push_str(rest);
    text
}

/// An alternative is ruled in where its measure is met, and out where it is not.
fn judge_alternative(
    alternative: &'static ScenarioAlternative,
    view: View<'_>,
) -> Option<AlternativeResult> {
    let known = Alternative::find(&alternative.id)?;
    let measured = measure(&known.check, view);
    Some(AlternativeResult {
        id: &known.id,
        words: &known.words,
        role: alternative.role,
        status: match measured.finding {
            Finding::Met => AlternativeStatus::RuledIn,
            Finding::NotMet => AlternativeStatus::RuledOut,
            Finding::NoEvidence => AlternativeStatus::Open,
        },
        because: measured.observed,
        quotes: measured.quotes,
    })
}

/// The outcome, and the reason for it. Grave warnings make it inconclusive whichever way it points.
fn decide(
    criteria: &[CriterionResult],
    alternatives: &[AlternativeResult],
    quality_warnings: &[QualityWarning],
    health: &[HealthResult],
) -> (Outcome, String) {
    let (outcome, reason) = by_criteria(criteria, alternatives);
    let (outcome, reason) = match outcome {
        Outcome::NotReproduced if !health.is_empty() => by_health(health, reason),
        _ => (outcome, reason),
    };
    let grave = quality_warnings
        .iter()
        .find(|warning| warning.kind.is_grave());
    let Some(warning) = grave else {
        return (outcome, reason);
    };
    let otherwise = match outcome {
        Outcome::Reproduced => "every criterion is met, but ".to_owned(),
        Outcome::Inconclusive => String::new(),
        outcome => format!("it would be {}, but ", outcome.words()),
    };
    (
        Outcome::Inconclusive,
        format!("{otherwise}{}", warning.text),
    )
}

/// A run without the symptom, of which health is expected.
fn by_health(health: &[HealthResult], reason: String) -> (Outcome, String) {
    let first = |finding: Finding| health.iter().find(|result| result.finding == finding);
    if let Some(ill) = first(Finding::NotMet) {
        return (
            Outcome::Unhealthy,
            format!("{}: {}", ill.what, ill.observed),
        );
    }
    if let Some(unknown) = first(Finding::NoEvidence) {
        return (
            Outcome::Inconclusive,
            format!("no evidence that {}: {}", unknown.what, unknown.observed),
        );
    }
    let figures: Vec<String> = health
        .iter()
        .map(|result| format!("{} ({})", result.what, result.observed))
        .collect();
    (
        Outcome::NotReproduced,
        format!("healthy, {}; symptom: {reason}", figures.join(", ")),
    )
}

/// What the criteria and the other explanations say.
fn by_criteria(
    criteria: &[CriterionResult],
    alternatives: &[AlternativeResult],
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
    let competing = alternatives.iter().find(|alternative| {
        alternative.status == AlternativeStatus::RuledIn
            && alternative.role == AlternativeRole::Competes
    });
    if let Some(alternative) = competing {
        let reason = format!(
            "{} is ruled in as well: {}",
            alternative.words, alternative.because
        );
        return (Outcome::Inconclusive, reason);
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
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (_, sample) in samples() {
        *statuses.entry(sample.status.code()).or_default() += 1;
    }
    let answered = samples().filter(|(_, sample)| !sample.status.is_none());
    let spread = queries::latency(answered.filter_map(|(_, sample)| sample.total_seconds));
    RouteFigures {
        route: route.to_owned(),
        statuses: statuses
            .into_iter()
            .map(|(code, count)| (format!("{code:03}"), count))
            .collect(),
        gave_up: samples().filter(|(_, sample)| sample.gave_up()).count(),
        median_seconds: spread.map(|spread| spread.median),
        p95_seconds: spread.map(|spread| spread.p95),
        longest_seconds: spread.map(|spread| spread.longest),
    }
}
