//! A fact that this machine does not give, and why.

use std::fmt::Display;
use std::path::Path;

use serde::Serialize;

/// Why a fact is not available here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("not available here, because {reason}")]
pub struct Unavailable {
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Unavailable {
    /// A fact that does not exist here.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
        }
    }

    /// The same, and what a person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A file that cannot be read.
    pub(super) fn reading(path: impl AsRef<Path>, error: &dyn Display) -> Self {
        Self::because(format!(
            "{} cannot be read: {error}",
            path.as_ref().display()
        ))
    }

    /// A file whose text is not what it should be.
    pub(super) fn parsing(path: impl AsRef<Path>, error: &dyn Display) -> Self {
        Self::because(format!(
            "{} cannot be understood: {error}",
            path.as_ref().display()
        ))
    }

    /// A file without the field in question.
    pub(super) fn missing(path: impl AsRef<Path>, field: &str) -> Self {
        Self::because(format!("{} does not have {field}", path.as_ref().display()))
    }

    /// The reason alone.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What a person can do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
