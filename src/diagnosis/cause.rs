//! Causes as data: what a cause is, what speaks for and against it, and what to ask next.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::Fact;

/// One cause that a diagnosis can name.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Its name, in kebab case; a scenario's name where the catalogue plays it.
    pub name: String,
    /// Its name in a few words.
    pub words: String,
    /// How it makes the symptom, in a sentence.
    pub explains: String,
    /// What ends it.
    pub remedy: String,
    /// How likely it is before anything was read, as natural log-odds against the others.
    #[serde(default)]
    pub prior: f64,
    /// True: it gives way where a more particular cause has a decisive line.
    #[serde(default)]
    pub yields: bool,
    /// What speaks for and against it.
    #[serde(default)]
    pub clues: Vec<Clue>,
    /// What to ask where the evidence leaves it open.
    pub ask: Ask,
}

/// One observation that bears on a cause.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clue {
    /// What it says where it is met, in a sentence.
    pub says: String,
    /// What it adds to the log-odds where it is met.
    #[serde(default)]
    pub weight: f64,
    /// What it takes where it is not met and nothing of its source is missing.
    #[serde(default)]
    pub against: f64,
    /// How it is observed.
    pub check: Sign,
}

/// What can be observed.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Lines of the console that match.
    Console(Lines),
    /// Messages of the platform that match.
    Platform(Lines),
    /// Lines of any source that match, a build's log among them.
    Text(Lines),
    /// A derived observation.
    Fact(Fact),
    /// A figure over time, for instance of the plan.
    Metric(Figure),
    /// The startup command.
    Command(Words),
    /// A setting of the site: `NAME=value`.
    Setting(Words),
    /// A script that starts the application.
    Script(Words),
    /// Every one of these.
    All(Vec<Sign>),
    /// At least one of these.
    Any(Vec<Sign>),
    /// The opposite; no evidence stays no evidence.
    Not(Box<Sign>),
}

/// Lines that match a pattern.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// A regular expression.
    pub matches: String,
    /// How many at least.
    #[serde(default = "once")]
    pub at_least: u32,
    /// True: the first error of a failed start, or of the incident, counts in full; the same line
    /// after another decisive one is a consequence and counts a quarter.
    #[serde(default)]
    pub decisive: bool,
    /// Where the lines have to lie.
    #[serde(default)]
    pub during: During,
}

fn once() -> u32 {
    1
}

/// Where a line has to lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum During {
    /// The incident with what led to it.
    #[default]
    Incident,
    /// A start that failed.
    FailedStart,
    /// Anywhere in the evidence.
    Anywhere,
}

/// A pattern in a command, a setting or a script.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// A regular expression.
    pub matches: String,
}

/// A figure that reaches a level.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// A regular expression for its name.
    pub name: String,
    /// Its highest value reaches this.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// Its highest value stays below this.
    #[serde(default)]
    pub below: Option<f64>,
}

/// The question whose answer would tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// In words.
    pub question: String,
    /// As a query of Log Analytics.
    pub kql: String,
    /// As a command.
    pub command: String,
}

impl Sign {
    /// The signs that it is made of, itself among them.
    pub fn walk<'s>(&'s self, each: &mut dyn FnMut(&'s Sign)) {
        each(self);
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.walk(each)),
            Self::Not(part) => part.walk(each),
            _ => {}
        }
    }
}

/// The files of the library.
const FILES: [(&str, &str); 4] = [
    ("starting.toml", include_str!("causes/starting.toml")),
    ("running.toml", include_str!("causes/running.toml")),
    ("swapping.toml", include_str!("causes/swapping.toml")),
    ("answers.toml", include_str!("causes/answers.toml")),
];

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Library {
    /// The causes of one file.
    cause: Vec<Cause>,
}

/// Every cause, in the order of the files.
pub fn causes() -> &'static [Cause] {
    static CAUSES: LazyLock<Vec<Cause>> = LazyLock::new(|| {
        // The files are part of the program, and a test reads each.
        FILES
            .iter()
            .filter_map(|(_, text)| toml::from_str::<Library>(text).ok())
            .flat_map(|library| library.cause)
            .collect()
    });
    &CAUSES
}

/// The JSON Schema of a file of causes.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Library);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_causes_can_be_read_and_every_pattern_compiles() {
        for (name, text) in FILES {
            let library: Result<Library, _> = toml::from_str(text);
            let library = library.unwrap_or_else(|error| panic!("{name}: {error}"));
            for cause in library.cause {
                for clue in &cause.clues {
                    clue.check.walk(&mut |sign| {
                        let pattern = match sign {
                            Sign::Console(lines) | Sign::Platform(lines) | Sign::Text(lines) => {
                                &lines.matches
                            }
                            Sign::Command(words) | Sign::Setting(words) | Sign::Script(words) => {
                                &words.matches
                            }
                            Sign::Metric(figure) => &figure.name,
                            _ => return,
                        };
                        assert!(regex::Regex::new(pattern).is_ok(), "{name}: {pattern}");
                    });
                }
            }
        }
    }

    #[test]
    fn no_two_causes_share_a_name() {
        let names: BTreeSet<&str> = causes().iter().map(|cause| cause.name.as_str()).collect();
        assert_eq!(names.len(), causes().len());
    }
}
