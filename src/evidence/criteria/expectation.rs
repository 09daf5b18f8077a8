//! What is expected of each variant of a scenario, and what makes a target healthy.

use serde::Serialize;

use super::Statuses;

/// What a variant is expected to show.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expected {
    /// The variant's name; `symptom` and `control` are two of them.
    pub variant: &'static str,
    /// The expected end.
    pub end: ExpectedEnd,
    /// Health criteria; empty where the symptom is expected.
    pub health: &'static [RoleHealth],
}

/// The end that is expected of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// When a route counts as served.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoleHealth {
    /// The route.
    pub route: &'static str,
    /// Which answers are good.
    pub good: Good,
    /// How long a good answer may take, in seconds; multiplied by the pace.
    pub within_seconds: f64,
    /// The least share of good answers.
    pub share: f64,
}

/// Which requests count as served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Good {
    /// Answers of these statuses.
    Answered(Statuses),
    /// Any answer: the called service is still ill, and a quick refusal is the fix.
    AnyAnswer,
    /// Anything but a 5xx: a client may still give up.
    NotFailed,
    /// Only the last request of the run counts, and its answer is 2xx.
    LastAnswered,
}
