//! Values just below, at and just above each threshold.

use labrat::evidence::sample::Sample;
use labrat::verdict::{Finding, Outcome};
use serde_json::json;

use super::builder::{Builder, answered, criterion, gave_up};
use super::incidents::{self, heavy_samples, proc_body, saturation_samples, stats};

fn finding(bundle: &Builder, id: &str) -> Finding {
    criterion(&bundle.judge(), id).finding
}

/// The middle of memory-pressure with one number changed.
fn memory_mid(available: u64, swap_free: u64, scanned: u64, stalls: u64, swapped: u64) -> Builder {
    let body = proc_body(available, swap_free, scanned, stalls, swapped, 50.0);
    incidents::memory_pressure().json("trigger/diag-proc-mid.json", body)
}

const SWAP: u64 = 2_400_000;
const SCANNED: u64 = 8_000_000;
const STALLS: u64 = 2_400;
const SWAPPED: u64 = 860_000;

#[test]
fn headroom_is_met_up_to_a_quarter_of_the_baseline() {
    let with = |available| memory_mid(available, SWAP, SCANNED, STALLS, SWAPPED);
    for (available, expected) in [
        (124_999, Finding::Met),
        (125_000, Finding::Met),
        (125_001, Finding::NotMet),
    ] {
        assert_eq!(
            finding(&with(available), "headroom-collapses"),
            expected,
            "{available}"
        );
    }
}

#[test]
fn headroom_is_near_its_baseline_above_three_quarters() {
    let with = |available| memory_mid(available, SWAP, SCANNED, STALLS, SWAPPED);
    for (available, expected) in [
        (374_999, Finding::NotMet),
        (375_000, Finding::NotMet),
        (375_001, Finding::Met),
    ] {
        assert_eq!(
            finding(&with(available), "headroom-near-baseline"),
            expected,
            "{available}"
        );
    }
}

#[test]
fn between_a_quarter_and_three_quarters_neither_proof_nor_disproof_is_met() {
    let verdict = memory_mid(250_000, SWAP, SCANNED, STALLS, SWAPPED).judge();
    assert_eq!(
        criterion(&verdict, "headroom-collapses").finding,
        Finding::NotMet
    );
    assert_eq!(
        criterion(&verdict, "headroom-near-baseline").finding,
        Finding::NotMet
    );
    assert_eq!(verdict.outcome, Outcome::NotReproduced);
}

#[test]
fn reclaim_grows_from_a_thousand_pages_and_one_stall_on() {
    let with = |scanned, stalls| memory_mid(45_000, SWAP, scanned, stalls, SWAPPED);
    for (scanned, stalls, expected) in [
        (6_000_999, STALLS, Finding::NotMet),
        (6_001_000, STALLS, Finding::Met),
        (6_001_001, STALLS, Finding::Met),
        (SCANNED, 1_000, Finding::NotMet),
        (SCANNED, 1_001, Finding::Met),
    ] {
        assert_eq!(
            finding(&with(scanned, stalls), "reclaim-grows"),
            expected,
            "{scanned} {stalls}"
        );
    }
    assert_eq!(
        finding(&with(6_000_999, STALLS), "reclaim-flat"),
        Finding::Met
    );
    assert_eq!(
        finding(&with(6_001_000, STALLS), "reclaim-flat"),
        Finding::NotMet
    );
}

#[test]
fn swap_is_used_from_a_thousand_pages_and_a_mebibyte_on() {
    let with = |swap_free, swapped| memory_mid(45_000, swap_free, SCANNED, STALLS, swapped);
    for (swap_free, swapped, expected) in [
        (SWAP, 300_999, Finding::NotMet),
        (SWAP, 301_000, Finding::Met),
        (3_800_000 - 1_023, SWAPPED, Finding::NotMet),
        (3_800_000 - 1_024, SWAPPED, Finding::Met),
    ] {
        assert_eq!(
            finding(&with(swap_free, swapped), "swap-used"),
            expected,
            "{swap_free} {swapped}"
        );
    }
}

#[test]
fn the_leak_grows_from_one_block_on() {
    let with = |blocks| {
        incidents::memory_pressure().json("trigger/diag-stats-mid-11.json", stats(11, blocks))
    };
    assert_eq!(finding(&with(0), "leak-grows"), Finding::NotMet);
    assert_eq!(finding(&with(1), "leak-grows"), Finding::Met);
}

#[test]
fn of_several_workers_the_one_that_holds_most_counts() {
    let bundle = incidents::memory_pressure()
        .json("trigger/diag-stats-mid-11.json", stats(11, 0))
        .json("trigger/diag-stats-mid-12.json", stats(12, 3))
        .json("trigger/diag-stats-mid-13.json", stats(13, 1));
    let verdict = bundle.judge();
    let leak = criterion(&verdict, "leak-grows");
    assert_eq!(leak.observed, "leak_block_count 0 -> 3 (+3)");
}

#[test]
fn the_tail_of_heavy_is_met_from_three_medians_on() {
    // Three slow of fifty are more than the slowest twentieth.
    let with = |seconds| incidents::memory_pressure().samples("heavy", &heavy_samples(3, seconds));
    assert_eq!(finding(&with(1.49), "heavy-tail"), Finding::NotMet);
    assert_eq!(finding(&with(1.5), "heavy-tail"), Finding::Met);
    assert_eq!(finding(&with(1.51), "heavy-tail"), Finding::Met);
    let two = incidents::memory_pressure().samples("heavy", &heavy_samples(2, 30.0));
    assert_eq!(
        finding(&two, "heavy-tail"),
        Finding::NotMet,
        "two of fifty are no twentieth"
    );
}

#[test]
fn answers_dominate_from_nine_in_ten_on() {
    let with = |failures: u32| {
        let leak: Vec<Sample> = (1..=100)
            .map(|index| {
                let status = if index <= failures { 500 } else { 200 };
                answered(index, "/leak", 20.0 + f64::from(index), status, 0.8, 60.0)
            })
            .collect();
        incidents::memory_pressure().samples("leak", &leak)
    };
    assert_eq!(
        finding(&with(16), "answers-dominate"),
        Finding::NotMet,
        "134 of 150"
    );
    assert_eq!(
        finding(&with(15), "answers-dominate"),
        Finding::Met,
        "135 of 150"
    );
}

#[test]
fn a_load_that_is_one_request_short_says_nothing() {
    let leak: Vec<Sample> = (1..=99)
        .map(|index| answered(index, "/leak", 20.0 + f64::from(index), 200, 0.8, 60.0))
        .collect();
    let verdict = incidents::memory_pressure().samples("leak", &leak).judge();
    assert_eq!(criterion(&verdict, "leak-load").finding, Finding::NotMet);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn half_of_the_fast_clients_must_give_up() {
    for (give_ups, expected) in [
        (4, Outcome::NotReproduced),
        (5, Outcome::Reproduced),
        (6, Outcome::Reproduced),
    ] {
        let (_, fast) = saturation_samples(give_ups);
        let verdict = incidents::intermittent_5xx().samples("fast", &fast).judge();
        assert_eq!(
            verdict.outcome, expected,
            "{give_ups}: {}",
            verdict.headline
        );
    }
}

#[test]
fn three_slow_requests_of_five_seconds_are_several() {
    let with = |third: f64| {
        let slow: Vec<Sample> = (1..=20)
            .map(|index| match index {
                1 | 2 => answered(index, "/slow", 20.0, 200, 9.0, 45.0),
                3 => answered(index, "/slow", 20.0, 200, third, 45.0),
                _ => answered(index, "/slow", 20.0, 200, 0.5, 45.0),
            })
            .collect();
        incidents::intermittent_5xx().samples("slow", &slow)
    };
    assert_eq!(finding(&with(4.999), "slow-is-long"), Finding::NotMet);
    assert_eq!(finding(&with(5.0), "slow-is-long"), Finding::Met);
    assert_eq!(
        finding(&with(4.999), "no-burst"),
        Finding::Met,
        "give-ups without a burst refute"
    );
}

#[test]
fn a_paced_run_scales_what_is_long() {
    let slow: Vec<Sample> = (1..=20)
        .map(|index| answered(index, "/slow", 20.0, 200, 2.5, 22.5))
        .collect();
    let paced = incidents::intermittent_5xx().samples("slow", &slow);
    assert_eq!(finding(&paced, "slow-is-long"), Finding::NotMet);
    let paced = paced.amend(|manifest| manifest.pace = 0.5);
    assert_eq!(finding(&paced, "slow-is-long"), Finding::Met);
}

#[test]
fn durations_between_the_groups_may_be_three_in_ten() {
    let with = |middle: u32| {
        let fast: Vec<Sample> = (1..=10)
            .map(|index| match index {
                index if index <= 5 => gave_up(index, "/fast", 20.0, 15.0),
                index if index <= 5 + middle => answered(index, "/fast", 20.0, 200, 9.0, 15.0),
                _ => answered(index, "/fast", 20.0, 200, 0.01, 15.0),
            })
            .collect();
        incidents::intermittent_5xx().samples("fast", &fast)
    };
    assert_eq!(finding(&with(3), "fast-in-two-groups"), Finding::Met);
    assert_eq!(finding(&with(4), "fast-in-two-groups"), Finding::NotMet);
}

#[test]
fn one_answer_that_is_not_200_refutes_a_silent_drift() {
    let mut probes: Vec<Sample> = (1..=30)
        .map(|index| answered(index, "/config", 24.0, 200, 0.02, 10.0))
        .collect();
    probes[7] = answered(8, "/config", 24.0, 503, 0.02, 10.0);
    let verdict = incidents::slot_swap_drift()
        .samples("swap", &probes)
        .judge();
    assert_eq!(
        criterion(&verdict, "every-answer-200").finding,
        Finding::NotMet
    );
    assert_eq!(verdict.outcome, Outcome::NotReproduced);
}

#[test]
fn a_value_that_is_redacted_without_a_fingerprint_cannot_be_compared() {
    let hidden = json!({"DB_CONNECTION_STRING": "<redacted>"});
    let bundle = incidents::slot_swap_drift().json("post/config-production.json", hidden);
    let verdict = bundle.judge();
    assert_eq!(
        criterion(&verdict, "production-changed").finding,
        Finding::NoEvidence
    );
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn inside_a_small_box_the_cgroup_decides_and_the_host_need_not_move() {
    let host = |usage: u64, limit_hits: u64, swap: u64, swap_free: u64| {
        let mut body = proc_body(20_000_000, swap_free, 0, 0, swap / 4, 0.0);
        body["meminfo"]["MemTotal"] = json!("24684084 kB");
        body["cgroup"] = json!({
            "version": 1,
            "limit_bytes": 512u64 << 20,
            "usage_bytes": usage << 20,
            "swap_usage_bytes": swap << 10,
            "events": {"failcnt": limit_hits, "oom_kill": 0},
        });
        body
    };
    let boxed = incidents::memory_pressure()
        .json("baseline/diag-proc.json", host(60, 0, 0, 1_000_000))
        .json(
            "trigger/diag-proc-mid.json",
            host(510, 80_000, 400_000, 600_000),
        );
    let verdict = boxed.judge();
    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    let headroom = criterion(&verdict, "headroom-collapses");
    assert!(
        headroom
            .observed
            .starts_with("free room of the cgroup 462,848 -> 2,048 kB"),
        "{}",
        headroom.observed
    );
}
