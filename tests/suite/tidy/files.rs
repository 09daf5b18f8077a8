//! A file that passes this many lines is several files.

use std::path::Path;

use super::{expect_none, files_under, read};

const MOST_LINES: usize = 500;

/// Files that are still to be split.
const NOT_YET: [&str; 1] = ["src/redaction/scan.rs"];

fn findings(path: &Path, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    match lines > MOST_LINES {
        true => vec![format!("{} has {lines} lines", path.display())],
        false => Vec::new(),
    }
}

#[test]
fn no_file_passes_500_lines() {
    let mut found = Vec::new();
    let mut seen = 0;
    for folder in ["src", "tests", "scripts", "deploy", "bicep", "examples"] {
        for path in files_under(folder, &["rs", "sh", "py", "mjs", "js", "bicep"]) {
            found.extend(findings(&path, &read(&path)));
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} files were found");
    let is_known = |found: &String| NOT_YET.iter().any(|path| found.starts_with(path));
    let (known, found): (Vec<String>, Vec<String>) = found.into_iter().partition(is_known);
    assert_eq!(
        known.len(),
        NOT_YET.len(),
        "a file has been split: take it off the list"
    );
    expect_none("files of more than 500 lines", &found);
}

#[test]
fn a_file_of_501_lines_is_found_and_one_of_500_is_not() {
    let path = Path::new("sample.rs");
    assert_eq!(findings(path, &"x\n".repeat(500)), [""; 0]);
    assert_eq!(
        findings(path, &"x\n".repeat(501)),
        ["sample.rs has 501 lines"]
    );
}
