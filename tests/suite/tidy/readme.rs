//! The README's tables are made from the code. `LABRAT_UPDATE=1 cargo test readme` writes them
//! anew; without it, a table that is out of date fails.

use std::path::Path;

use labrat::app::knobs;
use labrat::cli::Exit;
use labrat::serve::settings::flags::{FLAGS, Flag, Meaning};
use labrat::serve::settings::{KNOBS, VARIABLES};

use super::{read, root};

const README: &str = "README.md";

fn sections() -> [(&'static str, String); 6] {
    [
        ("flags", flags()),
        ("ignored-flags", ignored_flags()),
        ("variables", variables()),
        ("knobs", knobs()),
        ("exit-codes", exit_codes()),
        ("differences", differences()),
    ]
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', r"\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    text.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    text.extend(rows.map(|row| line(&row)));
    text
}

fn spellings(flag: &Flag) -> String {
    let names: Vec<String> = flag.names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn flags() -> String {
    let rows = FLAGS.iter().filter_map(|flag| match flag.meaning {
        Meaning::Acts(text) => Some(vec![
            spellings(flag),
            flag.default.to_owned(),
            text.to_owned(),
        ]),
        Meaning::Ignored(_) => None,
    });
    table(&["Flag", "Default", "Meaning"], rows)
}

/// The flags without a meaning, gathered by their reason.
fn ignored_flags() -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for flag in FLAGS {
        let Meaning::Ignored(reason) = flag.meaning else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(spellings(flag)),
            None => reasons.push((reason, vec![spellings(flag)])),
        }
    }
    let rows = reasons
        .into_iter()
        .map(|(reason, names)| vec![names.join(", "), reason.to_owned()]);
    table(&["Flags", "Why they have no meaning here"], rows)
}

fn variables() -> String {
    let rows = VARIABLES
        .iter()
        .map(|(name, meaning)| vec![format!("`{name}`"), (*meaning).to_owned()]);
    table(&["Variable", "Meaning"], rows)
}

fn knobs() -> String {
    let rows = knobs::KNOBS.iter().chain(KNOBS).chain(knobs::DEPENDENCIES);
    let rows = rows.map(|knob| {
        vec![
            format!("`{}`", knob.name),
            knob.default.to_owned(),
            knob.bounds.to_owned(),
            knob.meaning.to_owned(),
        ]
    });
    table(&["Knob", "Default", "Values", "Meaning"], rows)
}

fn exit_codes() -> String {
    let rows = Exit::ALL
        .iter()
        .map(|exit| vec![exit.code().to_string(), exit.meaning().to_owned()]);
    table(&["Code", "Meaning"], rows)
}

fn differences() -> String {
    table(
        &["What", "Gunicorn 25.3.0", "labrat", "Why"],
        crate::differences::rows(),
    )
}

/// `readme` with the text between the markers of `name` replaced.
fn with_section(readme: &str, name: &str, text: &str) -> Result<String, String> {
    let begin = format!("<!-- {name}:begin -->\n");
    let end = format!("<!-- {name}:end -->");
    let start = readme
        .find(&begin)
        .ok_or_else(|| format!("no marker {}", begin.trim()))?
        + begin.len();
    let length = readme[start..]
        .find(&end)
        .ok_or_else(|| format!("no marker {end}"))?;
    Ok(format!(
        "{}\n{text}\n{}",
        &readme[..start],
        &readme[start + length..]
    ))
}

fn current(readme: &str) -> Result<String, String> {
    sections()
        .iter()
        .try_fold(readme.to_owned(), |text, (name, table)| {
            with_section(&text, name, table)
        })
}

#[test]
fn the_tables_of_the_readme_are_current() {
    let readme = read(Path::new(README));
    let expected = current(&readme).unwrap();
    if std::env::var_os("LABRAT_UPDATE").is_some() {
        std::fs::write(root().join(README), &expected).unwrap();
        return;
    }
    let difference = readme
        .lines()
        .zip(expected.lines())
        .find(|(is, should)| is != should);
    assert!(
        readme == expected,
        "{README} is out of date, first at {difference:?}; LABRAT_UPDATE=1 cargo test readme writes it anew"
    );
}

#[test]
fn a_table_that_is_out_of_date_or_without_markers_is_found() {
    let stale = "a\n<!-- x:begin -->\n\nold\n\n<!-- x:end -->\nb\n";
    let fresh = with_section(stale, "x", "new\n").unwrap();
    assert_eq!(fresh, "a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb\n");
    assert_eq!(with_section(&fresh, "x", "new\n").unwrap(), fresh);
    assert_eq!(
        with_section("a\n", "x", "").unwrap_err(),
        "no marker <!-- x:begin -->"
    );
    assert!(with_section("<!-- x:begin -->\n", "x", "").is_err());
}

#[test]
fn every_flag_and_every_knob_is_in_a_table() {
    let all: String = sections().into_iter().map(|(_, text)| text).collect();
    for flag in FLAGS {
        assert!(
            all.contains(&format!("`{}`", flag.long())),
            "{}",
            flag.long()
        );
    }
    assert!(all.contains("`LAB_KEY`") && all.contains("`LAB_BIND_OVERRIDE`"));
}
