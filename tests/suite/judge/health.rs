//! A fix is good only if it serves: no symptom and no service is no fix.

use labrat::evidence::criteria::{AlternativeRole, ExpectedEnd};
use labrat::evidence::manifest::Completion;
use labrat::evidence::sample::Sample;
use labrat::verdict::{AlternativeStatus, Finding, Outcome, Verdict};

use super::builder::{Builder, answered};
use super::incidents::{
    self, console_row, intermittent_5xx, intermittent_control, platform_row, rows_of,
};

fn gthread(bundle: Builder) -> Builder {
    bundle.amend(|manifest| manifest.variant = Some("gthread".to_owned()))
}

/// The same load, and every request is answered 502 in a millisecond.
fn only_502() -> Builder {
    let slow: Vec<Sample> = (1..=20)
        .map(|index| answered(index, "/slow", 20.0, 502, 0.001, 45.0))
        .collect();
    let fast: Vec<Sample> = (1..=10)
        .map(|index| answered(index, "/fast", 20.5, 502, 0.001, 15.0))
        .collect();
    let rows = rows_of(&[slow.clone(), fast.clone()].concat());
    gthread(intermittent_control())
        .samples("slow", &slow)
        .samples("fast", &fast)
        .table("http", &rows)
}

fn health_of(verdict: &Verdict, words: &str) -> Finding {
    let result = verdict.health.iter().find(|one| one.what.contains(words));
    result
        .unwrap_or_else(|| panic!("{:?}", verdict.health))
        .finding
}

#[test]
fn a_fix_that_serves_everybody_is_healthy_as_expected_and_tells_its_figures() {
    let verdict = gthread(intermittent_control()).judge();
    assert_eq!(
        verdict.outcome,
        Outcome::NotReproduced,
        "{}",
        verdict.headline
    );
    assert_eq!(verdict.expected, Some(ExpectedEnd::Healthy));
    assert_eq!(verdict.as_expected, Some(true));
    for words in ["20 of 20 requests", "10 of 10 requests", "healthy"] {
        assert!(verdict.headline.contains(words), "{}", verdict.headline);
    }
}

#[test]
fn thirty_answers_of_502_in_a_millisecond_are_no_fix() {
    let verdict = only_502().judge();
    assert_eq!(verdict.outcome, Outcome::Unhealthy, "{}", verdict.headline);
    assert_eq!(verdict.as_expected, Some(false));
    assert_eq!(health_of(&verdict, "/slow answered 2xx"), Finding::NotMet);
}

#[test]
fn a_fix_whose_bundle_is_cut_short_or_altered_or_lost_its_tables_is_never_fixed() {
    let cut = gthread(intermittent_control()).amend(|manifest| {
        let reason = "stopped by a signal".to_owned();
        manifest.completion = Completion::CutShort { reason };
    });
    let without_tables = gthread(intermittent_control())
        .without("tables/console.jsonl")
        .without("tables/platform.jsonl")
        .without("tables/http.jsonl");
    for bundle in [cut, without_tables] {
        let verdict = bundle.judge();
        assert_eq!(
            verdict.outcome,
            Outcome::Inconclusive,
            "{}",
            verdict.headline
        );
        assert_eq!(verdict.as_expected, None, "{}", verdict.headline);
    }
    let folder = gthread(intermittent_control()).folder();
    std::fs::remove_dir_all(folder.path().join("tables")).unwrap();
    let bundle = labrat::evidence::read(folder.path()).unwrap();
    let verdict = labrat::verdict::judge(intermittent_control().rules(), &bundle);
    assert_eq!(
        verdict.outcome,
        Outcome::Inconclusive,
        "{}",
        verdict.headline
    );
}

#[test]
fn a_worker_or_a_container_that_dies_is_not_healthy() {
    let died = console_row(
        40.0,
        "[ERROR] Worker (pid:11) was sent SIGKILL! Perhaps out of memory?",
    );
    let worker = gthread(intermittent_control()).table("console", &[died]);
    let ended = platform_row(40.0, "Container has finished running with exit code: 1.");
    let container = gthread(intermittent_control()).table("platform", &[ended]);
    for bundle in [worker, container] {
        let verdict = bundle.judge();
        assert_eq!(health_of(&verdict, "died"), Finding::NotMet);
        assert_ne!(verdict.as_expected, Some(true), "{}", verdict.headline);
    }
}

#[test]
fn a_fix_that_still_shows_the_symptom_is_not_as_expected() {
    let verdict = gthread(intermittent_5xx()).judge();
    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    assert_eq!(verdict.as_expected, Some(false));
}

#[test]
fn a_load_that_was_not_put_on_says_nothing_of_a_fix() {
    let short: Vec<Sample> = (1..=3)
        .map(|index| answered(index, "/slow", 20.0, 200, 6.0, 45.0))
        .collect();
    let verdict = gthread(intermittent_control())
        .samples("slow", &short)
        .judge();
    assert_eq!(
        verdict.outcome,
        Outcome::Inconclusive,
        "{}",
        verdict.headline
    );
}

#[test]
fn other_explanations_agree_with_the_outcome_and_the_open_ones_are_counted_in_the_headline() {
    for bundle in incidents::symptoms() {
        let verdict = bundle.judge();
        for alternative in &verdict.alternatives {
            match alternative.role {
                AlternativeRole::Hypothesis => {
                    assert_eq!(alternative.status, AlternativeStatus::RuledIn)
                }
                AlternativeRole::Accompanies => {
                    assert_ne!(alternative.status, AlternativeStatus::RuledOut)
                }
                AlternativeRole::Competes => {
                    assert_ne!(alternative.status, AlternativeStatus::RuledIn)
                }
            }
        }
        let competes = |alternative: &&labrat::verdict::AlternativeResult| {
            alternative.role == AlternativeRole::Competes
                && alternative.status == AlternativeStatus::Open
        };
        let open = verdict.alternatives.iter().filter(competes).count();
        let words = match open {
            0 => "no other explanation stays open".to_owned(),
            1 => "1 other explanation stays open".to_owned(),
            number => format!("{number} other explanations stay open"),
        };
        assert!(verdict.headline.contains(&words), "{}", verdict.headline);
    }
}
