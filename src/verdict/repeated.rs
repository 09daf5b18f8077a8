//! Several runs of one scenario: what held in all of them, and how far the numbers spread.

use serde::Serialize;

use super::outcome::{Finding, Level, Outcome, Verdict};
use crate::evidence::criteria::Kind;

/// Runs that it takes to say "repeated".
const ENOUGH_RUNS: usize = 3;

/// Several runs, taken together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeated {
    /// Name of the scenario.
    pub scenario: &'static str,
    /// The outcome that all runs share, else inconclusive.
    pub outcome: Outcome,
    /// Whether every run ended as expected of its variant; `None` where one does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_expected: Option<bool>,
    /// Repeated from three runs with the same outcome on, else observed.
    pub level: Level,
    /// In one sentence.
    pub headline: String,
    /// Each run.
    pub runs: Vec<RunSummary>,
    /// Each criterion over the runs.
    pub spread: Vec<SpreadOfCriterion>,
}

/// One of the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Name of its folder.
    pub bundle: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether it ended as expected of its variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_expected: Option<bool>,
    /// Its reason.
    pub headline: String,
}

/// One criterion over several runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpreadOfCriterion {
    /// Its short name.
    pub id: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// Runs in which it was met.
    pub met: usize,
    /// Runs that had evidence on it.
    pub with_evidence: usize,
    /// Smallest, median and largest observed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<[f64; 3]>,
}

/// Take several verdicts of one scenario together. `None` of none, or of several scenarios.
pub fn repeat(verdicts: &[Verdict]) -> Option<Repeated> {
    let first = verdicts.first()?;
    if verdicts
        .iter()
        .any(|verdict| verdict.scenario != first.scenario)
    {
        return None;
    }
    let agree = verdicts
        .iter()
        .all(|verdict| verdict.outcome == first.outcome);
    let outcome = if agree {
        first.outcome
    } else {
        Outcome::Inconclusive
    };
    let settled = agree && outcome != Outcome::Inconclusive;
    let level = if settled && distinct(verdicts) >= ENOUGH_RUNS {
        Level::Repeated
    } else {
        Level::Observed
    };
    let same = verdicts
        .iter()
        .filter(|verdict| verdict.outcome == Outcome::Reproduced)
        .count();
    let level_words = match level {
        Level::Repeated => "repeated",
        Level::Observed => "observed",
    };
    Some(Repeated {
        scenario: first.scenario,
        outcome,
        as_expected: verdicts
            .iter()
            .map(|verdict| verdict.as_expected)
            .collect::<Option<Vec<bool>>>()
            .map(|ends| ends.into_iter().all(|end| end)),
        level,
        headline: format!(
            "{}: {same} of {} runs reproduced it, {level_words}",
            outcome.words(),
            verdicts.len()
        ),
        runs: verdicts
            .iter()
            .map(|verdict| RunSummary {
                bundle: verdict.bundle.clone(),
                outcome: verdict.outcome,
                as_expected: verdict.as_expected,
                headline: verdict.headline.clone(),
            })
            .collect(),
        spread: first
            .criteria
            .iter()
            .map(|criterion| spread(criterion.id, criterion.kind, verdicts))
            .collect(),
    })
}

/// Runs that are not copies of another: the same rows at the same time are the same run.
fn distinct(verdicts: &[Verdict]) -> usize {
    let copy_of = |one: &Verdict, other: &Verdict| {
        one.window == other.window && one.criteria == other.criteria
    };
    (0..verdicts.len())
        .filter(|&at| {
            !verdicts[..at]
                .iter()
                .any(|earlier| copy_of(earlier, &verdicts[at]))
        })
        .count()
}

fn spread(id: &'static str, kind: Kind, verdicts: &[Verdict]) -> SpreadOfCriterion {
    let results: Vec<_> = verdicts
        .iter()
        .flat_map(|verdict| {
            verdict
                .criteria
                .iter()
                .filter(move |result| result.id == id)
        })
        .collect();
    let mut values: Vec<f64> = results.iter().filter_map(|result| result.value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).copied();
    let values = match (values.first(), middle, values.last()) {
        (Some(least), Some(middle), Some(most)) => Some([*least, middle, *most]),
        _ => None,
    };
    SpreadOfCriterion {
        id,
        kind,
        met: results
            .iter()
            .filter(|result| result.finding == Finding::Met)
            .count(),
        with_evidence: results
            .iter()
            .filter(|result| result.finding != Finding::NoEvidence)
            .count(),
        values,
    }
}
