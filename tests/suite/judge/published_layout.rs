//! The published labs' layout, faults included.

use labrat::evidence::bundle::FileState;
use labrat::evidence::{Bundle, ResponsesError, split_responses};
use labrat::scenario::catalogue;
use labrat::verdict::{Outcome, judge};
use serde_json::json;

use super::builder::{Builder, criterion};
use super::incidents::{proc_body, stats};

const STAMP: &str = "20261121T080000Z";

/// Rows as a script that joins its files without line breaks leaves them: 1, 10, 11, ..., 2, ...
fn glued(seconds: impl Fn(u32) -> f64) -> String {
    let mut indices: Vec<String> = (1..=50_u32).map(|index| index.to_string()).collect();
    indices.sort();
    indices
        .iter()
        .map(|index| format!("{index},200,{:.6}", seconds(index.parse().unwrap())))
        .collect()
}

fn published() -> Builder {
    let leak: String = (1..=100)
        .map(|index| format!("{index},200,0.8{index:05}\n"))
        .collect();
    let heavy = glued(|index| if index > 45 { 3.0 } else { 0.5 });
    let mid = proc_body(45_000, 2_400_000, 8_000_000, 2_400, 860_000, 72.0);
    let mut bundle = Builder::new("memory-pressure")
        .json(
            "baseline/diag-proc.json",
            proc_body(500_000, 3_800_000, 6_000_000, 1_000, 300_000, 0.0),
        )
        .json("baseline/diag-stats.json", stats(11, 0))
        .json(
            "baseline/app-config.json",
            json!({"appCommandLine": "gunicorn --timeout=120 app:app"}),
        )
        .json(
            &format!("trigger/diag-proc-midleak-{STAMP}.json"),
            mid.clone(),
        )
        .json(&format!("trigger/diag-proc-postheavy-{STAMP}.json"), mid)
        .json(
            &format!("trigger/diag-stats-midleak-{STAMP}.json"),
            stats(12, 30),
        )
        .text(&format!("trigger/leak-responses-{STAMP}.csv"), &leak)
        .text(&format!("trigger/heavy-responses-{STAMP}.csv"), &heavy);
    bundle.manifest = None;
    bundle
}

fn state<'b>(bundle: &'b Bundle, path: &str) -> &'b FileState {
    &bundle
        .files
        .iter()
        .find(|file| file.path == path)
        .unwrap()
        .state
}

#[test]
fn a_published_run_is_judged_without_a_manifest() {
    let verdict = judge(
        catalogue::rules_of("memory-pressure").unwrap(),
        &published().read(),
    );
    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    assert_eq!(
        criterion(&verdict, "heavy-load").observed,
        "50 requests to /heavy"
    );
}

#[test]
fn several_exports_of_one_table_are_merged_and_each_row_counts_once() {
    let rows = |seconds: std::ops::Range<usize>| {
        let rows: Vec<_> = seconds
            .map(|second| json!([format!("2026-11-21T08:00:{second:02}Z"), "/leak", 200]))
            .collect();
        json!({"tables": [{"name": "PrimaryResult", "rows": rows, "columns": [
            {"name": "TimeGenerated", "type": "datetime"},
            {"name": "CsUriStem", "type": "string"},
            {"name": "ScStatus", "type": "int"},
        ]}]})
    };
    let bundle = published()
        .text("trigger/kql-http-1.json", "")
        .text(
            "trigger/kql-http-2.json",
            "ERROR: BadArgumentError: the request had some invalid properties",
        )
        .json("trigger/kql-http-3.json", rows(0..3))
        .json("trigger/kql-http-4.json", rows(2..9))
        .json("trigger/kql-http-5.json", rows(0..9))
        .read();
    assert_eq!(bundle.http.files.len(), 3);
    assert_eq!(bundle.http.rows.len(), 9);
    assert_eq!(state(&bundle, "trigger/kql-http-1.json"), &FileState::Empty);
    let FileState::Unreadable { reason } = state(&bundle, "trigger/kql-http-2.json") else {
        panic!("an error message was read as a table");
    };
    assert!(
        reason.starts_with("not a table: it begins with `ERROR: BadArgumentError"),
        "{reason}"
    );
    // What the unreadable export would have held is not known: absence proves nothing.
    assert_eq!(bundle.http.gaps[0].file, "trigger/kql-http-2.json");
    let last = bundle
        .files
        .iter()
        .find(|file| file.path == "trigger/kql-http-5.json")
        .unwrap();
    assert_eq!(
        last.words(),
        "9 rows of AppServiceHTTPLogs, 9 in another file too (JSON)"
    );
}

#[test]
fn rows_that_ran_together_are_recovered_in_the_only_way_that_numbers_each_once() {
    let samples = split_responses(&glued(|index| f64::from(index) + 0.25), "/heavy").unwrap();
    assert_eq!(samples.len(), 50);
    for sample in &samples {
        assert_eq!(sample.total_seconds, Some(f64::from(sample.index) + 0.25));
        assert_eq!(sample.status.code(), 200);
    }
}

#[test]
fn rows_that_ran_together_and_lack_one_are_not_guessed() {
    let text = glued(|_| 0.5).replacen("17,200,0.500000", "", 1);
    assert_eq!(
        split_responses(&text, "/heavy"),
        Err(ResponsesError::Glued { readings: 0 })
    );
    let bundle = published()
        .text(&format!("trigger/heavy-responses-{STAMP}.csv"), &text)
        .read();
    let verdict = judge(catalogue::rules_of("memory-pressure").unwrap(), &bundle);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict
            .missing
            .iter()
            .any(|missing| missing.what == "raw samples of /heavy")
    );
    assert!(
        verdict.missing[0].instead[0].contains("run together"),
        "{:?}",
        verdict.missing[0].instead
    );
}

#[test]
fn rows_with_the_name_of_their_lane_are_read_with_and_without_line_breaks() {
    let expected = [(1, 200, Some(0.646_940)), (2, 0, Some(15.000_374))];
    for text in [
        "fast,1,200,0.646940\nfast,2,000,15.000374\n",
        "fast,1,200,0.646940fast,2,000,15.000374",
    ] {
        let samples = split_responses(text, "/fast").unwrap();
        let read: Vec<_> = samples
            .iter()
            .map(|sample| (sample.index, sample.status.code(), sample.total_seconds))
            .collect();
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn how_many_digits_a_duration_has_is_found_and_not_assumed() {
    let samples = split_responses("1,200,0.122,200,0.33", "/heavy").unwrap();
    let read: Vec<_> = samples
        .iter()
        .map(|sample| (sample.index, sample.total_seconds))
        .collect();
    assert_eq!(read, [(1, Some(0.12)), (2, Some(0.33))]);
    let uneven = split_responses("1,200,0.52,200,0.521", "/heavy");
    assert_eq!(uneven, Err(ResponsesError::Glued { readings: 0 }));
}

#[test]
fn a_run_of_zeros_is_no_answer() {
    let bundle = published()
        .text(
            &format!("trigger/recovery-probes-{STAMP}.csv"),
            "1,000000,2026-11-21T08:01:00Z\n2,200,2026-11-21T08:02:00Z\n",
        )
        .read();
    let probes = bundle
        .samples
        .iter()
        .find(|set| set.phase == "recovery")
        .unwrap();
    assert!(probes.samples[0].status.is_none());
    assert_eq!(probes.samples[1].status.code(), 200);
}

#[test]
fn clients_that_ended_together_without_an_answer_had_a_limit_there() {
    let bundle = published()
        .text(
            &format!("trigger/fast-responses-{STAMP}.csv"),
            "1,000,15.001\n2,000,15.002\n3,200,0.004\n4,000,3.2\n",
        )
        .read();
    let fast = bundle
        .samples
        .iter()
        .find(|set| set.phase == "fast")
        .unwrap();
    let gave_up: Vec<bool> = fast.samples.iter().map(|sample| sample.gave_up()).collect();
    assert_eq!(gave_up, [true, true, false, false]);
}

#[test]
fn a_folder_without_evidence_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.md"), "nothing").unwrap();
    let error = labrat::evidence::read(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("holds no evidence"), "{error}");
    let error = labrat::evidence::read(&folder.path().join("absent"))
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("is not there"), "{error}");
}
