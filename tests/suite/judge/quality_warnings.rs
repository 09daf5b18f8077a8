//! When the measurement itself may be doubted, the verdict says so.

use labrat::evidence::manifest::{PhaseKind, Queued, WorkersSeen};
use labrat::evidence::sample::Sample;
use labrat::verdict::{Outcome, QualityWarningKind, Verdict};

use super::builder::{Builder, answered, at};
use super::incidents::{self, http_row, rows_of};

fn kinds(verdict: &Verdict) -> Vec<QualityWarningKind> {
    verdict
        .quality_warnings
        .iter()
        .map(|warning| warning.kind)
        .collect()
}

fn doubted(bundle: Builder, kind: QualityWarningKind) -> String {
    let verdict = bundle.judge();
    assert_eq!(kinds(&verdict), [kind], "{:?}", verdict.quality_warnings);
    assert_eq!(
        verdict.outcome,
        Outcome::Reproduced,
        "a warning does not change the outcome"
    );
    verdict.quality_warnings[0].text.clone()
}

#[test]
fn a_step_of_the_wall_clock_is_doubtful_and_half_a_second_is_not() {
    let with = |drift| {
        incidents::intermittent_5xx()
            .amend(|manifest| manifest.clock.wall_minus_monotonic_seconds = Some(drift))
    };
    assert_eq!(with(0.5).judge().quality_warnings, []);
    assert_eq!(
        doubted(with(-3.25), QualityWarningKind::ClockStep),
        "the wall clock moved -3.250 s against the monotonic clock"
    );
}

#[test]
fn a_saturated_generator_a_queueing_lane_and_unseen_workers_are_said() {
    let saturated =
        incidents::intermittent_5xx().amend(|manifest| manifest.sampler.saturated = true);
    doubted(saturated, QualityWarningKind::GeneratorSaturated);
    let queued = Queued {
        count: 4,
        longest_seconds: 21.735,
    };
    let queued =
        incidents::intermittent_5xx().amend(|manifest| manifest.sampler.queued = Some(queued));
    assert!(doubted(queued, QualityWarningKind::CaptureQueued).contains("longest 21.7 s"));
    let unseen = incidents::memory_pressure().amend(|manifest| {
        let seen = WorkersSeen {
            seen: 1,
            of: Some(4),
        };
        manifest.sampler.workers_seen.insert(PhaseKind::Mid, seen);
    });
    assert_eq!(
        doubted(unseen, QualityWarningKind::WorkersUnseen),
        "mid: 1 of 4 workers told their counters"
    );
}

#[test]
fn a_gap_in_the_samples_is_doubtful() {
    let leak = |skip: u32, pause: f64| -> Vec<Sample> {
        (1..=101)
            .filter(|index| *index != skip)
            .map(|index| {
                let late = if index > 60 { pause } else { 0.0 };
                answered(
                    index,
                    "/leak",
                    20.0 + f64::from(index) + late,
                    200,
                    0.8,
                    60.0,
                )
            })
            .collect()
    };
    let with = |samples: Vec<Sample>| {
        let mut rows = rows_of(&samples);
        rows.extend(rows_of(&incidents::heavy_samples(5, 3.0)));
        incidents::memory_pressure()
            .samples("leak", &samples)
            .table("http", &rows)
    };
    let missing = doubted(with(leak(50, 0.0)), QualityWarningKind::SampleGap);
    assert!(missing.contains("100 of 101 rows"), "{missing}");
    let pause = doubted(with(leak(101, 14.0)), QualityWarningKind::SampleGap);
    assert!(pause.contains("no request was under way"), "{pause}");
    assert_eq!(
        with(leak(101, 9.0)).judge().quality_warnings,
        [],
        "nine seconds are no gap"
    );
}

#[test]
fn other_traffic_within_the_trigger_is_doubtful() {
    let (slow, fast) = incidents::saturation_samples(6);
    let mut rows = rows_of(&slow);
    rows.extend(rows_of(&fast));
    let mut foreign = rows.clone();
    foreign.push(http_row(50.0, "/wp-login.php", 404, 3));
    let text = doubted(
        incidents::intermittent_5xx().table("http", &foreign),
        QualityWarningKind::OtherTraffic,
    );
    assert!(text.contains("/wp-login.php"), "{text}");
    let mut more = rows.clone();
    more.push(http_row(50.0, "/fast", 200, 3));
    let text = doubted(
        incidents::intermittent_5xx().table("http", &more),
        QualityWarningKind::OtherTraffic,
    );
    assert!(text.contains("11 rows of /fast"), "{text}");
    rows.push(http_row(50.0, "/diag/stats", 200, 3));
    assert_eq!(
        incidents::intermittent_5xx()
            .table("http", &rows)
            .judge()
            .quality_warnings,
        []
    );
}

#[test]
fn rows_outside_the_run_and_rows_not_yet_logged_are_doubtful() {
    let (slow, fast) = incidents::saturation_samples(6);
    let mut rows = rows_of(&slow);
    rows.extend(rows_of(&fast));
    let mut early = vec![http_row(-60_000.0, "/fast", 200, 3)];
    early.extend(rows.clone());
    let text = doubted(
        incidents::intermittent_5xx().table("http", &early),
        QualityWarningKind::TableOutside,
    );
    assert!(
        text.starts_with("HTTP table: 1 of 31 rows lie before the run and 0 after it"),
        "{text}"
    );
    rows.pop();
    let text = doubted(
        incidents::intermittent_5xx().table("http", &rows),
        QualityWarningKind::TableIncomplete,
    );
    assert!(text.contains("9 rows of /fast"), "{text}");
}

#[test]
fn a_console_that_begins_after_the_recovery_shows_another_start() {
    let late = incidents::console_row(190.0, "ModuleNotFoundError: No module named 'wrong_module'");
    let text = doubted(
        incidents::startup_failed().table("console", &[late]),
        QualityWarningKind::TableOutside,
    );
    assert!(text.contains("shows a later start"), "{text}");
}

#[test]
fn a_phase_that_lacks_outcomes_is_doubtful() {
    let lacking = incidents::intermittent_5xx().amend(|manifest| {
        manifest.phases[0].requests_planned = 30;
        manifest.phases[0].requests_done = 29;
        manifest.phases[0].ended = Some(at(150.0));
    });
    assert!(doubted(lacking, QualityWarningKind::SampleGap).contains("29 of 30"));
}

#[test]
fn requests_that_the_front_end_itself_had_no_descriptor_for_are_not_the_sites() {
    let (slow, fast) = incidents::saturation_samples(6);
    let mut rows = rows_of(&slow);
    rows.extend(rows_of(&fast));
    let refused = |win32: &str| {
        let mut rows = rows.clone();
        rows.extend([1.0, 2.0, 3.0].map(|later| {
            let mut row = http_row(50.0 + later, "/health", 503, 1);
            row.sc_win32_status = Some(win32.to_owned());
            row
        }));
        incidents::intermittent_5xx().table("http", &rows)
    };
    let text = doubted(refused("4"), QualityWarningKind::FrontEndShort);
    assert!(
        text.starts_with(
            "3 requests refused because the front end of the emulator had no descriptor left"
        ),
        "{text}"
    );
    let observed = |bundle: Builder| {
        let verdict = bundle.judge();
        let others = verdict.alternatives.into_iter();
        let seen = others.map(|other| (other.id, other.status, other.because));
        seen.collect::<Vec<_>>()
    };
    let without = observed(incidents::intermittent_5xx());
    assert_eq!(observed(refused("4")), without);
    assert_ne!(observed(refused("0")), without, "a 503 of the site counts");
}
