//! `labrat settings check`: a startup command read before it is deployed.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use super::{program, stdout};

fn check(command: &str, more: &[&str]) -> Output {
    let mut program = program();
    program.env("COLUMNS", "80");
    program.args(["settings", "check", "--startup-command", command]);
    program.args(more).output().unwrap()
}

/// The exit code and the rules that speak against a command.
fn objections(command: &str, more: &[&str]) -> (Option<i32>, Vec<String>) {
    let output = check(command, &[more, &["--json"]].concat());
    let said: Value = serde_json::from_str(stdout(&output)).unwrap();
    let all = said["objections"].as_array().unwrap();
    let rule = |one: &Value| one["rule"].as_str().unwrap().to_owned();
    (output.status.code(), all.iter().map(rule).collect())
}

#[test]
fn a_command_is_blocked_where_the_platform_would_not_reach_its_server_and_passes_once_mended() {
    for (wrong, mended) in [
        (
            "gunicorn --bind=127.0.0.1:8000 --workers 2 app:app",
            "gunicorn --bind=0.0.0.0:8000 --workers 2 app:app",
        ),
        ("uvicorn main:app", "uvicorn main:app --host 0.0.0.0"),
        (
            "cd api && gunicorn -w 2 -b localhost:8000 app:app",
            "cd api && gunicorn -w 2 -b 0.0.0.0 app:app",
        ),
        (
            "gunicorn -w 2 --bind=0.0.0.0:5000 app:app",
            "gunicorn -w 2 app:app",
        ),
    ] {
        assert_eq!(
            objections(wrong, &[]),
            (Some(1), vec!["out-of-reach".to_owned()]),
            "{wrong}"
        );
        assert_eq!(objections(mended, &[]), (Some(0), Vec::new()), "{mended}");
    }
    assert_eq!(objections("", &[]).0, Some(0), "the platform's own command");
}

#[test]
fn what_only_the_application_tells_is_unknown_and_neither_right_nor_wrong() {
    for command in [
        "python app.py",
        "bash startup.sh",
        "gunicorn -c conf.py app:app",
    ] {
        let output = check(command, &[]);
        assert_eq!(output.status.code(), Some(11), "{command}");
        assert!(stdout(&output).contains("unknown where"), "{command}");
    }
}

#[test]
fn the_settings_name_the_port_and_the_package_has_the_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let setting = |name: &str, value: &str| json!({"name": name, "value": value});
    let text = json!([setting("WEBSITES_PORT", "5000"), setting("WORKERS", "3")]);
    fs::write(&settings, text.to_string()).unwrap();
    let settings = ["--settings", settings.to_str().unwrap()];
    let command = "gunicorn -b 0.0.0.0:5000 -w $WORKERS app:app";
    assert_eq!(objections(command, &settings), (Some(0), Vec::new()));
    assert_eq!(objections(command, &[]).0, Some(1));

    let package = folder.path().join("package");
    fs::create_dir(&package).unwrap();
    let package = ["--package", package.to_str().unwrap()];
    let script = folder.path().join("package/startup.sh");
    fs::write(&script, "gunicorn -w 2 -b 127.0.0.1:8000 app:app\n").unwrap();
    let wrong = objections("bash startup.sh", &package);
    assert_eq!(wrong, (Some(1), vec!["out-of-reach".to_owned()]));
    fs::write(&script, "gunicorn -w 2 -b 0.0.0.0:8000 app:app\r\n").unwrap();
    let windows = objections("bash startup.sh", &package);
    assert_eq!(windows, (Some(1), vec!["script-line-endings".to_owned()]));
    fs::write(&script, "gunicorn -w 2 -b 0.0.0.0:8000 app:app\n").unwrap();
    assert_eq!(
        objections("bash startup.sh", &package),
        (Some(0), Vec::new())
    );
}

#[test]
fn what_gunicorn_refuses_is_blocked_in_its_words_and_what_races_or_queues_is_warned_of() {
    for (command, code, rule) in [
        ("gunicorn -b 0.0.0.0 --workers two app:app", 1, "refused"),
        ("gunicorn -b 0.0.0.0 -w 2 --threads app:app", 1, "refused"),
        ("gunicorn -b 0.0.0.0 app:app", 0, "one-at-a-time"),
        (
            "gunicorn -b 0.0.0.0 -w 2 -k gthread app:app",
            0,
            "keep-alive-race",
        ),
    ] {
        let wanted = (Some(code), vec![rule.to_owned()]);
        assert_eq!(objections(command, &[]), wanted, "{command}");
    }
    let output = check("gunicorn -b 0.0.0.0 --workers two app:app", &["--json"]);
    let said = stdout(&output);
    assert!(said.contains("invalid int value: 'two'"), "{said}");
    let calm = "gunicorn -b 0.0.0.0 -w 2 -k gthread --keep-alive 75 app:app";
    assert_eq!(objections(calm, &[]), (Some(0), Vec::new()));
}

#[test]
fn the_answer_fits_80_columns_and_hides_what_a_command_should_not_have_held() {
    let command = "gunicorn --bind=127.0.0.1 --workers password=hunter2hunter2 app:app";
    let output = check(command, &[]);
    let said = stdout(&output);
    assert!(!said.contains("hunter2"), "{said}");
    let output = check("gunicorn --bind=127.0.0.1:8000 -w 2 app:app", &[]);
    let said = stdout(&output);
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
}
