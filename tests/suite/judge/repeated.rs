//! Several runs: repeated only from three different runs with one outcome on.

use labrat::verdict::{Level, Outcome, Verdict, repeat};

use super::builder::Builder;
use super::incidents::{self, saturation_samples};

fn run(give_ups: u32) -> Verdict {
    let (_, fast) = saturation_samples(give_ups);
    incidents::intermittent_5xx().samples("fast", &fast).judge()
}

#[test]
fn three_different_runs_with_one_outcome_are_repeated_with_their_spread() {
    let repeated = repeat(&[run(5), run(6), run(8)]).unwrap();
    assert_eq!(
        (repeated.outcome, repeated.level),
        (Outcome::Reproduced, Level::Repeated)
    );
    let gave_up = repeated
        .spread
        .iter()
        .find(|spread| spread.id == "fast-gives-up")
        .unwrap();
    assert_eq!((gave_up.met, gave_up.with_evidence), (3, 3));
    assert_eq!(gave_up.values, Some([0.5, 0.6, 0.8]));
}

#[test]
fn two_runs_are_observed() {
    assert_eq!(repeat(&[run(5), run(6)]).unwrap().level, Level::Observed);
}

#[test]
fn a_run_and_its_copies_are_one_run() {
    assert_eq!(
        repeat(&[run(6), run(6), run(6)]).unwrap().level,
        Level::Observed
    );
}

#[test]
fn runs_that_disagree_are_inconclusive() {
    let repeated = repeat(&[run(5), run(6), run(2)]).unwrap();
    assert_eq!(
        (repeated.outcome, repeated.level),
        (Outcome::Inconclusive, Level::Observed)
    );
}

#[test]
fn runs_of_several_scenarios_have_no_common_verdict() {
    let other: Builder = incidents::memory_pressure();
    assert_eq!(repeat(&[run(5), other.judge()]), None);
    assert_eq!(repeat(&[]), None);
}
