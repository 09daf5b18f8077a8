//! One file after another is taken away: never a false "reproduced", and "no evidence" where the
//! file was.

use labrat::evidence::manifest::Completion;
use labrat::report;
use labrat::verdict::{Finding, Outcome, QualityWarningKind};

use super::builder::{Builder, criterion};
use super::incidents;

/// Files without which a scenario's symptom is still shown: they bear on alternatives and support.
const DISPENSABLE: [&str; 10] = [
    "baseline/health.json",
    "baseline/config-staging.json",
    "post/config-staging.json",
    "post/diag-proc.json",
    "post/diag-stats-11.json",
    "post/health.json",
    "tables/http.jsonl",
    "tables/platform.jsonl",
    "trigger/diag-workers-during-0001.json",
    "trigger/diag-workers-during-0002.json",
];

/// Baseline statistics are needed where the leak is measured, and the console where it is proof.
fn is_dispensable(scenario: &str, path: &str) -> bool {
    match path {
        "baseline/diag-stats-11.json" => scenario != "memory-pressure",
        "tables/console.jsonl" => scenario != "startup-failed",
        // The last /health of the run shows the recovery as well.
        "trigger/samples-recovery.csv" => scenario == "startup-failed",
        // The HTTP table shows the failures before the fix as well.
        "trigger/samples-symptom.csv" => scenario == "startup-failed",
        path => DISPENSABLE.contains(&path),
    }
}

fn explained(bundle: &Builder) -> String {
    report::text(&bundle.judge(), report::Style::Plain)
}

#[test]
fn a_file_that_was_never_captured_is_no_evidence() {
    for symptom in incidents::symptoms() {
        let scenario = symptom.rules().name.as_str();
        for path in symptom.files.keys() {
            let without = symptom.clone().without(path);
            let verdict = without.judge();
            if is_dispensable(scenario, path) {
                assert_eq!(
                    verdict.outcome,
                    Outcome::Reproduced,
                    "{path}\n{}",
                    explained(&without)
                );
                continue;
            }
            assert_eq!(
                verdict.outcome,
                Outcome::Inconclusive,
                "{path}\n{}",
                explained(&without)
            );
            assert!(
                verdict
                    .criteria
                    .iter()
                    .any(|result| result.finding == Finding::NoEvidence),
                "{path} is missed by no criterion of {scenario}"
            );
            assert!(
                !verdict.missing.is_empty(),
                "{scenario} without {path} asks for nothing"
            );
        }
    }
}

#[test]
fn a_number_that_can_be_had_without_the_evidence_it_needs_is_no_evidence() {
    let verdict = incidents::memory_pressure()
        .without("trigger/samples-heavy.csv")
        .judge();
    let answers = criterion(&verdict, "answers-dominate");
    assert_eq!(answers.finding, Finding::NoEvidence);
    assert_eq!(
        answers.observed,
        "raw samples of /heavy not captured (otherwise: 100 of 100 requests: 100 %)"
    );
}

#[test]
fn a_recovery_that_neither_probes_nor_a_last_health_show_is_no_evidence() {
    let bundle = incidents::startup_failed()
        .without("trigger/samples-recovery.csv")
        .without("post/health.json");
    let verdict = bundle.judge();
    assert_eq!(
        criterion(&verdict, "health-200-after").finding,
        Finding::NoEvidence
    );
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn failures_that_neither_samples_nor_the_http_table_show_are_no_evidence() {
    let bundle = incidents::startup_failed()
        .without("trigger/samples-symptom.csv")
        .without("tables/http.jsonl");
    let verdict = bundle.judge();
    assert_eq!(
        criterion(&verdict, "not-200-before").finding,
        Finding::NoEvidence
    );
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn a_file_that_the_manifest_lists_and_that_is_gone_forbids_reproduced() {
    for symptom in incidents::symptoms() {
        for path in symptom.files.keys() {
            let folder = symptom.folder();
            std::fs::remove_file(folder.path().join(path)).unwrap();
            let bundle = labrat::evidence::read(folder.path()).unwrap();
            let verdict = labrat::verdict::judge(symptom.rules(), &bundle);
            assert_eq!(verdict.outcome, Outcome::Inconclusive, "{path}");
            let warning = verdict
                .quality_warnings
                .iter()
                .find(|warning| warning.kind == QualityWarningKind::FileMissing)
                .unwrap();
            assert!(warning.text.contains(path.as_str()), "{}", warning.text);
            assert!(verdict.unreadable.iter().any(|file| file.path == *path));
        }
    }
}

#[test]
fn a_file_that_is_emptied_or_holds_an_error_is_as_good_as_none() {
    for symptom in incidents::symptoms() {
        let scenario = symptom.rules().name.as_str();
        for path in symptom.files.keys() {
            for content in [
                "",
                "ERROR: (AuthorizationFailed) the client has no authorization",
            ] {
                let spoiled = symptom.clone().text(path, content);
                let verdict = spoiled.judge();
                let command = path.ends_with("startup-command.txt") && !content.is_empty();
                if is_dispensable(scenario, path) {
                    assert_eq!(
                        verdict.outcome,
                        Outcome::Reproduced,
                        "{path}\n{}",
                        explained(&spoiled)
                    );
                } else {
                    assert_ne!(
                        verdict.outcome,
                        Outcome::Reproduced,
                        "{path}\n{}",
                        explained(&spoiled)
                    );
                }
                // A command is any text, so that only the others can be told to be unreadable.
                let named = verdict.unreadable.iter().any(|file| file.path == *path);
                assert!(named || command, "{path} is not listed as unreadable");
            }
        }
    }
}

#[test]
fn a_bundle_without_its_manifest_is_judged_by_what_is_left() {
    for mut symptom in incidents::symptoms() {
        let rules = symptom.rules();
        symptom.manifest = None;
        let verdict = labrat::verdict::judge(rules, &symptom.read());
        let by_manifest = rules.name == "slot-swap-drift";
        let expected = if by_manifest {
            Outcome::Inconclusive
        } else {
            Outcome::Reproduced
        };
        assert_eq!(
            verdict.outcome, expected,
            "{}: {}",
            rules.name, verdict.headline
        );
    }
}

#[test]
fn a_manifest_that_cannot_be_read_forbids_reproduced() {
    for content in ["", "{\"schema_version\": 1, \"scen"] {
        let symptom = incidents::memory_pressure();
        let folder = symptom.folder();
        std::fs::write(folder.path().join("manifest.json"), content).unwrap();
        let bundle = labrat::evidence::read(folder.path()).unwrap();
        let verdict = labrat::verdict::judge(symptom.rules(), &bundle);
        assert_eq!(
            verdict.outcome,
            Outcome::Inconclusive,
            "{}",
            verdict.headline
        );
        assert!(
            verdict
                .headline
                .contains("the manifest is there and cannot be read")
        );
    }
}

#[test]
fn an_altered_file_forbids_reproduced() {
    let symptom = incidents::memory_pressure();
    let folder = symptom.folder();
    let path = folder.path().join("trigger/diag-proc-mid.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("45000 kB", "40000 kB")).unwrap();
    let bundle = labrat::evidence::read(folder.path()).unwrap();
    let verdict = labrat::verdict::judge(symptom.rules(), &bundle);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert_eq!(
        verdict.quality_warnings[0].kind,
        QualityWarningKind::Altered
    );
    assert!(
        verdict.quality_warnings[0]
            .text
            .contains("trigger/diag-proc-mid.json")
    );
}

#[test]
fn a_run_that_was_cut_short_or_killed_is_never_reproduced() {
    let reason = "interrupted by the operator".to_owned();
    for completion in [Completion::Unfinished, Completion::CutShort { reason }] {
        for symptom in incidents::symptoms() {
            let cut = symptom.amend(|manifest| manifest.completion = completion.clone());
            let verdict = cut.judge();
            assert_eq!(
                verdict.outcome,
                Outcome::Inconclusive,
                "{}",
                verdict.headline
            );
            assert!(
                verdict.headline.contains("every criterion is met, but"),
                "{}",
                verdict.headline
            );
        }
    }
}

#[test]
fn missing_evidence_names_the_command_that_would_bring_it() {
    let verdict = incidents::startup_failed()
        .without("tables/console.jsonl")
        .judge();
    let missing = verdict.missing.first().unwrap();
    assert_eq!(missing.what, "AppServiceConsoleLogs");
    assert_eq!(
        missing.for_criteria,
        [
            "command-wrong-before",
            "import-failure",
            "command-right-after",
            "command-already-right",
            "no-import-failure"
        ]
    );
    assert!(
        missing
            .command
            .starts_with("az monitor log-analytics query --workspace"),
        "{}",
        missing.command
    );
    assert!(
        missing
            .command
            .contains("AppServiceConsoleLogs | where TimeGenerated between (datetime(2026-11-21T"),
        "{}",
        missing.command
    );
}

#[test]
fn the_last_row_of_a_killed_run_may_be_cut_and_the_others_count() {
    let symptom = incidents::memory_pressure();
    let mut bytes = symptom.files["trigger/samples-leak.csv"].clone();
    bytes.extend_from_slice(b"101,2026-11-21T08:02:0");
    let mut cut = symptom;
    cut.files
        .insert("trigger/samples-leak.csv".to_owned(), bytes);
    let verdict = cut.judge();
    assert_eq!(
        criterion(&verdict, "leak-load").observed,
        "100 requests to /leak"
    );
    assert!(
        verdict.unreadable[0].reason.starts_with("read in part"),
        "{:?}",
        verdict.unreadable
    );
}
