//! Which slots there are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A slot. The emulator has up to two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotName {
    /// The one that users see.
    Production,
    /// The one that is swapped in.
    Staging,
}

impl SlotName {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Production => Self::Staging,
            Self::Staging => Self::Production,
        }
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for SlotName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "production" => Ok(Self::Production),
            "staging" => Ok(Self::Staging),
            _ => Err(format!("`{text}` is no slot: production or staging")),
        }
    }
}
