//! Data on standard output, everything else on standard error, and an exit code that says which
//! kind of end it was.

use std::io::Read as _;
use std::process::Stdio;

use super::{labrat, program, stderr, stdout};

#[test]
fn what_cannot_be_read_ends_with_2_and_nothing_on_standard_output() {
    for words in [
        &["nope"][..],
        &["--nope"],
        &[],
        &["ctl"],
        &["probe"],
        &["serve", "--nope"],
    ] {
        let output = labrat(words);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(2), ""),
            "{words:?}"
        );
        assert!(!stderr(&output).is_empty(), "{words:?}");
    }
}

#[test]
fn what_fails_ends_with_1_and_says_what_and_where() {
    let cases = [
        (
            &["ctl", "--socket", "/nope/ctl", "show", "stats"][..],
            "control socket /nope/ctl: ",
        ),
        (&["ctl", "show", "stats"], "hint: give --socket PATH"),
        (
            &["probe", "https://127.0.0.1/"],
            "not an http:// URL: https://127.0.0.1/",
        ),
        (&["serve", "--bind=:x"], "'x' is not a valid port number."),
    ];
    for (words, expected) in cases {
        let output = labrat(words);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(1), ""),
            "{words:?}"
        );
        assert!(
            stderr(&output).contains(expected),
            "{words:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_reader_that_goes_early_is_no_failure() {
    let mut child = program()
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[test]
fn a_full_disk_under_standard_output_is_a_failure() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut child = program()
        .args(["completions", "bash"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut message = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut message)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(message.contains("No space left on device"), "{message}");
}

#[test]
fn a_flag_without_a_meaning_here_is_one_warning_on_standard_error() {
    let output = labrat(&["serve", "--check-config", "--daemon", "--daemon", "app:app"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), ""));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert!(stderr(&output).starts_with("labrat: warning: --daemon is accepted and ignored: "));
}

#[test]
fn a_checked_configuration_ends_as_gunicorns_does() {
    for (name, code, last) in [
        ("app:app", 0, ""),
        ("nope:app", 1, "ModuleNotFoundError: No module named 'nope'"),
        ("app:nope", 1, "Failed to find attribute 'nope' in 'app'."),
    ] {
        let output = labrat(&["serve", "--check-config", name]);
        assert_eq!(output.status.code(), Some(code), "{name}");
        let line = stderr(&output)
            .lines()
            .rfind(|line| !line.is_empty())
            .unwrap_or_default();
        assert!(line.ends_with(last), "{name}: {line}");
    }
}
