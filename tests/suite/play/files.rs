//! Scenarios as files: those of the program, their schema, and a user's own.

use std::fs;
use std::process::Command;

use labrat::evidence::criteria::Alternative;
use labrat::scenario::catalogue;
use serde_json::Value;

use crate::harness::root;

fn labrat(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(words)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn every_file_of_the_program_is_a_scenario_of_its_own_name() {
    for (name, text) in catalogue::files() {
        let scenario = catalogue::read(name, text).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(scenario.name(), *name);
        assert_eq!(catalogue::find(name).unwrap().name(), *name);
    }
    let listed = fs::read_dir(root().join("src/scenario/catalogue"))
        .unwrap()
        .flatten();
    let files = listed.filter(|entry| entry.path().extension().is_some_and(|end| end == "toml"));
    assert_eq!(
        files.count(),
        catalogue::files().len(),
        "a file is not in the list"
    );
    assert_eq!(Alternative::library().len(), 14);
}

#[test]
fn the_schema_is_what_the_types_say() {
    let path = root().join("docs/scenarios/scenario.schema.json");
    let (code, wanted, _) = labrat(&["scenarios", "schema"]);
    assert_eq!(code, Some(0));
    if std::env::var_os("LABRAT_UPDATE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "run the tests once with LABRAT_UPDATE=1");
    let schema: Value = serde_json::from_str(&found).unwrap();
    for part in ["roles", "steps", "rules", "control"] {
        assert!(schema["properties"][part].is_object(), "{part}");
    }
}

/// What `labrat scenarios check` says of a file with one text in place of another.
fn fault(from: &str, to: &str) -> String {
    let text = fs::read_to_string(root().join("docs/examples/stuck-worker.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
    let (code, _, said) = labrat(&["scenarios", "check", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    said
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_line_column_and_hint() {
    let text = fs::read_to_string(root().join("docs/examples/stuck-worker.toml")).unwrap();
    let place = |word: &str| {
        let at = text.find(word).unwrap();
        let line = text[..at].matches('\n').count() + 1;
        let column = at - text[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
        format!("mine.toml:{line}:{column}: ")
    };
    for (from, to, at, what, hint) in [
        (
            r#"role = "held", status"#,
            r#"role = "holds", status"#,
            r#""held", status"#,
            "no role is called `holds`",
            "[roles] has held",
        ),
        (
            "at_least = 1 }",
            "at_leest = 1 }",
            "at_least = 1 }",
            "unknown field `at_leest`",
            "write one of",
        ),
        (
            "check.console",
            "check.consol",
            "console = ",
            "unknown variant `consol`",
            "write one of",
        ),
        (
            "WORKER TIMEOUT",
            "WORKER (TIMEOUT",
            "\"WORKER TIMEOUT",
            "no regular expression",
            "backslash",
        ),
        (
            r#"id = "restart""#,
            r#"id = "restrat""#,
            r#""restart""#,
            "no alternative is called `restrat`",
            "worker-timeout",
        ),
    ] {
        let said = fault(from, to);
        for wanted in [place(at).as_str(), what, hint] {
            assert!(said.contains(wanted), "{to}: {wanted} is not in\n{said}");
        }
    }
    let syntax = fault("[roles]", "[roles");
    assert!(syntax.contains("mine.toml:"), "{syntax}");
}

#[test]
fn the_example_is_a_scenario_and_is_listed_beside_those_of_the_program() {
    let examples = root().join("docs/examples");
    let folder = examples.to_str().unwrap();
    let file = examples.join("stuck-worker.toml");
    let (code, said, wrong) = labrat(&["scenarios", "check", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{wrong}");
    assert!(said.contains("stuck-worker"), "{said}");
    let (code, listed, _) = labrat(&["scenarios", "--scenarios", folder, "--json"]);
    assert_eq!(code, Some(0));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let last = listed.as_array().unwrap().last().unwrap();
    assert_eq!(last["name"], "stuck-worker");
    let (code, _, said) = labrat(&["scenarios", "stuck-worker"]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn an_incident_that_a_user_wrote_is_played_and_judged_by_the_same_program() {
    let folder = tempfile::tempdir().unwrap();
    let examples = root().join("docs/examples");
    for (words, outcome) in [
        (&[][..], "reproduced"),
        (&["--fix", "longer-timeout"][..], "not-reproduced"),
    ] {
        let out = folder.path().join(outcome);
        let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
            .args([
                "rehearse",
                "stuck-worker",
                "--pace",
                "0.2",
                "--json",
                "--scenarios",
            ])
            .arg(&examples)
            .args(words)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let verdict: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{said}"));
        assert_eq!(
            verdict["outcome"], outcome,
            "{}\n{said}",
            verdict["headline"]
        );
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}\n{said}",
            verdict["headline"]
        );
    }
}
