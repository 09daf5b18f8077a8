//! What is expected of each variant of a scenario, and what makes a target healthy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a variant is expected to show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// The variant's name; `symptom` and `control` are two of them.
    pub variant: String,
    /// The expected end.
    pub end: ExpectedEnd,
    /// Health criteria; empty where the symptom is expected.
    pub health: Vec<RoleHealth>,
}

/// The end that is expected of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedEnd {
    /// The symptom.
    Reproduced,
    /// No symptom, and every role is served.
    Healthy,
    /// Another cause that cannot be told from the hypothesis.
    Inconclusive,
}

impl ExpectedEnd {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Healthy => "healthy",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// When a role counts as served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleHealth {
    /// The role.
    pub role: String,
    /// Which requests are good.
    #[serde(default)]
    pub good: Good,
    /// How long a good answer may take, in seconds at pace 1.
    #[serde(default = "minute")]
    pub within_seconds: f64,
    /// The least share of good requests.
    #[serde(default = "all")]
    pub share: f64,
}

fn minute() -> f64 {
    60.0
}

fn all() -> f64 {
    1.0
}

/// Which requests count as served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Good {
    /// Answers 2xx in time.
    #[default]
    Served,
    /// Any answer in time: the called service is still ill, and a quick refusal is the fix.
    AnyAnswer,
    /// Anything but a 5xx: a client may still give up.
    NotFailed,
    /// Only the last request of the run counts, and its answer is 2xx.
    LastServed,
}
