//! The operator of a platform that a program can command.

use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::cli::output;
use crate::scenario::shape::Action;
use crate::scenario::trigger::{Observing, Operator, Performed, Performing};
use crate::scenario::words::action_in_words;

/// A program that is started once for each action.
#[derive(Debug)]
pub(super) struct Program {
    command: String,
}

impl Program {
    /// `command` is read by the shell, so that it may have arguments.
    pub(super) fn new(command: &str) -> Self {
        Self {
            command: command.to_owned(),
        }
    }
}

impl Operator for Program {
    fn perform<'a>(&'a mut self, action: &'a Action) -> Performing<'a> {
        Box::pin(async move {
            let words = action_in_words(action);
            output::message(&format!("operator: {words}\n"));
            let order = serde_json::to_string(action).map_err(|error| error.to_string())?;
            let told = run(&self.command, &order).await?;
            Ok(Performed {
                status: None,
                succeeded: Some(true),
                detail: told,
            })
        })
    }

    /// It is asked with the action `show`, and answers with a list of slots in JSON.
    fn observe(&mut self) -> Observing<'_> {
        Box::pin(async move {
            let told = run(&self.command, r#"{"action":"show"}"#).await?;
            serde_json::from_str(&told).map_err(|error| format!("`{}`: {error}", self.command))
        })
    }
}

/// Run it to its end; the last line of its standard output is what it has to say.
async fn run(command: &str, order: &str) -> Result<String, String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .envs(own_program())
        // In a group of its own, so that everything that it started can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("`{command}` cannot be started: {error}"))?;
    let group = Group::of(&child);
    let input = child.stdin.take();
    if let Some(mut input) = input {
        // A program that does not read its order says by its exit code what became of it.
        let _ = input.write_all(order.as_bytes()).await;
    }
    let ended = child
        .wait_with_output()
        .await
        .map_err(|error| format!("`{command}` cannot be waited for: {error}"))?;
    group.has_ended();
    if !ended.status.success() {
        return Err(format!("`{command}` ended with {}", ended.status));
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    Ok(text.trim().lines().next_back().unwrap_or("").to_owned())
}

/// A script that calls labrat calls this one, and builds none of its own, unless somebody says which.
fn own_program() -> Option<(&'static str, std::path::PathBuf)> {
    const NAME: &str = "LABRAT";
    match std::env::var_os(NAME) {
        Some(_) => None,
        None => Some((NAME, std::env::current_exe().ok()?)),
    }
}

/// The program's processes, which end when the run is stopped before they are done.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.map(Pid::from_raw))
    }

    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself in this moment.
            let _ = killpg(group, Signal::SIGTERM);
        }
    }
}
