//! Alternative causes: what else could have made the symptom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Measure;

/// An alternative of a scenario, and how it bears on the hypothesis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioAlternative {
    /// Which, by the name in the library of alternatives.
    pub id: String,
    /// What it means for the hypothesis if it is ruled in.
    pub role: AlternativeRole,
}

/// What an alternative means for the hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlternativeRole {
    /// It explains the symptom instead: ruled in, the run cannot support the hypothesis.
    Competes,
    /// It belongs to the hypothesis: ruled in, it changes nothing.
    Accompanies,
    /// It is the hypothesis.
    Hypothesis,
}

/// One entry of the library: ruled in where its measure is met, ruled out where it is not, and open
/// without evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Its name, in kebab case.
    pub id: String,
    /// Its name in a sentence.
    pub words: String,
    /// How it would explain the symptom.
    pub explains: String,
    /// What would rule it in.
    pub ruled_in_by: String,
    /// What would rule it out.
    pub ruled_out_by: String,
    /// How it is measured.
    pub check: Measure,
}

/// The library, as it stands in a file of scenarios.
#[derive(Debug, Deserialize)]
struct Library {
    alternative: Vec<Alternative>,
}

impl Alternative {
    /// Every alternative that a verdict knows, in the order of reports.
    pub fn library() -> &'static [Alternative] {
        static LIBRARY: std::sync::LazyLock<Vec<Alternative>> = std::sync::LazyLock::new(|| {
            // The file is part of the program, and a test reads it.
            toml::from_str::<Library>(include_str!("alternatives.toml"))
                .map(|library| library.alternative)
                .unwrap_or_default()
        });
        &LIBRARY
    }

    /// The one of that name.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Alternative> {
        Self::library().iter().find(|one| one.id == id)
    }
}
