//! Whoever can do what only the platform can: a person, a script, or the emulator.

use std::future::Future;
use std::pin::Pin;

use crate::scenario::shape::Action;

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Performed {
    /// Status of the platform's answer, where there was one.
    pub status: Option<u16>,
    /// Whether it succeeded, where that is known.
    pub succeeded: Option<bool>,
    /// In words, without secrets.
    pub detail: String,
}

/// A future that an operator works in.
pub type Performing<'a> = Pin<Box<dyn Future<Output = Result<Performed, String>> + Send + 'a>>;

/// What a slot is configured with, as whoever runs the platform answers when asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
pub struct Effective {
    /// The slot.
    pub slot: String,
    /// Its startup command.
    #[serde(default)]
    pub startup_command: Option<String>,
    /// Its settings by name, and whether each is a slot setting.
    #[serde(default)]
    pub settings: Vec<EffectiveSetting>,
}

/// One setting of a slot; its value is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct EffectiveSetting {
    /// Its name.
    pub name: String,
    /// Whether it stays with the slot in a swap.
    pub sticky: bool,
    /// What became of it where it is a reference to a secret, in the platform's word.
    #[serde(default)]
    pub reference: Option<String>,
}

/// A future in which an operator looks at the platform's configuration.
pub type Observing<'a> = Pin<Box<dyn Future<Output = Result<Vec<Effective>, String>> + Send + 'a>>;

/// A file of the bundle and its text.
pub type TableFile = (String, String);

/// A future that collects log tables.
pub type Collecting<'a> = Pin<Box<dyn Future<Output = Result<Vec<TableFile>, String>> + Send + 'a>>;

/// Does what a scenario asks of the platform.
pub trait Operator: Send {
    /// Do it, or see to it that it is done; the error says why it was not. The future may be
    /// dropped when the run is stopped.
    fn perform<'a>(&'a mut self, action: &'a Action) -> Performing<'a>;

    /// What is effective now, production first; nothing where the platform cannot be asked.
    fn observe(&mut self) -> Observing<'_> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The log tables of the run, when everything is over; none where they come later, by an
    /// export.
    fn collect(&mut self) -> Collecting<'_> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
