//! App settings of production that a responder sets by the page, and takes back.
//!
//! Values go in and never come out: what is said of a setting is its name.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::{Host, Setting, SettingKind, SlotName};

/// Settings that the page has set and not taken back.
const MOST: usize = 16;
/// Bytes of a name.
const MOST_NAME: usize = 128;
/// Bytes of a value.
const MOST_VALUE: usize = 4096;
/// What the dynamic linker, the shell and the interpreter read before the application does: with
/// these a page that only shows a site could run any program.
const LOADERS: [&str; 4] = ["PATH", "HOME", "ENV", "BASH_ENV"];
const LOADER_PREFIXES: [&str; 2] = ["LD_", "PYTHON"];

/// What follows from a change.
const RESTARTS: &str = "the old container serves until the new one is warm";

/// The settings that the page has set.
#[derive(Debug, Default)]
pub(super) struct PageSettings(Mutex<BTreeMap<String, SetHere>>);

/// One of them.
#[derive(Debug, PartialEq, Eq)]
struct SetHere {
    /// What was there before the page changed it first.
    before: Option<Setting>,
    /// What the page has set.
    now: Setting,
}

impl PageSettings {
    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    /// Set it; the site restarts.
    ///
    /// # Errors
    /// When the name or the value is not allowed, or the page has set too many.
    pub(super) fn set(&self, host: &Host, name: &str, value: &str) -> Result<String, String> {
        check(name, value)?;
        let mut set_here = self.0.lock();
        let configuration = host.configuration(SlotName::Production);
        let settings = configuration.map_err(|error| error.to_string())?.settings;
        let there = settings.get(name);
        let change = changed(there, set_here.get(name), name, value)?;
        if there == Some(&change.now) {
            return Ok(format!("{name} has that value already, nothing restarts"));
        }
        if set_here.len() >= MOST && !set_here.contains_key(name) {
            return Err(format!(
                "{MOST} settings are set by the page: take one of them back first"
            ));
        }
        let said = match there {
            Some(_) => format!("{name} replaced; {RESTARTS}"),
            None => format!("{name} set, it was not there before; {RESTARTS}"),
        };
        host.set_settings(SlotName::Production, [change.now.clone()])
            .map_err(|error| error.to_string())?;
        set_here.insert(name.to_owned(), change);
        Ok(said)
    }

    /// Give a setting back what it was before the page changed it; the site restarts.
    ///
    /// # Errors
    /// When the page has not set it, or somebody else has changed it since.
    pub(super) fn take_back(&self, host: &Host, name: &str) -> Result<String, String> {
        let mut set_here = self.0.lock();
        let configuration = host.configuration(SlotName::Production);
        let settings = configuration.map_err(|error| error.to_string())?.settings;
        let change = set_here
            .remove(name)
            .ok_or("the page has set no such setting")?;
        if settings.get(name) != Some(&change.now) {
            return Err(format!(
                "{name} was changed since, by a swap or by labrat host settings: it stays as it is"
            ));
        }
        let (done, said) = match change.before {
            Some(before) => (
                host.set_settings(SlotName::Production, [before]),
                format!("{name} is what it was before; {RESTARTS}"),
            ),
            None => (
                host.remove_settings(SlotName::Production, &[name.to_owned()]),
                format!("{name} removed again; {RESTARTS}"),
            ),
        };
        done.map_err(|error| error.to_string())?;
        Ok(said)
    }
}

/// What setting it means, where `there` is what production has and `own` what the page has set
/// before.
fn changed(
    there: Option<&Setting>,
    own: Option<&SetHere>,
    name: &str,
    value: &str,
) -> Result<SetHere, String> {
    if there.is_some_and(|there| there.kind != SettingKind::App) {
        return Err(format!(
            "{name} is a connection string; change it with labrat host settings set"
        ));
    }
    let before = match own {
        // The first that was there, unless somebody else has changed it since.
        Some(own) if there == Some(&own.now) => own.before.clone(),
        _ => there.cloned(),
    };
    let now = Setting {
        sticky: there.is_some_and(|there| there.sticky),
        ..Setting::app(name, value)
    };
    Ok(SetHere { before, now })
}

/// Whether the page may set it: the names that the platform takes on Linux
/// (<https://learn.microsoft.com/azure/app-service/configure-common>).
fn check(name: &str, value: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    let upper = name.to_ascii_uppercase();
    let is_loaders = LOADERS.contains(&upper.as_str())
        || LOADER_PREFIXES
            .iter()
            .any(|prefix| upper.starts_with(prefix));
    if name.is_empty() || name.len() > MOST_NAME || !name.bytes().all(fits) {
        return Err(format!(
            "a name has up to {MOST_NAME} letters, digits, dots and underscores"
        ));
    }
    if is_loaders {
        return Err(format!(
            "{name} is read before the application is; set it with labrat host settings set"
        ));
    }
    if value.len() > MOST_VALUE || value.contains(char::is_control) {
        return Err(format!(
            "a value has up to {MOST_VALUE} bytes and no control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_platform_takes_are_allowed_and_those_of_loaders_are_not() {
        for (name, value, allowed) in [
            ("LAB_SLOW_SECONDS", "3", true),
            ("Logging.LogLevel", "", true),
            ("GUNICORN_CMD_ARGS", "--workers=4 --threads=2", true),
            ("", "x", false),
            ("A=B", "x", false),
            ("A B", "x", false),
            ("Ä", "x", false),
            ("LD_PRELOAD", "x", false),
            ("pythonpath", "x", false),
            ("PATH", "x", false),
            ("A", "two\nlines", false),
            ("A", "zero\0", false),
        ] {
            assert_eq!(check(name, value).is_ok(), allowed, "{name:?} {value:?}");
        }
        assert!(check(&"A".repeat(MOST_NAME), &"x".repeat(MOST_VALUE)).is_ok());
        assert!(check(&"A".repeat(MOST_NAME + 1), "x").is_err());
        assert!(check("A", &"x".repeat(MOST_VALUE + 1)).is_err());
    }

    #[test]
    fn what_was_there_first_is_what_is_given_back() {
        let before = Setting::app("FLAG", "off").sticky();
        let first = changed(Some(&before), None, "FLAG", "on").unwrap();
        assert_eq!(first.before.as_ref(), Some(&before));
        assert!(first.now.sticky, "it stays with its slot");
        let second = changed(Some(&first.now), Some(&first), "FLAG", "maybe").unwrap();
        assert_eq!(second.before.as_ref(), Some(&before));
        let others = Setting::app("FLAG", "theirs");
        let third = changed(Some(&others), Some(&first), "FLAG", "on").unwrap();
        assert_eq!(third.before, Some(others));
        let connection = Setting {
            kind: SettingKind::Connection(super::super::ConnectionKind::Custom),
            ..before
        };
        assert!(changed(Some(&connection), None, "FLAG", "on").is_err());
    }

    #[test]
    fn a_value_that_is_refused_is_not_repeated() {
        let said = check("A", "hunter2\n").unwrap_err();
        assert!(!said.contains("hunter2"), "{said}");
    }
}
