//! Symptom, control and fix of each scenario come out as what they are.

use labrat::report;
use labrat::verdict::{AlternativeStatus, Finding, Outcome};

use super::builder::{Builder, claim, criterion};
use super::incidents;

fn expect(bundle: &Builder, outcome: Outcome) {
    let verdict = bundle.judge();
    assert_eq!(
        verdict.outcome,
        outcome,
        "{}\n{}",
        verdict.headline,
        report::text(&verdict, report::Style::Plain)
    );
}

#[test]
fn each_symptom_is_reproduced() {
    for bundle in incidents::symptoms() {
        expect(&bundle, Outcome::Reproduced);
    }
}

#[test]
fn a_symptom_that_is_reproduced_has_no_doubt_and_misses_nothing() {
    for bundle in incidents::symptoms() {
        let verdict = bundle.judge();
        assert_eq!(verdict.quality_warnings, [], "{}", verdict.scenario);
        assert_eq!(verdict.missing, [], "{}", verdict.scenario);
        assert_eq!(verdict.unreadable, [], "{}", verdict.scenario);
    }
}

#[test]
fn each_control_is_not_reproduced() {
    for bundle in [
        incidents::memory_control(),
        incidents::intermittent_control(),
        incidents::startup_control(),
        incidents::slot_swap_control(),
    ] {
        expect(&bundle, Outcome::NotReproduced);
    }
}

#[test]
fn each_fix_is_not_reproduced() {
    for bundle in [incidents::memory_fixed(), incidents::slot_swap_fixed()] {
        expect(&bundle, Outcome::NotReproduced);
    }
}

#[test]
fn every_met_criterion_quotes_what_decided_it() {
    for bundle in incidents::symptoms() {
        for result in bundle.judge().criteria {
            if result.finding == Finding::Met {
                assert!(!result.quotes.is_empty(), "{} quotes nothing", result.id);
            }
        }
    }
}

#[test]
fn a_promise_that_the_evidence_does_not_keep_is_said_apart_from_the_outcome() {
    let verdict = incidents::intermittent_5xx().judge();
    let claim = claim(&verdict, "5xx");
    assert_eq!(claim.finding, Finding::NotMet);
    assert_eq!(
        claim.observed,
        "0 in 30 samples, 0 in 30 rows of the HTTP table"
    );
    assert_eq!(verdict.outcome, Outcome::Reproduced);
}

#[test]
fn clients_that_gave_up_are_ruled_in_and_belong_to_worker_exhaustion() {
    let verdict = incidents::intermittent_5xx().judge();
    let alternative = verdict.alternatives.first().unwrap();
    assert_eq!(alternative.status, AlternativeStatus::RuledIn);
    assert_eq!(
        alternative.because,
        "18 of 30 clients gave up; 18 rows with 499 in the HTTP table"
    );
    assert!(
        alternative.quotes[0].text.contains("499"),
        "{:?}",
        alternative.quotes
    );
}

#[test]
fn judging_twice_gives_the_same_bytes() {
    for bundle in incidents::symptoms() {
        let folder = bundle.folder();
        let once = || {
            let bundle_read = labrat::evidence::read(folder.path()).unwrap();
            let verdict = labrat::verdict::judge(bundle.rules(), &bundle_read);
            (
                report::json(&verdict).unwrap(),
                report::markdown(&verdict, &bundle_read),
            )
        };
        assert_eq!(once(), once());
    }
}

#[test]
fn all_workers_busy_with_a_queue_is_support_and_its_absence_costs_nothing() {
    let seen = incidents::intermittent_5xx().judge();
    assert_eq!(criterion(&seen, "busy-with-queue").finding, Finding::Met);
    let unseen = incidents::intermittent_5xx()
        .without("trigger/diag-workers-during-0001.json")
        .without("trigger/diag-workers-during-0002.json");
    let unseen = unseen.judge();
    assert_eq!(
        criterion(&unseen, "busy-with-queue").finding,
        Finding::NoEvidence
    );
    assert_eq!(unseen.outcome, Outcome::Reproduced);
}

#[test]
fn a_competing_explanation_that_is_ruled_in_forbids_reproduced() {
    let timeout = incidents::console_row(40.0, "[CRITICAL] WORKER TIMEOUT (pid:11)");
    let verdict = incidents::intermittent_5xx()
        .table("console", &[timeout])
        .judge();
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict.headline.contains("worker timeout is ruled in"),
        "{}",
        verdict.headline
    );
}

#[test]
fn a_5xx_of_another_day_does_not_keep_the_names_promise() {
    let (slow, fast) = incidents::saturation_samples(6);
    let mut rows = incidents::rows_of(&slow);
    rows.extend(incidents::rows_of(&fast));
    rows.push(incidents::http_row(-90_000.0, "/fast", 502, 3));
    let verdict = incidents::intermittent_5xx().table("http", &rows).judge();
    let claim = verdict.title_claims.first().unwrap();
    assert_eq!(claim.finding, Finding::NotMet);
    assert_eq!(
        claim.observed,
        "0 in 30 samples, 0 in 31 rows of the HTTP table, 1 outside the load"
    );
    rows.push(incidents::http_row(60.0, "/fast", 502, 3));
    let verdict = incidents::intermittent_5xx().table("http", &rows).judge();
    assert_eq!(verdict.title_claims.first().unwrap().finding, Finding::Met);
}

/// The status on a cold start, for a saturation whose site started at that second of the run; the
/// trigger begins at second 20.
fn cold_start_of(started: f64, warm_baseline: bool) -> AlternativeStatus {
    let mut bundle = incidents::intermittent_5xx().table(
        "platform",
        &[incidents::platform_row(started, "Site started.")],
    );
    if !warm_baseline {
        bundle = bundle.without("baseline/health.json");
    }
    let verdict = bundle.judge();
    let alternative = verdict
        .alternatives
        .iter()
        .find(|alternative| alternative.id == "cold-start");
    alternative.expect("the alternative is weighed").status
}

#[test]
fn a_start_within_the_load_is_a_cold_start_and_one_before_it_only_if_nothing_answered() {
    assert_eq!(cold_start_of(25.0, true), AlternativeStatus::RuledIn);
    assert_eq!(cold_start_of(15.0, true), AlternativeStatus::RuledOut);
    assert_eq!(cold_start_of(15.0, false), AlternativeStatus::RuledIn);
}

#[test]
fn a_stop_just_after_the_load_is_no_restart_and_one_within_it_is() {
    let with_stop_at = |seconds: f64| {
        incidents::intermittent_5xx()
            .table(
                "platform",
                &[
                    incidents::platform_row(-80.0, "Site started."),
                    incidents::platform_row(seconds, "Site: app stopped."),
                ],
            )
            .judge()
    };
    let aligned = |verdict| criterion(&verdict, "aligned-with-restarts").finding;
    assert_eq!(aligned(with_stop_at(30.0)), Finding::Met);
    assert_eq!(aligned(with_stop_at(100_000.0)), Finding::NotMet);
}
