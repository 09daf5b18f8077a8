//! A test either runs and has to pass, or it does not exist.

use std::path::Path;

use super::source::{Source, line_number};
use super::{expect_none, files_under, read};

const FORBIDDEN: [&str; 2] = ["ignore", "should_panic"];

fn findings(path: &Path, text: &str) -> Vec<String> {
    let code = Source::new(text).code;
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[") {
        let attribute = code[at + 2..].split(']').next().unwrap_or_default();
        let words =
            attribute.split(|character: char| !character.is_alphanumeric() && character != '_');
        for word in words.filter(|word| FORBIDDEN.contains(word)) {
            found.push(format!(
                "{}:{} is marked {word}",
                path.display(),
                line_number(&code, at)
            ));
        }
    }
    found
}

#[test]
fn no_test_is_switched_off_or_passes_by_panicking() {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        for path in files_under(folder, &["rs"]) {
            found.extend(findings(&path, &read(&path)));
        }
    }
    expect_none("tests that are marked", &found);
}

#[test]
fn a_mark_is_found_and_the_same_words_elsewhere_are_not() {
    let path = Path::new("s.rs");
    let bad = "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n#[cfg_attr(x, should_panic)]\n";
    assert_eq!(
        findings(path, bad),
        ["s.rs:2 is marked ignore", "s.rs:4 is marked should_panic"]
    );
    assert_eq!(
        findings(
            path,
            "// #[ignore]\nlet ignore = \"#[ignore]\"; #[rustfmt::skip]"
        ),
        [""; 0]
    );
}
