//! What this program prints or writes for a reader passes the place that encodes the text of others.

use std::path::Path;

use super::source::{Source, line_number};
use super::{expect_none, files_under, read};

/// A sink: the ways to it, and the files that may go them because what they write is encoded.
struct Sink {
    name: &'static str,
    ways: &'static [&'static str],
    gates: &'static [&'static str],
}

const SINKS: [Sink; 4] = [
    Sink {
        name: "a terminal",
        ways: &[
            "stdout()", "stderr()", "println!", "eprint!", "print!(", "dbg!",
        ],
        // The gate of the commands, the server's own logs, and the first process of a guest, whose
        // lines go through the gate outside.
        gates: &[
            "src/cli/output.rs",
            "src/serve/log_file.rs",
            "src/machine/memory_box/guest/init.rs",
            "src/host/guest.rs",
        ],
    },
    Sink {
        name: "a log",
        ways: &["LogFile::open"],
        gates: &[
            "src/serve/console.rs",
            "src/serve/access_log.rs",
            "src/serve/log_file.rs",
        ],
    },
    Sink {
        name: "CSV",
        ways: &["csv::Writer", "csv::WriterBuilder"],
        // The samples hold numbers, words of this program and the path that it asked for.
        gates: &["src/tables/write.rs", "src/evidence/record/samples.rs"],
    },
    Sink {
        name: "HTML",
        // Everything else is escaped by the macro that makes the page.
        ways: &["PreEscaped"],
        gates: &["src/report/html/page.rs"],
    },
];

/// Functions that have to encode, by the gate that they are in.
const ENCODERS: [(&str, &str); 9] = [
    ("src/cli/output.rs", "encoding::terminal("),
    ("src/serve/console.rs", "encoding::terminal("),
    ("src/serve/access_log.rs", "log_line("),
    ("src/tables/write.rs", "csv_cell("),
    ("src/report/html/page.rs", "encoding::html("),
    ("src/report/markdown.rs", "markdown_code("),
    ("src/report/diagnosis/markdown.rs", "markdown_code("),
    ("src/report/mod.rs", "encoding::json("),
    ("src/verdict/secrets.rs", "line("),
];

fn findings(path: &Path, text: &str) -> Vec<String> {
    let code = Source::new(text).code;
    let mut found = Vec::new();
    let closed = |sink: &&Sink| !sink.gates.contains(&path.to_str().unwrap());
    for sink in SINKS.iter().filter(closed) {
        for way in sink.ways {
            for (at, _) in code.match_indices(way) {
                let asks_only = code[at..].starts_with(&format!("{way}.is_terminal()"));
                if !asks_only {
                    found.push(format!(
                        "{}:{} uses {way}, a way to {}",
                        path.display(),
                        line_number(&code, at),
                        sink.name
                    ));
                }
            }
        }
    }
    found
}

#[test]
fn nothing_is_printed_past_the_place_that_encodes() {
    let mut found = Vec::new();
    for path in files_under("src", &["rs"]) {
        found.extend(findings(&path, &read(&path)));
    }
    expect_none("prints that nothing encodes", &found);
}

#[test]
fn every_gate_encodes() {
    let missing: Vec<String> = ENCODERS
        .iter()
        .filter(|(path, encoder)| !Source::new(&read(Path::new(path))).code.contains(encoder))
        .map(|(path, encoder)| format!("{path} does not use {encoder}"))
        .collect();
    expect_none("gates that are open", &missing);
}

#[test]
fn a_print_is_found_and_a_question_about_the_terminal_is_not() {
    let path = Path::new("s.rs");
    assert_eq!(
        findings(path, "fn a() {\n    println!(\"x\");\n}"),
        ["s.rs:2 uses println!, a way to a terminal"]
    );
    assert_eq!(
        findings(path, "let w = csv::Writer::from_writer(out);"),
        ["s.rs:1 uses csv::Writer, a way to CSV"]
    );
    assert_eq!(
        findings(path, "let t = std::io::stdout().is_terminal(); // println!"),
        [""; 0]
    );
}
