//! What a responder can do by the page.

use serde::{Deserialize, Serialize};

use super::forecast::{Change, Outlook};

/// Something that a responder can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lever {
    /// Its name in a request.
    pub name: &'static str,
    /// What its button says.
    pub label: &'static str,
    /// What it changes.
    #[serde(skip)]
    pub change: Change,
    /// What it would do, or why nobody can say.
    #[serde(flatten)]
    pub outlook: Outlook,
    /// It is told which setting, and its value.
    pub takes_setting: bool,
}

impl Lever {
    /// One worker more, which each pool can have.
    pub const ONE_WORKER_MORE: Self = Self::new(
        "worker-add",
        "One worker more (TTIN)",
        Change::OneWorkerMore,
    );
    /// One worker fewer.
    pub const ONE_WORKER_FEWER: Self = Self::new(
        "worker-remove",
        "One worker fewer (TTOU)",
        Change::OneWorkerFewer,
    );

    /// A lever by its name, its button and what it changes.
    #[must_use]
    pub const fn new(name: &'static str, label: &'static str, change: Change) -> Self {
        Self {
            name,
            label,
            change,
            outlook: change.outlook(),
            takes_setting: false,
        }
    }

    /// The same lever, which is told a setting.
    #[must_use]
    pub const fn with_setting(self) -> Self {
        Self {
            takes_setting: true,
            ..self
        }
    }
}

/// The lever that takes a setting back. It has a button for each setting, and is not among the others.
pub const SETTING_UNDO: &str = "setting-undo";

/// What a lever is told. The value may be anybody's secret, so it is never printed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Input {
    /// Name of the setting.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Input {
    /// What a request says; most levers are told nothing.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        match body.is_empty() {
            true => Some(Self::default()),
            false => serde_json::from_slice(body).ok(),
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Input");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

/// The settings that a page may offer, by name: no value leaves the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingNames {
    /// Those that are set.
    pub known: Vec<String>,
    /// Those that the page has set and can take back.
    pub set_here: Vec<String>,
}

/// Who does what the page asks for.
pub trait Levers: Send + Sync {
    /// What can be done.
    fn all(&self) -> Vec<Lever>;

    /// What the lever of that name changes.
    fn change(&self, name: &str) -> Option<Change> {
        if name == SETTING_UNDO {
            return Some(Change::Setting);
        }
        let mut all = self.all().into_iter();
        all.find(|lever| lever.name == name)
            .map(|lever| lever.change)
    }

    /// Do it, and say in a few words what was done.
    ///
    /// # Errors
    /// When it cannot be done; why.
    fn pull(&self, name: &str, input: &Input) -> Result<String, String>;

    /// The slot that the levers change, where there are slots.
    fn slot(&self) -> Option<String> {
        None
    }

    /// The names of settings, where a lever takes one.
    fn settings(&self) -> Option<SettingNames> {
        None
    }
}

/// Nothing can be done: the run is over, or plays by its own script.
#[derive(Debug)]
pub struct NoLevers;

impl Levers for NoLevers {
    fn all(&self) -> Vec<Lever> {
        Vec::new()
    }

    fn pull(&self, _: &str, _: &Input) -> Result<String, String> {
        Err("this run is only shown".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lever_is_told_nothing_or_a_setting_and_never_prints_its_value() {
        let told = Input::parse(br#"{"name":"FLAG","value":"hunter2"}"#).unwrap();
        assert_eq!(
            (told.name.as_str(), told.value.as_str()),
            ("FLAG", "hunter2")
        );
        assert_eq!(format!("{told:?}"), r#"Input { name: "FLAG", .. }"#);
        assert_eq!(Input::parse(b"").unwrap().name, "");
        for bad in [&b"FLAG=on"[..], b"{\"name\":7}", b"[]]"] {
            assert!(Input::parse(bad).is_none(), "{bad:?}");
        }
    }
}
