//! What a diagnosis prints, and how it ends.

use std::io::Write as _;
use std::process::{Command, Stdio};

use nix::time::{ClockId, clock_gettime};
use serde_json::Value;

use super::incidents::incidents;
use super::{diagnosis, first, folder, labrat};
use crate::harness::root;

#[test]
fn the_code_tells_a_cause_from_an_open_question_and_from_a_failure() {
    let all = incidents();
    let code = |name: &str| {
        let incident = all.iter().find(|one| one.name == name).unwrap();
        let folder = incident.folder();
        labrat(&[folder.path().to_str().unwrap()]).status.code()
    };
    assert_eq!(code("crash"), Some(0));
    assert_eq!(code("stale"), Some(0));
    assert_eq!(code("notes"), Some(11));
    assert_eq!(labrat(&["/nonexistent"]).status.code(), Some(1));
    assert_eq!(labrat(&[]).status.code(), Some(2));
}

#[test]
fn the_ranking_is_whole_and_its_likelihoods_add_up_to_one() {
    for incident in incidents() {
        let diagnosis = diagnosis(incident.folder().path());
        let ranking = diagnosis["ranking"].as_array().unwrap();
        assert_eq!(ranking.len(), labrat::diagnosis::causes().len());
        let likelihoods: Vec<f64> = ranking
            .iter()
            .map(|one| one["likelihood"].as_f64().unwrap())
            .collect();
        assert!((likelihoods.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(likelihoods.is_sorted_by(|a, b| a >= b), "{}", incident.name);
    }
}

#[test]
fn every_scenario_of_the_catalogue_is_a_cause_that_can_be_named() {
    let causes = labrat::diagnosis::causes();
    for scenario in labrat::scenario::catalogue::all() {
        let name = scenario.name();
        let cause = causes.iter().find(|cause| cause.name == name);
        assert!(cause.is_some(), "{name} is no cause of a diagnosis");
    }
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    for (of, file) in [
        ("diagnosis", "docs/diagnosis/diagnosis.schema.json"),
        ("causes", "docs/diagnosis/causes.schema.json"),
    ] {
        let printed = labrat(&["--schema", of]);
        let printed = String::from_utf8(printed.stdout).unwrap();
        let path = root().join(file);
        if std::env::var_os("LABRAT_UPDATE").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert_eq!(printed, committed, "LABRAT_UPDATE=1 writes {file} anew");
    }
}

#[test]
fn the_json_has_what_its_schema_requires() {
    let schema = labrat(&["--schema"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let all = incidents();
    let crash = all.iter().find(|one| one.name == "crash").unwrap();
    let diagnosis = diagnosis(crash.folder().path());
    for name in schema["required"].as_array().unwrap() {
        assert!(!diagnosis[name.as_str().unwrap()].is_null(), "{name}");
    }
    for name in schema["$defs"]["Ranked"]["required"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(!diagnosis["ranking"][0][name].is_null(), "{name}");
    }
}

#[test]
fn no_line_of_the_terminal_is_wider_than_80_columns() {
    for incident in incidents() {
        let folder = incident.folder();
        let output = labrat(&[folder.path().to_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains('\u{1b}'), "colour without a terminal");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", incident.name);
        }
    }
}

#[test]
fn the_question_is_a_query_and_a_command() {
    for incident in incidents() {
        let diagnosis = diagnosis(incident.folder().path());
        let question = &diagnosis["question"];
        assert_eq!(question["between"].as_array().unwrap().len(), 2);
        let kql = question["kql"].as_str().unwrap();
        assert!(
            kql.contains("AppService") || kql.contains("AzureActivity"),
            "{kql}"
        );
        assert!(!question["command"].as_str().unwrap().is_empty());
    }
}

#[test]
fn what_is_missing_is_named_with_its_export() {
    let log = folder(&[(
        "docker.log",
        "2023-05-02T10:00:01.123Z INFO  - Starting container for site\n",
    )]);
    let diagnosis = diagnosis(log.path());
    let missing = diagnosis["missing"].as_array().unwrap();
    let of_requests = missing
        .iter()
        .find(|one| one["what"].as_str().unwrap().contains("AppServiceHTTPLogs"));
    let command = of_requests.unwrap()["command"].as_str().unwrap();
    assert!(command.starts_with("az monitor log-analytics query"));
}

#[test]
fn what_the_front_end_refused_for_its_own_lack_is_a_warning_and_no_failure() {
    let export = |win32: u32| {
        let head = "TimeGenerated,CsMethod,CsUriStem,ScStatus,ScWin32Status,TimeTaken";
        let rows = (0..60).map(|second| match second % 3 {
            2 => format!("2026-11-21T08:00:{second:02}Z,GET,/fast,503,{win32},1"),
            _ => format!("2026-11-21T08:00:{second:02}Z,GET,/fast,200,0,3"),
        });
        let rows: Vec<String> = std::iter::once(head.to_owned()).chain(rows).collect();
        folder(&[("export.csv", &rows.join("\n"))])
    };
    let (own, sites) = (export(4), export(0));
    let of_own = diagnosis(own.path());
    let warning = of_own["quality_warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("20 requests refused"), "{warning}");
    assert_eq!(of_own["routes"][0]["server_errors"], 0);
    let of_sites = diagnosis(sites.path());
    assert_eq!(of_sites["routes"][0]["server_errors"], 20);
    assert_eq!(of_sites["quality_warnings"], serde_json::json!([]));
    let printed = labrat(&[own.path().to_str().unwrap()]).stdout;
    let printed = String::from_utf8(printed).unwrap();
    assert!(
        printed.contains("Data-quality warnings\n  20 requests refused"),
        "{printed}"
    );
}

#[test]
fn a_report_is_written_in_three_forms() {
    let all = incidents();
    let sat = all.iter().find(|one| one.name == "sat").unwrap();
    let (input, out) = (sat.folder(), tempfile::tempdir().unwrap());
    let out = out.path().join("report");
    let words = [
        input.path().to_str().unwrap(),
        "--report",
        out.to_str().unwrap(),
    ];
    assert_eq!(labrat(&words).status.code(), Some(0));
    for (file, has) in [
        ("report.html", "<svg"),
        ("report.md", "# Diagnosis: intermittent"),
        ("diagnosis.json", "\"ranking\""),
    ] {
        let text = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(text.contains(has), "{file}");
    }
}

#[test]
fn standard_input_is_read() {
    let all = incidents();
    let crash = all.iter().find(|one| one.name == "crash").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["diagnose", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(crash.files[0].1.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(first(&diagnosis), "crash-at-boot");
}

#[test]
fn only_what_lies_in_the_asked_span_counts() {
    let all = incidents();
    let disk = all.iter().find(|one| one.name == "disk").unwrap();
    let folder = disk.folder();
    let path = folder.path().to_str().unwrap();
    let before = labrat(&["--json", path, "--to", "2023-05-02T10:00:30Z"]);
    let before: Value = serde_json::from_slice(&before.stdout).unwrap();
    assert_ne!(first(&before), "disk-full");
    let turned = labrat(&[
        path,
        "--from",
        "2023-05-03T00:00:00Z",
        "--to",
        "2023-05-02T00:00:00Z",
    ]);
    assert_eq!(turned.status.code(), Some(1));
}

#[test]
fn a_verdict_without_a_known_scenario_points_here() {
    let all = incidents();
    let crash = all.iter().find(|one| one.name == "crash").unwrap();
    let folder = crash.folder();
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("verdict")
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("labrat diagnose"), "{message}");
}

/// Seconds of a processor that a diagnosis of so many failures in a row takes.
fn seconds_of(failures: u32) -> f64 {
    let mut rows = String::from("TimeGenerated,CsMethod,CsUriStem,ScStatus,TimeTaken\n");
    let begin: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for number in 0..failures {
        let at = begin + jiff::SignedDuration::from_millis(i64::from(number) * 10);
        rows.push_str(&format!("{at},GET,/{},502,5\n", number % 9));
    }
    let export = folder(&[("export.csv", &rows)]);
    let before = processor_time();
    diagnosis(export.path());
    (processor_time() - before).as_secs_f64()
}

/// What this process has used: the clock on the wall would measure the neighbours.
fn processor_time() -> std::time::Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .unwrap()
        .into()
}

#[test]
fn an_outage_of_forty_thousand_requests_costs_what_its_rows_are_many() {
    let quicker = |failures| seconds_of(failures).min(seconds_of(failures));
    let (few, many) = (quicker(10_000), quicker(40_000));
    assert!(many < 9.0 * few, "{few} s, then {many} s");
}
