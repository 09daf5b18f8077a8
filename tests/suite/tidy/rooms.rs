//! Who may use whom: the rooms of the house and the doors between them.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use super::source::{Source, line_number, words};
use super::{expect_none, files_under, read};

/// Every room and the rooms it may use.
const DOORS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "app",
            "serve",
            "machine",
            "metrics",
            "readiness",
            "host",
            "tables",
            "load",
            "scenario",
            "evidence",
            "verdict",
            "diagnosis",
            "report",
            "downstream",
            "timeline",
        ],
    ),
    (
        "serve",
        &["app", "machine", "metrics", "readiness", "timeline"],
    ),
    ("metrics", &[]),
    ("app", &["machine", "readiness"]),
    ("downstream", &[]),
    (
        "scenario",
        &["host", "load", "evidence", "machine", "tables", "timeline"],
    ),
    ("host", &["tables", "machine", "metrics", "timeline"]),
    ("evidence", &["tables", "machine", "load"]),
    ("verdict", &["evidence", "tables"]),
    ("diagnosis", &["verdict", "evidence", "tables"]),
    ("report", &["diagnosis", "verdict", "evidence", "tables"]),
    ("load", &[]),
    ("machine", &[]),
    ("readiness", &[]),
    ("tables", &[]),
    ("timeline", &["machine"]),
    ("redaction", &[]),
    ("encoding", &[]),
    ("connections", &[]),
    ("exchange", &[]),
    ("identifiers", &[]),
];

/// The rooms that every other may use.
const COMMON: [&str; 5] = [
    "redaction",
    "encoding",
    "connections",
    "exchange",
    "identifiers",
];

fn is_room(name: &str) -> bool {
    DOORS.iter().any(|(room, _)| *room == name)
}

/// The module path of a file in `src`: `src/app/diag/mod.rs` is `app`, `diag`.
pub(super) fn module_path(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = path
        .with_extension("")
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str().map(str::to_owned),
            _ => None,
        })
        .skip(1)
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Every room that `code` names, with the line where it does.
fn rooms_named(code: &str, depth: usize) -> BTreeSet<(usize, String)> {
    let mut named = BTreeSet::new();
    for start in ["crate", "labrat"] {
        for at in words(code, start) {
            let Some(rest) = code[at + start.len()..].trim_start().strip_prefix("::") else {
                continue;
            };
            let names = first_names(rest).into_iter().filter(|name| is_room(name));
            named.extend(names.map(|name| (line_number(code, at), name)));
        }
    }
    for at in words(code, "super") {
        if code[..at].trim_end().ends_with("::") {
            continue; // Counted with the first of its chain.
        }
        let mut rest = &code[at..];
        let mut climbed = 0;
        while let Some(next) = rest
            .trim_start()
            .strip_prefix("super")
            .and_then(|next| next.trim_start().strip_prefix("::"))
        {
            rest = next;
            climbed += 1;
        }
        if climbed >= depth {
            let names = first_names(rest).into_iter().filter(|name| is_room(name));
            named.extend(names.map(|name| (line_number(code, at), name)));
        }
    }
    named
}

/// The first name of the path that begins here, or of each path of a group in braces.
fn first_names(rest: &str) -> Vec<String> {
    let rest = rest.trim_start();
    let name = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|character| character.is_alphanumeric() || *character == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut names = vec![name(group)];
    let mut depth = 0_usize;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

fn findings(path: &Path, text: &str) -> Vec<String> {
    let module = module_path(path);
    let [room, ..] = module.as_slice() else {
        return Vec::new();
    };
    if matches!(room.as_str(), "lib" | "main") {
        return Vec::new();
    }
    let Some((_, allowed)) = DOORS.iter().find(|(name, _)| name == room) else {
        return vec![format!("{} is in no room of the house", path.display())];
    };
    let code = Source::new(text).code;
    rooms_named(&code, module.len())
        .into_iter()
        .filter(|(_, used)| {
            used != room && !COMMON.contains(&used.as_str()) && !allowed.contains(&used.as_str())
        })
        .map(|(line, used)| format!("{}:{line} {room} uses {used}", path.display()))
        .collect()
}

#[test]
fn no_room_uses_what_it_must_not_know() {
    let mut found = Vec::new();
    for path in files_under("src", &["rs"]) {
        found.extend(findings(&path, &read(&path)));
    }
    expect_none("doors that do not exist", &found);
}

#[test]
fn a_forbidden_use_is_found_however_it_is_written() {
    let load = Path::new("src/load/plan.rs");
    for bad in [
        "use crate::serve::run;",
        "use crate :: {\n    load::X,\n    serve::{self, settings::Y},\n};",
        "fn f() { crate::serve::run() }",
        "use super::super::serve;",
        "use super::super::{load, serve as s};",
    ] {
        let found = findings(load, bad);
        assert!(
            found.len() == 1 && found[0].ends_with("load uses serve"),
            "{bad}: {found:?}"
        );
    }
    assert_eq!(
        findings(Path::new("src/verdict/mod.rs"), "use super::serve::x;").len(),
        1
    );
    assert_eq!(findings(Path::new("src/attic/x.rs"), "").len(), 1);
}

#[test]
fn an_allowed_use_and_a_mention_are_not_found() {
    let good = "//! As crate::serve does.\nuse crate::app::{Lab, serve as s};\nuse crate::machine;\n\
                use crate::redaction;\nuse super::serve::x; let t = \"crate::cli\"; use crate::serve::y;";
    assert_eq!(
        findings(Path::new("src/serve/arbiter/mod.rs"), good),
        [""; 0]
    );
    assert_eq!(
        findings(
            Path::new("src/tables/rows.rs"),
            "use super::time; use crate::tables::x;"
        ),
        [""; 0]
    );
}
