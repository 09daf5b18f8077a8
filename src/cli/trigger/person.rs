//! The operator of a platform that only a person, or a person's script, can command.

use std::io::BufRead as _;

use crate::cli::output;
use crate::scenario::shape::Action;
use crate::scenario::trigger::{Operator, Performed, Performing};
use crate::scenario::words::action_in_words;

/// A person in front of a terminal.
#[derive(Debug)]
pub(super) struct Person {
    assume_done: bool,
}

impl Person {
    /// A person who is waited for, or (`assume_done`) one who acts without being waited for.
    pub(super) const fn new(assume_done: bool) -> Self {
        Self { assume_done }
    }
}

impl Operator for Person {
    fn perform<'a>(&'a mut self, action: &'a Action) -> Performing<'a> {
        Box::pin(async move {
            output::message(&format!("do this now: {}\n", action_in_words(action)));
            // That a swap is done is seen from outside.
            if self.assume_done || matches!(action, Action::Swap { .. }) {
                return Ok(Performed::default());
            }
            output::message("press Enter when it is done\n");
            tokio::task::spawn_blocking(wait_for_enter)
                .await
                .map_err(|error| error.to_string())??;
            Ok(Performed {
                detail: "confirmed by a person".to_owned(),
                ..Performed::default()
            })
        })
    }
}

fn wait_for_enter() -> Result<(), String> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) => Err(
            "standard input ended before anybody said so\n\nhint: give --assume-done where a script acts"
                .to_owned(),
        ),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("cannot read standard input: {error}")),
    }
}
