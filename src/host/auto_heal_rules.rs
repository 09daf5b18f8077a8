//! Auto-heal rules, in the form in which the platform has them.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Rules, in the platform's own form (`autoHealRules`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoHealRules {
    /// What makes it act, each alone.
    triggers: Triggers,
    /// What it does then.
    #[serde(default)]
    actions: Actions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Triggers {
    #[serde(default)]
    requests: Option<Within>,
    #[serde(default)]
    status_codes: Vec<Within>,
    #[serde(default)]
    slow_requests: Option<Within>,
}

/// So many requests of a kind within a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Within {
    pub(super) count: usize,
    #[serde(deserialize_with = "span")]
    pub(super) time_interval: Duration,
    /// The status that counts.
    #[serde(default)]
    pub(super) status: Option<u16>,
    /// How long a request takes that counts.
    #[serde(default, deserialize_with = "maybe_span")]
    pub(super) time_taken: Option<Duration>,
    /// Understood, and of no use here: Linux has neither.
    #[serde(default, rename = "subStatus")]
    _sub_status: u32,
    #[serde(default, rename = "win32Status")]
    _win32_status: u32,
    /// The path that counts; any where none is named.
    #[serde(default)]
    pub(super) path: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Actions {
    #[serde(default)]
    action_type: ActionType,
    /// A container younger than this is left alone.
    #[serde(default, deserialize_with = "maybe_span")]
    min_process_execution_time: Option<Duration>,
}

/// The one action that Linux has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum ActionType {
    #[default]
    Recycle,
}

/// Most requests that one trigger may have to count.
const MOST_COUNTED: usize = 100_000;

/// Why rules are none.
#[derive(Debug, thiserror::Error)]
pub enum AutoHealError {
    /// Another form, or an action that Linux has not.
    #[error("no auto-heal rules: {0}")]
    Form(#[from] serde_json::Error),
    /// Nothing would ever set them off, or they count beyond all bounds, or what is not said.
    #[error(
        "no auto-heal rules: there is no trigger, or one without its status or time, or with a count of 0 or above {}",
        MOST_COUNTED
    )]
    Count,
}

impl AutoHealRules {
    /// The age below which a container is left alone.
    pub(super) fn least_age(&self) -> Option<Duration> {
        self.actions.min_process_execution_time
    }

    /// Read rules from the platform's JSON.
    ///
    /// # Errors
    /// When they are of another form, or could never act.
    pub fn parse(json: &str) -> Result<Self, AutoHealError> {
        let rules: Self = serde_json::from_str(json)?;
        let counted = rules
            .triggers()
            .all(|trigger| (1..=MOST_COUNTED).contains(&trigger.count));
        let named = rules
            .triggers
            .slow_requests
            .iter()
            .all(|slow| slow.time_taken.is_some())
            && rules
                .triggers
                .status_codes
                .iter()
                .all(|one| one.status.is_some());
        match rules.triggers().next().is_some() && counted && named {
            true => Ok(rules),
            false => Err(AutoHealError::Count),
        }
    }

    /// Every trigger.
    pub(super) fn triggers(&self) -> impl Iterator<Item = &Within> {
        let triggers = &self.triggers;
        let counted = triggers.requests.iter().chain(&triggers.slow_requests);
        counted.chain(&triggers.status_codes)
    }
}

/// `hh:mm:ss`, as the platform writes a span of time.
fn parse_span(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    let is_one = hours < 1_000_000 && minutes < 60 && seconds < 60;
    is_one.then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_span(&text).ok_or_else(|| {
        serde::de::Error::custom(format_args!("{text:?} is no span such as \"00:01:30\""))
    })
}

fn maybe_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_platform_would_not_take_is_refused() {
        for rules in [
            "{}",
            r#"{"triggers": {}}"#,
            r#"{"triggers": {"requests": {"count": 0, "timeInterval": "00:01:00"}}}"#,
            r#"{"triggers": {"requests": {"count": 5, "timeInterval": "1 minute"}}}"#,
            r#"{"triggers": {"slowRequests": {"count": 5, "timeInterval": "00:01:00"}}}"#,
            r#"{"triggers": {"statusCodes": [{"count": 5, "timeInterval": "00:01:00"}]}}"#,
            r#"{"triggers": {"privateBytesInKB": 5}}"#,
            r#"{"triggers": {"requests": {"count": 5, "timeInterval": "00:01:00"}},
                "actions": {"actionType": "CustomAction"}}"#,
        ] {
            assert!(AutoHealRules::parse(rules).is_err(), "{rules}");
        }
    }
}
