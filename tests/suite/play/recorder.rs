//! The one writer of a bundle.

use std::fs;

use jiff::Timestamp;
use labrat::evidence::manifest::{Clock, Completion, Manifest, PhaseKind};
use labrat::evidence::record::{RecordError, Recorder, Scrubber, Snapshot};
use labrat::evidence::sample::{Sample, Status};
use labrat::evidence::{bundle::DigestState, read};
use labrat::load::FailureClass;
use tempfile::tempdir;

use super::program::{every_text, manifest};

fn empty_manifest() -> Manifest {
    Manifest {
        schema_version: 1,
        scenario: "intermittent-5xx".into(),
        variant: None,
        labrat_version: String::new(),
        command: None,
        target: None,
        clock: Clock {
            started: Timestamp::now(),
            ended: None,
            wall_minus_monotonic_seconds: None,
        },
        machine: Default::default(),
        topology: Default::default(),
        phases: Vec::new(),
        events: Vec::new(),
        captures: Vec::new(),
        completion: Completion::Unfinished,
        sampler: Default::default(),
        estimate: Vec::new(),
        pace: 1.0,
        files: Vec::new(),
    }
}

fn sample(index: u32, status: u16) -> Sample {
    Sample {
        index,
        start: Some(Timestamp::now()),
        route: "/slow?note=a,\"b\"".into(),
        status: Status::new(status).unwrap(),
        error: (status == 0).then_some(FailureClass::Timeout),
        ttfb_seconds: None,
        total_seconds: Some(45.000_001),
        client_limit_seconds: Some(45.0),
    }
}

fn snapshot(file: &str, body: &str) -> Snapshot {
    Snapshot {
        file: file.into(),
        phase: PhaseKind::Baseline,
        requested: Timestamp::now(),
        seconds: 0.001,
        pid: Some(7),
        body: body.into(),
    }
}

#[test]
fn from_its_first_moment_on_the_folder_is_a_bundle_that_says_unfinished() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("new/run");
    let recorder = Recorder::create(&root, empty_manifest()).unwrap();
    let bundle = read(&root).unwrap();
    assert_eq!(bundle.manifest.unwrap().completion, Completion::Unfinished);
    drop(recorder);
}

#[test]
fn a_folder_with_something_in_it_and_a_file_are_refused() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("x"), "x").unwrap();
    let full = Recorder::create(folder.path(), empty_manifest());
    assert!(
        matches!(full, Err(RecordError::NotEmpty { .. })),
        "{full:?}"
    );
    let file = Recorder::create(&folder.path().join("x"), empty_manifest());
    assert!(
        matches!(file, Err(RecordError::NotAFolder { .. })),
        "{file:?}"
    );
    assert!(Recorder::create(tempdir().unwrap().path(), empty_manifest()).is_ok());
}

#[test]
fn every_row_is_on_the_disk_as_soon_as_it_is_recorded() {
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::create(folder.path(), empty_manifest()).unwrap();
    recorder
        .begin_phase("burst", PhaseKind::Trigger, 30, Some(21))
        .unwrap();
    for index in 1..=30 {
        let status = if index % 2 == 0 { 200 } else { 0 };
        recorder.sample(&sample(index, status)).unwrap();
        let bundle = read(folder.path()).unwrap();
        assert_eq!(bundle.trigger_samples().count(), index as usize);
    }
    let bundle = read(folder.path()).unwrap();
    let (_, last) = bundle.trigger_samples().last().unwrap();
    assert_eq!((last.index, last.status.code()), (30, 200));
    assert_eq!(last.route, "/slow?note=a,\"b\"");
    let gave_up = bundle
        .trigger_samples()
        .filter(|(_, sample)| sample.gave_up());
    assert_eq!(gave_up.count(), 15);
}

#[test]
fn a_snapshot_is_in_the_manifest_as_soon_as_it_is_kept() {
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::create(folder.path(), empty_manifest()).unwrap();
    for count in 1..=3 {
        let file = format!("baseline/diag-stats-{count}.json");
        recorder.snapshot(&snapshot(&file, "{}")).unwrap();
        let written = manifest(folder.path());
        assert_eq!(
            (written.captures.len(), written.files.len()),
            (count, count)
        );
        assert_eq!(written.captures[count - 1].file, file);
    }
}

#[test]
fn a_sample_outside_a_phase_is_an_error() {
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::create(folder.path(), empty_manifest()).unwrap();
    let refused = recorder.sample(&sample(1, 200));
    assert!(matches!(refused, Err(RecordError::NoPhase { .. })));
}

#[test]
fn the_end_seals_every_file_by_its_digest_and_leaves_nothing_half_written() {
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::create(folder.path(), empty_manifest()).unwrap();
    recorder
        .snapshot(&snapshot(
            "baseline/health.json",
            "{\"status\":\"healthy\"}\n",
        ))
        .unwrap();
    recorder
        .begin_phase("burst", PhaseKind::Trigger, 1, None)
        .unwrap();
    recorder.sample(&sample(1, 200)).unwrap();
    recorder.finish(Completion::Complete).unwrap();

    let written = manifest(folder.path());
    let paths: Vec<&str> = written
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["baseline/health.json", "trigger/samples-burst.csv"]);
    assert!(written.clock.wall_minus_monotonic_seconds.unwrap().abs() < 1.0);
    let bundle = read(folder.path()).unwrap();
    for file in &bundle.files {
        if file.path != "manifest.json" {
            assert_eq!(file.digest, Some(DigestState::Matches), "{}", file.path);
        }
    }
    let names: Vec<String> = every_text(folder.path())
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert!(
        names.iter().all(|name| !name.contains(".partial-")),
        "{names:?}"
    );
}

#[test]
fn what_holds_no_secret_stays_as_it_is_to_the_byte() {
    let scrubber = Scrubber::new();
    for body in [
        "{ \"b\" : 1,\n \"a\":[\"x\"] }\n",
        "not json",
        "",
        "{\"DB_CONNECTION_STRING\":\"<unset>\",\"LAB_KEY\":\"<unset>\"}",
        "{\"LAB_KEY\":\"***\"}",
    ] {
        assert_eq!(&*scrubber.scrub(body.as_bytes()), body.as_bytes(), "{body}");
    }
}

#[test]
fn equal_secrets_have_equal_marks_in_one_bundle_and_others_in_the_next() {
    let body = |password: &str| format!("{{\"c\":\"Server=s;Password={password};\"}}");
    let shown = |scrubber: &Scrubber, password: &str| {
        String::from_utf8(scrubber.scrub(body(password).as_bytes()).into_owned()).unwrap()
    };
    let (here, there) = (Scrubber::new(), Scrubber::new());
    assert_eq!(shown(&here, "one"), shown(&here, "one"));
    assert_ne!(shown(&here, "one"), shown(&here, "two"));
    assert_ne!(shown(&here, "one"), shown(&there, "one"));
    let text = shown(&here, "one");
    assert!(
        text.starts_with("{\"c\":\"Server=s;Password=<redacted:"),
        "{text}"
    );
    assert!(
        !format!("{here:?}").contains("salt"),
        "the salt is not shown"
    );
}

#[test]
fn secrets_are_found_by_name_in_lists_of_settings_and_in_texts() {
    let scrubber = Scrubber::new();
    for body in [
        r#"[{"name":"DB_PASSWORD","value":"hunter2"}]"#,
        r#"{"token":12345678,"n":{"client_secret":{"a":"hunter2"}}}"#,
        r#"{"list":["Server=s;Pwd=hunter2"]}"#,
        "labrat serve --env DB_PASSWORD=hunter2 app:app\n",
        "postgres://app:hunter2@db.example.net/x",
    ] {
        let shown = scrubber.scrub(body.as_bytes());
        let text = String::from_utf8_lossy(&shown);
        assert!(
            !text.contains("hunter2") && !text.contains("12345678"),
            "{text}"
        );
        assert!(text.contains("<redacted"), "{text}");
        if body.starts_with(['{', '[']) {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}
