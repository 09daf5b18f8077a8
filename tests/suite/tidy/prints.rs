//! What this program prints passes the place that encodes the text of others.

use std::path::Path;

use super::source::{Source, line_number};
use super::{expect_none, files_under, read};

/// Files that write to a terminal: the gate of the commands, the server's own logs, which look
/// as Gunicorn's do, and the first process of a guest, whose lines go through the gate outside.
const GATES: [&str; 4] = [
    "src/cli/output.rs",
    "src/serve/log_file.rs",
    "src/machine/memory_box/guest/init.rs",
    "src/host/guest.rs",
];

const WAYS: [&str; 6] = [
    "stdout()", "stderr()", "println!", "eprint!", "print!(", "dbg!",
];

fn findings(path: &Path, text: &str) -> Vec<String> {
    let code = Source::new(text).code;
    let mut found = Vec::new();
    for way in WAYS {
        for (at, _) in code.match_indices(way) {
            let asks_only = code[at..].starts_with(&format!("{way}.is_terminal()"));
            if !asks_only {
                found.push(format!(
                    "{}:{} uses {way}",
                    path.display(),
                    line_number(&code, at)
                ));
            }
        }
    }
    found
}

#[test]
fn nothing_is_printed_past_the_place_that_encodes() {
    let mut found = Vec::new();
    for path in files_under("src", &["rs"]) {
        if !GATES.contains(&path.to_str().unwrap()) {
            found.extend(findings(&path, &read(&path)));
        }
    }
    expect_none("prints that nothing encodes", &found);
}

#[test]
fn a_print_is_found_and_a_question_about_the_terminal_is_not() {
    let path = Path::new("s.rs");
    assert_eq!(
        findings(path, "fn a() {\n    println!(\"x\");\n}"),
        ["s.rs:2 uses println!"]
    );
    assert_eq!(
        findings(path, "let t = std::io::stdout().is_terminal(); // println!"),
        [""; 0]
    );
}
