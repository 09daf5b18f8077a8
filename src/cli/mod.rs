//! The command line: the only room that reads arguments, prints and picks exit codes.
//!
//! One file per command. `serve` is read by [`crate::serve::settings`], with Gunicorn's habits;
//! everything else by clap. Nothing here may start a thread or a runtime before
//! [`crate::serve::run`], which forks.

mod check;
mod completions;
mod container;
mod ctl;
mod diagnose;
mod downstream;
mod exit;
mod host;
mod http;
mod init;
mod live_page;
mod man;
mod memory_box;
mod migrate;
mod options;
mod output;
mod probe;
mod rehearse;
mod replay;
mod report;
mod scenarios;
mod serve;
mod settings;
mod trigger;
mod values;
mod verdict;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

pub use exit::Exit;
pub use options::command;
use options::{Command, Options};

use crate::machine::memory_box::GUEST_COMMAND;

/// Run the program with the arguments of this process and say how it ended.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => output::report(&error),
    }
}

fn run(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    // Everything behind `serve` is Gunicorn's language, which clap does not speak.
    if let [_, name, rest @ ..] = arguments
        && name == "serve"
    {
        return serve::run(rest);
    }
    if let [_, name, rest @ ..] = arguments
        && name == "__container"
    {
        return container::run(rest);
    }
    if let [_, name, rest @ ..] = arguments
        && name == "__home"
    {
        return container::keep_home(rest);
    }
    // No command for a person: the kernel of the memory box runs it.
    if let [_, name] = arguments
        && name == GUEST_COMMAND
    {
        return init::run().map(ExitCode::from);
    }
    let matches = command().try_get_matches_from(arguments);
    let options = match matches.and_then(|matches| Options::from_arg_matches(&matches)) {
        Ok(options) => options,
        Err(error) => return output::clap(&error),
    };
    let exit = match options.command {
        Command::Ctl(options) => ctl::run(&options)?,
        Command::Migrate(options) => migrate::run(&options)?,
        Command::Probe(options) => probe::run(&options)?,
        Command::Scenarios(options) => scenarios::run(&options)?,
        Command::Rehearse(options) => rehearse::run(&options)?,
        Command::Trigger(options) => trigger::run(&options)?,
        Command::Host(options) => host::run(&options)?,
        Command::Settings(options) => settings::run(&options)?,
        Command::Downstream(options) => downstream::run(&options)?,
        Command::Watch(options) => watch::run(&options)?,
        Command::Replay(options) => replay::run(&options)?,
        Command::Verdict(options) => verdict::run(&options)?,
        Command::Report(options) => report::run(&options)?,
        Command::Diagnose(options) => diagnose::run(&options)?,
        Command::Completions(options) => completions::run(&options, command())?,
        Command::Man(options) => man::run(&options, command())?,
    };
    Ok(exit.into())
}
