//! `labrat __container`: the first process of a container of the stand-in. Hidden: nobody but
//! `labrat host` has a use for it.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use crate::host::supervisor::{self, Content};

/// What TERM gives the command to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Run the words behind `__container --` and end as they do.
///
/// # Errors
/// When there are none, or this process was not started by the stand-in.
pub(super) fn run(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let (content, words) = match words.split_first() {
        Some((first, rest)) if first == supervisor::GUEST => (Content::Guest, rest),
        _ => (Content::Command, words),
    };
    let command = match words.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => words,
    };
    let code = supervisor::run(command, content, GRACE)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}
