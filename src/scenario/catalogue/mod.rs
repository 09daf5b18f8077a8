//! The catalogue: one file per scenario, embedded in the program, and a user's own beside them.

mod check;

use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use super::shape::Scenario;
use crate::evidence::criteria::ScenarioRules;
use crate::machine::own_files;

pub use check::{Fault, read};

/// Bytes that a scenario's file has at most.
pub const MOST_BYTES: u64 = 1 << 20;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!($name, ".toml")))),+]
    };
}

/// The files of the program, in the order in which lists show them.
const FILES: [(&str, &str); 23] = files![
    "memory-pressure",
    "intermittent-5xx",
    "startup-failed",
    "slot-swap-drift",
    "wrong-port",
    "slow-start",
    "crash-at-boot",
    "missing-setting",
    "start-command-override",
    "worker-formula",
    "probe-restart",
    "dependency-latency",
    "outbound-pressure",
    "swap-restart",
    "warmup-race",
    "dependency-context",
    "crashed-but-healthy",
    "keep-alive-race",
    "front-end-limit",
    "idle-cold-start",
    "unresolved-reference",
    "home-full",
    "auto-heal-loop",
];

/// The scenarios of the program. A test reads every file, so that none is left out here.
static OWN: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let read = FILES.iter().map(|(name, text)| read(name, text));
    read.filter_map(Result::ok).collect()
});

/// The user's, once they are read.
static MORE: OnceLock<Vec<Scenario>> = OnceLock::new();

/// Every scenario, in the order in which lists show them; the user's come last.
#[must_use]
pub fn all() -> Vec<&'static Scenario> {
    OWN.iter().chain(MORE.get().into_iter().flatten()).collect()
}

/// The JSON Schema of a file, generated from the types that read it.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(Scenario);
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}

/// The files of the program, by name.
#[must_use]
pub const fn files() -> &'static [(&'static str, &'static str)] {
    &FILES
}

/// The scenario that is called so, by its name or another name of it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    all()
        .into_iter()
        .find(|scenario| scenario.rules.is_called(name))
}

/// What proves and what disproves the scenario that is called so.
#[must_use]
pub fn rules_of(name: &str) -> Option<&'static ScenarioRules> {
    find(name).map(|scenario| &scenario.rules)
}

/// Why a user's folder of scenarios cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The folder or a file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no scenario.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It has the name of another.
    #[error("`{path}`: there is already a scenario called `{name}`")]
    Twice {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
}

/// Take the scenarios of a folder into the catalogue: every `.toml` in it. Once for each process.
///
/// # Errors
/// When the folder or a file cannot be read, holds no scenario, or has the name of another.
pub fn add_folder(folder: &Path) -> Result<(), CatalogueError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| CatalogueError::Read { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found: Vec<Scenario> = Vec::new();
    for path in paths {
        let text = own_files::read_named_text(&path, MOST_BYTES).map_err(failed(&path))?;
        let scenario = read(&path.display().to_string(), &text)?;
        let known = find(&scenario.name).is_some();
        if known || found.iter().any(|other| other.name == scenario.name) {
            return Err(CatalogueError::Twice {
                path: path.display().to_string(),
                name: scenario.name,
            });
        }
        found.push(scenario);
    }
    let _ = MORE.set(found);
    Ok(())
}
