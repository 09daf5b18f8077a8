//! The tests that docs/security.md names are there.

use std::path::Path;

use super::{expect_none, read, root};

/// Whether a name such as `judge::hostile` or `host::control::tests` is a module of the tests or has
/// tests of its own in the source.
fn exists(name: &str) -> bool {
    let of_suite = format!("tests/suite/{}", name.replace("::", "/"));
    let of_source = name
        .strip_suffix("::tests")
        .map(|name| format!("src/{}.rs", name.replace("::", "/")));
    let holds_tests = |path: &str| {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        text.contains("#[test]") || text.contains("#[tokio::test]")
    };
    holds_tests(&format!("{of_suite}.rs"))
        || root().join(of_suite).join("mod.rs").exists()
        || of_source.is_some_and(|path| holds_tests(&path))
}

/// What stands between backticks in the last column of the tables whose last column says so.
fn named(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_shown = false;
    for line in page.lines() {
        match line.strip_suffix(" |") {
            None if line.starts_with("|---") => {}
            None => is_shown = false,
            Some(row) if row.ends_with("| Shown by") => is_shown = true,
            Some(row) if is_shown => {
                let (_, last) = row.rsplit_once("| ").unwrap_or(("", row));
                let words = last.split('`').skip(1).step_by(2);
                found.extend(words.filter(|word| !word.contains([' ', '/'])));
            }
            Some(_) => {}
        }
    }
    found
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = read(Path::new("docs/security.md"));
    let named = named(&page);
    assert!(named.len() > 20, "only {named:?}");
    let missing: Vec<String> = named
        .iter()
        .filter(|name| !exists(name))
        .map(|name| (*name).to_owned())
        .collect();
    expect_none(
        "tests that docs/security.md names and that are not there",
        &missing,
    );
}

#[test]
fn a_name_that_is_no_test_is_found() {
    let page =
        "| a | Shown by |\n|---|---|\n| `no::test` | `judge::hostile`, `no::such` |\n\n| `x` |";
    assert_eq!(named(page), ["judge::hostile", "no::such"]);
    assert!(exists("judge::hostile") && exists("encoding::tests"));
    assert!(!exists("no::such") && !exists("encoding::nothing"));
}
