//! What is configured for a slot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::HostError;

/// The kinds of connection strings; each has its own prefix in the container's environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionKind {
    /// `SQLCONNSTR_`
    SqlServer,
    /// `SQLAZURECONNSTR_`
    SqlAzure,
    /// `MYSQLCONNSTR_`
    MySql,
    /// `POSTGRESQLCONNSTR_`
    PostgreSql,
    /// `CUSTOMCONNSTR_`
    Custom,
}

impl ConnectionKind {
    /// The prefix of the variable's name.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::SqlServer => "SQLCONNSTR_",
            Self::SqlAzure => "SQLAZURECONNSTR_",
            Self::MySql => "MYSQLCONNSTR_",
            Self::PostgreSql => "POSTGRESQLCONNSTR_",
            Self::Custom => "CUSTOMCONNSTR_",
        }
    }
}

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingKind {
    /// An app setting: in the environment under its name, and with `APPSETTING_` before it.
    #[default]
    App,
    /// A connection string.
    Connection(ConnectionKind),
}

/// A setting of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it stays with its slot when the slots are swapped ("deployment slot setting").
    #[serde(default)]
    pub sticky: bool,
    /// What it is.
    #[serde(default)]
    pub kind: SettingKind,
}

impl Setting {
    /// An app setting that moves with the code.
    pub fn app(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            sticky: false,
            kind: SettingKind::App,
        }
    }

    /// The same setting, which stays with its slot.
    #[must_use]
    pub fn sticky(self) -> Self {
        Self {
            sticky: true,
            ..self
        }
    }

    /// The variables that a container sees of it.
    pub fn variables(&self) -> Vec<(String, String)> {
        match self.kind {
            SettingKind::App => vec![
                (self.name.clone(), self.value.clone()),
                (format!("APPSETTING_{}", self.name), self.value.clone()),
            ],
            SettingKind::Connection(kind) => {
                vec![(
                    format!("{}{}", kind.prefix(), self.name),
                    self.value.clone(),
                )]
            }
        }
    }

    /// Check that a process can be given the setting.
    ///
    /// # Errors
    /// When the name is empty or holds `=`, or one of both holds a zero byte.
    pub fn check(&self) -> Result<(), HostError> {
        let reason = match self {
            _ if self.name.is_empty() => "the name is empty",
            _ if self.name.contains('=') => "the name holds a =",
            _ if self.name.contains('\0') || self.value.contains('\0') => "it holds a zero byte",
            _ => return Ok(()),
        };
        Err(HostError::Setting {
            name: self.name.clone(),
            reason,
        })
    }
}

/// Everything that is configured for a slot and that its container sees.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotConfiguration {
    /// The startup command. It goes with the code in a swap.
    pub startup_command: String,
    /// Settings by name.
    pub settings: BTreeMap<String, Setting>,
    /// The health check's path, if there is one. It goes with the code.
    #[serde(default)]
    pub health_path: Option<String>,
}

impl SlotConfiguration {
    /// A slot that runs `startup_command` without settings.
    pub fn new(startup_command: impl Into<String>) -> Self {
        Self {
            startup_command: startup_command.into(),
            ..Self::default()
        }
    }

    /// Add or replace settings.
    #[must_use]
    pub fn with(mut self, settings: impl IntoIterator<Item = Setting>) -> Self {
        for setting in settings {
            self.settings.insert(setting.name.clone(), setting);
        }
        self
    }

    /// The value of an app setting.
    pub fn app_setting(&self, name: &str) -> Option<&str> {
        let setting = self.settings.get(name)?;
        (setting.kind == SettingKind::App).then_some(setting.value.as_str())
    }

    /// What a slot is configured with when the code of `self` comes into the slot that `slot` was
    /// configured for: what is sticky stays with the slot, the rest comes with the code.
    ///
    /// A name that is sticky in one of the two slots is sticky in both, as the platform keeps one
    /// list of such names for all slots of a site.
    #[must_use]
    pub fn moved_into(&self, slot: &Self) -> Self {
        let sticky = |name: &String| {
            [self, slot]
                .into_iter()
                .any(|side| side.settings.get(name).is_some_and(|found| found.sticky))
        };
        let comes = self.settings.iter().filter(|(name, _)| !sticky(name));
        let stays = slot.settings.iter().filter(|(name, _)| sticky(name));
        Self {
            startup_command: self.startup_command.clone(),
            settings: comes
                .chain(stays)
                .map(|(name, setting)| (name.clone(), setting.clone()))
                .collect(),
            health_path: self.health_path.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(command: &str, settings: &[(&str, &str, bool)]) -> SlotConfiguration {
        SlotConfiguration::new(command).with(settings.iter().map(|(name, value, sticky)| Setting {
            sticky: *sticky,
            ..Setting::app(*name, *value)
        }))
    }

    #[test]
    fn what_is_sticky_stays_and_the_rest_moves_with_the_code() {
        let production = slot(
            "old",
            &[
                ("DB", "prod", true),
                ("FLAG", "off", false),
                ("ONLY", "p", false),
            ],
        );
        let staging = slot("new", &[("DB", "stage", true), ("FLAG", "on", false)]);
        assert_eq!(
            staging.moved_into(&production),
            slot("new", &[("DB", "prod", true), ("FLAG", "on", false)])
        );
        assert_eq!(
            production.moved_into(&staging),
            slot(
                "old",
                &[
                    ("DB", "stage", true),
                    ("FLAG", "off", false),
                    ("ONLY", "p", false)
                ]
            )
        );
    }

    #[test]
    fn a_name_that_is_sticky_in_one_slot_is_sticky_in_both() {
        let production = slot("a", &[("DB", "prod", true)]);
        let staging = slot("b", &[("DB", "stage", false)]);
        let moved = staging.moved_into(&production);
        assert_eq!(moved.app_setting("DB"), Some("prod"));
        let moved = production.moved_into(&staging);
        assert_eq!(moved.app_setting("DB"), Some("stage"));
    }

    #[test]
    fn settings_are_seen_under_the_names_that_the_platform_gives_them() {
        assert_eq!(
            Setting::app("A", "1").variables(),
            [
                ("A".to_owned(), "1".to_owned()),
                ("APPSETTING_A".to_owned(), "1".to_owned())
            ]
        );
        let connection = Setting {
            kind: SettingKind::Connection(ConnectionKind::PostgreSql),
            ..Setting::app("Orders", "host=db")
        };
        assert_eq!(
            connection.variables(),
            [("POSTGRESQLCONNSTR_Orders".to_owned(), "host=db".to_owned())]
        );
    }

    #[test]
    fn a_setting_that_no_process_can_be_given_is_refused() {
        assert!(Setting::app("A", "1=2").check().is_ok());
        for bad in [
            Setting::app("", "x"),
            Setting::app("A=B", "x"),
            Setting::app("A", "x\0y"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
