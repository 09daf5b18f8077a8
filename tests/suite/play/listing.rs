//! `labrat scenarios`.

use labrat::scenario::catalogue;
use serde_json::Value;
use tokio::process::Command;

use super::program::labrat;

#[tokio::test]
async fn the_list_names_every_scenario_and_fits_the_terminal() {
    let run = labrat(&["scenarios"]).await;
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for scenario in catalogue::all() {
        assert!(run.out.contains(scenario.name()), "{}", run.out);
    }
    assert!(
        run.out.lines().all(|line| line.chars().count() <= 100),
        "{}",
        run.out
    );
}

#[tokio::test]
async fn one_scenario_is_shown_in_full_by_its_name_or_another_name() {
    for name in ["startup-failed", "deployment-succeeded-startup-failed"] {
        let run = labrat(&["scenarios", name]).await;
        assert_eq!(run.code, Some(0), "{}", run.err);
        for words in [
            "wrong_module:app",
            "## Proof",
            "## Other explanations",
            "## Negative control",
        ] {
            assert!(run.out.contains(words), "{words}");
        }
    }
}

#[tokio::test]
async fn json_is_the_data() {
    let all: Value = serde_json::from_str(&labrat(&["scenarios", "--json"]).await.out).unwrap();
    assert_eq!(all.as_array().unwrap().len(), catalogue::all().len());
    let one = labrat(&["scenarios", "intermittent-5xx", "--json"]).await;
    let one: Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!(one["steps"][1]["groups"][0]["path"], "/slow");
    assert_eq!(one["steps"][1]["groups"][0]["limit_seconds"], 45.0);
    assert_eq!(one["topology"]["workers"], 2);
}

#[tokio::test]
async fn an_unknown_name_is_an_error_with_the_names_that_there_are() {
    let run = labrat(&["scenarios", "no-such"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.out.is_empty());
    assert!(
        run.err.contains("hint: there are memory-pressure"),
        "{}",
        run.err
    );
}

#[tokio::test]
async fn the_command_that_a_page_shows_is_one_that_the_program_reads() {
    let mut shown_on = 0;
    for scenario in catalogue::all() {
        let page = labrat(&["scenarios", scenario.name()]).await.out;
        // What needs more around the target than a load is played by `labrat rehearse` alone.
        let Some(from) = page.find("`labrat trigger") else {
            assert!(page.contains(&format!("`labrat rehearse {}`", scenario.name())));
            continue;
        };
        shown_on += 1;
        let (_, command) = page.split_at(from + 1);
        let (shown, _) = command.split_once('`').unwrap();
        // A name that never resolves: everything before the first connection is tried.
        let shown = shown
            .replace(
                "labrat trigger",
                &format!("{} trigger", env!("CARGO_BIN_EXE_labrat")),
            )
            .replace("127.0.0.1", "labrat.invalid");
        let output = Command::new("bash")
            .args(["-c", &shown])
            .output()
            .await
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{shown}: {err}");
        assert!(err.contains("host name not found"), "{shown}: {err}");
    }
    assert!(shown_on >= 4, "the labs' scenarios at least");
}
