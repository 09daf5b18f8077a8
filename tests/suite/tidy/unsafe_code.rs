//! Unsafe code lives in one file, and each piece of it says why it is sound.

use std::path::Path;

use super::source::{Source, line_number, words};
use super::{expect_none, files_under, read};

/// The one file.
const HOME: &str = "src/machine/sys.rs";

fn findings(path: &Path, text: &str) -> Vec<String> {
    let source = Source::new(text);
    let mut found = Vec::new();
    for at in words(&source.code, "unsafe") {
        let line = line_number(&source.code, at);
        if path != Path::new(HOME) {
            found.push(format!("{}:{line} unsafe outside {HOME}", path.display()));
        } else if !is_explained(&source, line) {
            found.push(format!(
                "{}:{line} unsafe without a SAFETY comment",
                path.display()
            ));
        }
    }
    found
}

/// Whether the comments directly above the statement that holds `line` say why it is sound.
fn is_explained(source: &Source, line: usize) -> bool {
    let code: Vec<&str> = source.code.lines().collect();
    let comments: Vec<&str> = source.comments.lines().collect();
    for above in (0..line).rev() {
        let comment = comments[above];
        if comment.contains("SAFETY:") || comment.contains("# Safety") {
            return true;
        }
        let ends_before = code[above].trim_end().ends_with([';', '{', '}']);
        if above + 1 < line && ends_before {
            return false;
        }
    }
    false
}

#[test]
fn unsafe_code_is_in_one_file_and_explained() {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        for path in files_under(folder, &["rs"]) {
            found.extend(findings(&path, &read(&path)));
        }
    }
    expect_none("unsafe code", &found);
    assert!(
        words(&Source::new(&read(Path::new(HOME))).code, "unsafe").count() > 0,
        "{HOME} holds none"
    );
}

#[test]
fn unsafe_code_in_another_file_is_found() {
    let bad = "fn a() {\n    // SAFETY: it is not.\n    unsafe { b() }\n}\n";
    assert_eq!(
        findings(Path::new("src/app/x.rs"), bad),
        [format!("src/app/x.rs:3 unsafe outside {HOME}")]
    );
    assert_eq!(
        findings(
            Path::new("src/app/x.rs"),
            "#![deny(unsafe_code)] // unsafe\n\"unsafe\""
        ),
        [""; 0]
    );
}

#[test]
fn an_unsafe_block_impl_or_function_without_its_reason_is_found() {
    let path = Path::new(HOME);
    let good = "// SAFETY: yes.\nunsafe impl A for B {}\nfn a() {\n    // SAFETY: because\n    // of this.\n    \
                #[cfg(x)]\n    let c = f(\n        unsafe { b() },\n    );\n}\n/// # Safety\n/// Careful.\n\
                pub unsafe trait T {}\n";
    assert_eq!(findings(path, good), [""; 0]);
    let bad = "// SAFETY: yes.\nunsafe impl A for B {}\nunsafe impl A for C {}\nfn a() {\n    x();\n    unsafe { b() }\n}\n\
               unsafe fn d() {}\n";
    let expected = [3, 6, 8].map(|line| format!("{HOME}:{line} unsafe without a SAFETY comment"));
    assert_eq!(findings(path, bad), expected);
}
