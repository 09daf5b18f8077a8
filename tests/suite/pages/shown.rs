//! What the README shows of a diagnosis is what the program prints.

use std::process::Command;

use crate::harness::root;

const COMMAND: &str = "labrat diagnose docs/examples/export";

/// The block of text behind the console block with this command.
fn shown<'a>(page: &'a str, command: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("$ {command}\n```\n")).unwrap();
    let (_, rest) = rest.split_once("```text\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// The first line of `shown` that `printed` does not hold in this order. `...` stands for any lines;
/// without it, lines follow each other.
fn first_difference<'a>(shown: &'a str, printed: &str) -> Option<&'a str> {
    let mut rest = printed.lines();
    let mut skips = false;
    for line in shown.lines() {
        if line == "..." {
            skips = true;
            continue;
        }
        let found = match skips {
            true => rest.any(|printed| printed == line),
            false => rest.next() == Some(line),
        };
        if !found {
            return Some(line);
        }
        skips = false;
    }
    None
}

#[test]
fn the_readme_shows_a_diagnosis_as_it_is_printed() {
    let words = COMMAND.split(' ').skip(1);
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(words)
        .current_dir(root())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let shown = shown(&readme, COMMAND);
    assert!(shown.lines().count() >= 10, "{shown}");
    assert_eq!(first_difference(shown, &printed), None, "{printed}");
}

#[test]
fn a_line_that_is_not_printed_and_one_that_is_skipped_are_found() {
    let printed = "a\nb\nc\nd\n";
    assert_eq!(first_difference("a\nb\n...\nd\n", printed), None);
    assert_eq!(first_difference("a\nc\n", printed), Some("c"));
    assert_eq!(first_difference("a\n...\ne\n", printed), Some("e"));
    assert_eq!(first_difference("a\n...\nc\nb\n", printed), Some("b"));
}
