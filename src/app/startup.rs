//! What can go wrong, on purpose, before a worker is ready.

use super::app_config::AppConfig;
use crate::redaction::redact;

/// Why a worker must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartupFailure {
    /// The knob for a failing boot is set.
    #[error("{0}")]
    BootFail(String),
    /// A required setting is unset or empty.
    #[error("required setting {0} is not set")]
    MissingSetting(String),
}

impl StartupFailure {
    /// The Python exception that an application would raise for this, for the last line of a
    /// traceback.
    #[must_use]
    pub fn exception_type(&self) -> &'static str {
        match self {
            Self::BootFail(_) | Self::MissingSetting(_) => "RuntimeError",
        }
    }

    /// The text behind the exception's name and colon, with credentials blotted out: it goes to
    /// the console.
    #[must_use]
    pub fn message(&self) -> String {
        redact(&self.to_string()).into_owned()
    }
}

/// Take the start delay, then fail where the configuration says so. Blocks; call it in the worker,
/// after the fork and before the first connection.
///
/// # Errors
/// When a boot failure is asked for, or a required setting is unset or empty (the first one is
/// named).
pub fn prepare(
    config: &AppConfig,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), StartupFailure> {
    if !config.start_delay.is_zero() {
        std::thread::sleep(config.start_delay);
    }
    if let Some(message) = &config.boot_fail {
        return Err(StartupFailure::BootFail(message.clone()));
    }
    for name in &config.required_settings {
        if lookup(name).is_none_or(|value| value.is_empty()) {
            return Err(StartupFailure::MissingSetting(name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_plain_configuration_starts_at_once() {
        assert_eq!(prepare(&AppConfig::default(), &nothing), Ok(()));
    }

    #[test]
    fn the_delay_comes_before_the_failure() {
        let config = AppConfig {
            start_delay: Duration::from_millis(30),
            boot_fail: Some("no licence at https://app:planted@h/".to_owned()),
            ..AppConfig::default()
        };
        let begun = Instant::now();
        let failure = prepare(&config, &nothing).unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(30));
        assert_eq!(failure.exception_type(), "RuntimeError");
        assert_eq!(failure.message(), "no licence at https://***@h/");
    }

    #[test]
    fn the_first_missing_setting_is_named() {
        let config = AppConfig {
            required_settings: ["PRESENT", "EMPTY", "ABSENT"].map(str::to_owned).to_vec(),
            ..AppConfig::default()
        };
        let lookup = |name: &str| match name {
            "PRESENT" => Some("yes".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let failure = prepare(&config, &lookup).unwrap_err();
        assert_eq!(failure, StartupFailure::MissingSetting("EMPTY".to_owned()));
        assert!(failure.message().contains("EMPTY"));
        let all_set = |_: &str| Some("x".to_owned());
        assert_eq!(prepare(&config, &all_set), Ok(()));
    }
}
