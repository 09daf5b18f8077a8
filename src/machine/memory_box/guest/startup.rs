//! What to start in the guest, as it is packed with it.

use std::ffi::OsStr;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// labrat's arguments and environment. Texts that are not UTF-8 are not handed on as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::machine::memory_box) struct Startup {
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    /// Whether there is a drive to swap to.
    pub(super) swaps: bool,
}

impl Startup {
    /// The arguments of a command, and the variables that it sets; what it would inherit is this
    /// machine's, and stays here.
    pub(in crate::machine::memory_box) fn of(command: &Command, swaps: bool) -> Self {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        Self {
            swaps,
            arguments: command.get_args().map(text).collect(),
            environment: command
                .get_envs()
                .filter_map(|(name, value)| Some((text(name), text(value?))))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_set_variables_are_handed_on() {
        let mut command = Command::new("labrat");
        command.args(["serve", "a b"]).env("A", "1").env_remove("B");
        let startup = Startup::of(&command, true);
        assert_eq!(startup.arguments, ["serve", "a b"]);
        assert_eq!(startup.environment, [("A".to_owned(), "1".to_owned())]);
    }
}
