//! Tables of the pages that are made from the code. `LABRAT_UPDATE=1 cargo test tidy::tables` writes
//! them anew; without it, a table that is out of date fails.

use std::collections::BTreeMap;
use std::path::Path;

use labrat::app::knobs;
use labrat::cli::Exit;
use labrat::serve::settings::flags::{FLAGS, Flag, Meaning};
use labrat::serve::settings::{KNOBS, VARIABLES};

use super::{read, root};

/// Page, name of the markers, table.
fn sections() -> [(&'static str, &'static str, String); 6] {
    [
        ("docs/serve.md", "flags", flags()),
        ("docs/serve.md", "ignored-flags", ignored_flags()),
        ("docs/serve.md", "variables", variables()),
        ("docs/knobs.md", "knobs", knobs()),
        ("docs/exit-codes.md", "exit-codes", exit_codes()),
        ("docs/gunicorn.md", "differences", differences()),
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

/// `page` with the text between the markers of `name` replaced.
fn with_section(page: &str, name: &str, text: &str) -> Result<String, String> {
    let begin = format!("<!-- {name}:begin -->\n");
    let end = format!("<!-- {name}:end -->");
    let start = page
        .find(&begin)
        .ok_or_else(|| format!("no marker {}", begin.trim()))?
        + begin.len();
    let length = page[start..]
        .find(&end)
        .ok_or_else(|| format!("no marker {end}"))?;
    Ok(format!(
        "{}\n{text}\n{}",
        &page[..start],
        &page[start + length..]
    ))
}

/// Each page as it should be.
fn current() -> Result<BTreeMap<&'static str, String>, String> {
    let mut pages = BTreeMap::new();
    for (path, name, table) in sections() {
        let page = pages.entry(path).or_insert_with(|| read(Path::new(path)));
        *page = with_section(page, name, &table).map_err(|fault| format!("{path}: {fault}"))?;
    }
    Ok(pages)
}

#[test]
fn the_tables_of_the_pages_are_current() {
    for (path, expected) in current().unwrap() {
        if std::env::var_os("LABRAT_UPDATE").is_some() {
            std::fs::write(root().join(path), &expected).unwrap();
            continue;
        }
        let page = read(Path::new(path));
        let difference = page
            .lines()
            .zip(expected.lines())
            .find(|(is, should)| is != should);
        assert!(
            page == expected,
            "{path} is out of date, first at {difference:?}; LABRAT_UPDATE=1 cargo test tidy::tables writes it anew"
        );
    }
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
    let all: String = sections().into_iter().map(|(.., text)| text).collect();
    for flag in FLAGS {
        assert!(
            all.contains(&format!("`{}`", flag.long())),
            "{}",
            flag.long()
        );
    }
    assert!(all.contains("`LAB_KEY`") && all.contains("`LAB_BIND_OVERRIDE`"));
}
