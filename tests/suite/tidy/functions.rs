//! A function that passes this many lines is several functions.

use std::path::Path;

use super::source::{Source, line_number, words};
use super::{expect_none, files_under, read};

/// From the line of `fn` to that of its closing brace.
const MOST_LINES: usize = 70;

/// Where the body that begins at or behind `from` ends, unless there is none.
fn end_of_body(code: &str, from: usize) -> Option<usize> {
    let (mut brackets, mut braces) = (0_i32, 0_i32);
    for (at, sign) in code[from..].char_indices() {
        match sign {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            // A function of a trait, declared and no more.
            ';' if brackets == 0 && braces == 0 => return None,
            _ => continue,
        }
        if sign == '}' && braces == 0 {
            return Some(from + at);
        }
    }
    None
}

fn findings(path: &Path, text: &str) -> Vec<String> {
    let code = Source::new(text).code;
    let mut found = Vec::new();
    for at in words(&code, "fn") {
        let rest = &code[at + 2..];
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|sign| sign.is_alphanumeric() || *sign == '_')
            .collect();
        // `fn(u8) -> u8` is a type.
        let Some(end) = end_of_body(&code, at).filter(|_| !name.is_empty()) else {
            continue;
        };
        let (first, last) = (line_number(&code, at), line_number(&code, end));
        let lines = last - first + 1;
        if lines > MOST_LINES {
            found.push(format!(
                "{}:{first} {name} has {lines} lines",
                path.display()
            ));
        }
    }
    found
}

#[test]
fn no_function_passes_70_lines() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "examples"] {
        for path in files_under(folder, &["rs"]) {
            found.extend(findings(&path, &read(&path)));
        }
    }
    expect_none("functions of more than 70 lines", &found);
}

#[test]
fn a_function_of_71_lines_is_found_wherever_it_is_and_one_of_70_is_not() {
    let path = Path::new("s.rs");
    let long = |lines: usize| {
        format!(
            "impl A {{\n    fn a(x: [u8; 4]) -> [u8; 4] {{\n{}    }}\n}}\ntrait T {{ fn b(); }}\n\
             const F: fn(u8) = c; fn c(_: u8) {{ \"}}\"; '{{'; }}\n",
            "        x;\n".repeat(lines - 2)
        )
    };
    assert_eq!(findings(path, &long(70)), [""; 0]);
    assert_eq!(findings(path, &long(71)), ["s.rs:2 a has 71 lines"]);
}
