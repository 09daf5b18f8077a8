//! The settings of a pool: what is understood, what is refused, and what wins.

mod habits;
mod oracle;
mod precedence;
mod refusals;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;

use labrat::serve::settings::{Environment, Resolved, SettingsError, resolve};

/// Variables of a test.
#[derive(Debug, Default, Clone)]
struct Variables(BTreeMap<&'static str, String>);

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl Variables {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }
}

/// Resolve a command line written as words, in an environment.
fn resolve_in(
    environment: &Variables,
    words: &[impl AsRef<str>],
) -> Result<Resolved, SettingsError> {
    let words: Vec<OsString> = words.iter().map(|word| word.as_ref().into()).collect();
    resolve(&words, environment)
}

/// Resolve a command line without blanks in its words, in an empty environment.
fn resolve_line(line: &str) -> Result<Resolved, SettingsError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    resolve_in(&Variables::default(), &words)
}
