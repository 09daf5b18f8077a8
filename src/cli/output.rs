//! Printing: data to standard output, everything else to standard error.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::exit::Exit;
use crate::encoding;
use crate::report::Style;

/// Write data to standard output: lines, in which whatever else a terminal would obey is visible.
///
/// # Errors
/// When it cannot be written; a reader that has gone (`labrat ... | head`) is an error of kind
/// `BrokenPipe`, which [`report`] turns into a quiet success.
pub(super) fn data(text: &str) -> io::Result<()> {
    painted(&encoding::terminal(text))
}

/// How standard output is painted: in colour on a terminal, unless `NO_COLOR` is set and not empty
/// (no-color.org).
pub(super) fn style() -> Style {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !refused && io::stdout().is_terminal() {
        Style::Coloured
    } else {
        Style::Plain
    }
}

/// Write data that this program itself has coloured, and in which the text of others is encoded.
///
/// # Errors
/// As [`data`].
pub(super) fn painted(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Write a message to standard error. Where that is closed there is nobody left to tell.
pub(super) fn message(text: &str) {
    let shown = encoding::terminal(text);
    let _ = io::stderr().lock().write_all(shown.as_bytes());
}

/// Write a file whole or not at all: beside its place, then renamed into it. What stood there, a link
/// or a pipe as well, is replaced and never written through.
///
/// # Errors
/// If the folder is a link or cannot be written to.
pub(super) fn file(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    let writing = || format!("writing `{}`", path.display());
    let kind = fs::symlink_metadata(folder).with_context(writing)?;
    if !kind.is_dir() {
        bail!(
            "`{}` is not a folder\n\nhint: a link is not followed; name the folder itself",
            folder.display()
        );
    }
    let mut file = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(folder)
        .with_context(writing)?;
    file.write_all(text.as_bytes()).with_context(writing)?;
    file.persist(&path).with_context(writing)?;
    Ok(())
}

/// A value as JSON for people and programs, with what a terminal should not see written as it is named.
///
/// # Errors
/// When it has no form in JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(encoding::json(serde_json::to_string_pretty(value)?) + "\n")
}

/// The columns of sentences: those of the terminal, eighty at most.
pub(super) fn prose_width() -> usize {
    usize::from(width()).min(80)
}

/// A text in lines of less than `width` characters, broken between words; a longer word has its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last + word.chars().count() < width => {
                line.push_str(if last == 0 { "" } else { " " });
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// How many columns a table may use: those of the terminal where the shell tells, 100 otherwise.
pub(super) fn width() -> u16 {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .filter(|columns| (40..=400).contains(columns))
        .unwrap_or(100)
}

/// Show why a command failed, and give the exit code for it.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    if error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(broken_pipe)
    {
        return Exit::Success.into();
    }
    message(&format!("labrat: error: {}\n", in_words(error)));
    Exit::Failure.into()
}

/// What failed and why, then what may help. A cause that its effect names already is not said again.
fn in_words(error: &anyhow::Error) -> String {
    let (mut words, mut hints) = (String::new(), String::new());
    for cause in error.chain().map(ToString::to_string) {
        let (what, hint) = cause.split_at(cause.find("\n\nhint: ").unwrap_or(cause.len()));
        if !words.contains(what) {
            words.push_str(if words.is_empty() { "" } else { ": " });
            words.push_str(what);
        }
        if !hints.contains(hint) {
            hints.push_str(hint);
        }
    }
    words + &hints
}

/// Show what clap has to say: help and version as data, errors as messages.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn clap(error: &clap::Error) -> anyhow::Result<ExitCode> {
    let exit = match error.exit_code() {
        0 => Exit::Success,
        _ => Exit::Usage,
    };
    error.print()?;
    Ok(exit.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_and_before_every_hint() {
        for (effect, expected) in [
            ("opening x", "opening x: no such file"),
            ("x: no such file", "x: no such file"),
            (
                "nothing in x\n\nhint: fill it",
                "nothing in x: no such file\n\nhint: fill it",
            ),
            (
                "x: no such file\n\nhint: fill it",
                "x: no such file\n\nhint: fill it",
            ),
        ] {
            let error = anyhow::anyhow!("no such file").context(effect);
            assert_eq!(in_words(&error), expected);
        }
        let error =
            anyhow::anyhow!("gone\n\nhint: start it").context("asking x: gone\n\nhint: start it");
        assert_eq!(in_words(&error), "asking x: gone\n\nhint: start it");
    }
}
