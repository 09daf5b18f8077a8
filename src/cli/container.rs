//! `labrat __container`: the first process of a container of the emulator. Hidden: nobody but
//! `labrat host` has a use for it.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::output;
use crate::host::supervisor::{self, Content};
use crate::machine::container;

/// What TERM gives the command to end by itself, unless told otherwise.
const GRACE: Duration = Duration::from_secs(5);

/// Run the words behind `__container --` and end as they do.
///
/// # Errors
/// When there are none, or this process was not started by the emulator.
pub(super) fn run(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let told = Told::of(words);
    let code = match told.namespaces {
        Some(home) => container::enter(container::Content {
            command: told.command,
            home: Some(home),
            keeper: told.keeper,
            grace: told.grace,
        })?,
        None => supervisor::run(told.command, told.content, told.grace)?,
    };
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// `labrat __home FOLDER MEGABYTES`: keep a home of that size until standard input ends. Hidden as well.
///
/// # Errors
/// When this machine makes none, or the words are others.
pub(super) fn keep_home(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let [folder, megabytes] = words else {
        anyhow::bail!("a folder and its megabytes are needed");
    };
    let megabytes = megabytes.to_string_lossy().parse()?;
    container::mount_home(Path::new(folder), megabytes)?;
    output::data(&format!("{}\n", supervisor::HOME_IS_THERE))?;
    // Nobody writes into it: it ends with the emulator.
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(ExitCode::SUCCESS)
}

/// What the words say.
struct Told<'a> {
    content: Content,
    /// The site's home, for a container of namespaces.
    namespaces: Option<&'a Path>,
    /// Who keeps that home.
    keeper: Option<u32>,
    grace: Duration,
    command: &'a [OsString],
}

impl<'a> Told<'a> {
    fn of(words: &'a [OsString]) -> Self {
        let mut told = Self {
            content: Content::Command,
            namespaces: None,
            keeper: None,
            grace: GRACE,
            command: words,
        };
        while let [word, rest @ ..] = told.command {
            told.command = rest;
            match (word.to_str(), rest) {
                (Some(supervisor::GUEST), _) => told.content = Content::Guest,
                (Some(supervisor::NAMESPACES), [home, rest @ ..]) => {
                    told.namespaces = Some(Path::new(home));
                    told.command = rest;
                }
                (Some(supervisor::HOME_OF), [keeper, rest @ ..]) => {
                    told.keeper = keeper.to_str().and_then(|text| text.parse().ok());
                    told.command = rest;
                }
                (Some(supervisor::GRACE), [grace, rest @ ..]) => {
                    let milliseconds = grace.to_str().and_then(|text| text.parse().ok());
                    told.grace = milliseconds.map_or(GRACE, Duration::from_millis);
                    told.command = rest;
                }
                (Some("--"), _) => break,
                // The first word of a command without anything before it.
                _ => {
                    told.command = words;
                    break;
                }
            }
        }
        told
    }
}
