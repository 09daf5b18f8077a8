//! From clues to likelihoods: log-odds add up, and are turned into shares of one.

use super::cause::{Cause, Sign, causes};
use super::evaluate::see;
use super::evidence::Evidence;
use super::facts::Fact;
use super::outcome::{Certainty, Ranked, Said};
use super::quote::Cited;
use super::quote::shown;

/// By which the log-odds are divided: clues are not independent of each other, and a sum that takes
/// them for it is too sure. Chosen by hand beside the calibration table of docs/accuracy.md.
const TEMPERATURE: f64 = 1.3;

/// What a cause loses for which nothing speaks at all.
const NOTHING_SPEAKS: f64 = 3.0;

/// What a cause loses that gives way to one with a decisive line of at least this weight.
const YIELDS: f64 = 2.5;
const PARTICULAR: f64 = 5.0;

/// No cause has less than this: none is ever ruled out for certain.
const FLOOR: f64 = 0.000_05;

/// From which likelihood the first place is clear, and from which likely.
const CLEAR: f64 = 0.9;
const LIKELY: f64 = 0.5;

/// Rows that are cited for one cause.
const CITED: usize = 6;

/// A cause, weighed.
pub(super) struct Weighed {
    pub cause: &'static Cause,
    score: f64,
    /// Whether one of its decisive lines came first, and it gives way to none.
    is_particular: bool,
    speaks_for: Vec<Said>,
    against: Vec<Said>,
    /// Clues without evidence, with what they could move.
    pub open: Vec<(&'static Sign, &'static str, f64)>,
}

/// Weigh every cause.
pub(super) fn weigh(evidence: &Evidence<'_>) -> Vec<Weighed> {
    let mut weighed: Vec<Weighed> = causes().iter().map(|cause| one(cause, evidence)).collect();
    let particular = weighed.iter().any(|one| one.is_particular);
    for one in weighed.iter_mut().filter(|one| one.cause.yields) {
        if particular {
            one.score -= YIELDS;
        }
    }
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score));
    weighed
}

fn one(cause: &'static Cause, evidence: &Evidence<'_>) -> Weighed {
    let mut weighed = Weighed {
        cause,
        score: cause.prior,
        is_particular: false,
        speaks_for: Vec::new(),
        against: Vec::new(),
        open: Vec::new(),
    };
    for clue in &cause.clues {
        let seen = see(&clue.check, evidence);
        let moves = match seen.met {
            Some(true) => clue.weight * seen.share,
            Some(false) => -clue.against,
            None => {
                let could = clue.weight.abs().max(clue.against.abs());
                weighed.open.push((&clue.check, &clue.says, could));
                continue;
            }
        };
        weighed.score += moves;
        weighed.is_particular |= !cause.yields && moves >= PARTICULAR && is_decisive(&clue.check);
        let mut says = match seen.met {
            Some(true) => clue.says.clone(),
            _ => format!("not so: {}", clue.says),
        };
        if seen.share < 1.0 && seen.met == Some(true) {
            says.push_str(" (after another decisive error: a consequence, it counts a quarter)");
        }
        let said = Said {
            says,
            weight: (moves * 100.0).round() / 100.0,
            rows: seen.quotes,
        };
        if moves > 0.0 {
            weighed.speaks_for.push(said);
        } else if moves < 0.0 {
            weighed.against.push(said);
        }
    }
    if weighed.speaks_for.is_empty() {
        weighed.score -= NOTHING_SPEAKS;
    }
    let by_weight = |a: &Said, b: &Said| b.weight.abs().total_cmp(&a.weight.abs());
    weighed.speaks_for.sort_by(by_weight);
    weighed.against.sort_by(by_weight);
    weighed.open.sort_by(|a, b| b.2.total_cmp(&a.2));
    weighed
}

fn is_decisive(sign: &Sign) -> bool {
    match sign {
        Sign::Console(lines) | Sign::Platform(lines) | Sign::Text(lines) => lines.decisive,
        Sign::Fact(fact) => matches!(
            fact,
            Fact::MissingModuleIsTheTarget | Fact::MissingModuleIsImported
        ),
        _ => false,
    }
}

/// The ranking, the likeliest first.
pub(super) fn rank(weighed: &[Weighed]) -> Vec<Ranked> {
    let best = weighed.first().map_or(0.0, |first| first.score);
    let raw: Vec<f64> = weighed
        .iter()
        .map(|one| ((one.score - best) / TEMPERATURE).exp().max(FLOOR))
        .collect();
    let sum: f64 = raw.iter().sum();
    let ranked = weighed.iter().zip(raw).map(|(one, raw)| Ranked {
        cause: one.cause.name.clone(),
        words: one.cause.words.clone(),
        likelihood: raw / sum,
        evidence: cited(one),
        speaks_for: one.speaks_for.clone(),
        against: one.against.clone(),
        open: one
            .open
            .iter()
            .take(4)
            .map(|(_, says, _)| shown(says))
            .collect(),
        explains: one.cause.explains.clone(),
        remedy: one.cause.remedy.clone(),
    });
    ranked.collect()
}

fn cited(one: &Weighed) -> Vec<Cited> {
    let mut rows: Vec<Cited> = Vec::new();
    for row in one.speaks_for.iter().flat_map(|said| &said.rows) {
        if rows.len() < CITED && !rows.contains(row) {
            rows.push(row.clone());
        }
    }
    rows
}

/// How sure the first place is.
pub(super) fn certainty(ranking: &[Ranked]) -> Certainty {
    match ranking.first().map_or(0.0, |first| first.likelihood) {
        sure if sure >= CLEAR => Certainty::Clear,
        sure if sure >= LIKELY => Certainty::Likely,
        _ => Certainty::Open,
    }
}
