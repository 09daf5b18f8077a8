//! The program as it is typed: what it prints where, and how it ends.

mod help;
mod settings;
mod startup_command;
mod streams;

use std::process::{Command, Output};

/// Run labrat with these words, in an environment of which only the path is kept.
fn labrat(words: &[&str]) -> Output {
    program().args(words).output().unwrap()
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrat"));
    command.env_clear();
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
