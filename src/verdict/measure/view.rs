//! What is looked at, and what came of it.

use crate::evidence::Bundle;
use crate::evidence::criteria::ScenarioRules;
use crate::verdict::outcome::Finding;
use crate::verdict::quote::Quote;

/// Quotes that one measurement keeps.
pub(super) const QUOTES: usize = 4;

/// After how many seconds the platform's front end cuts a request that has no answer.
const FRONT_END_LIMIT_SECONDS: f64 = 240.0;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verdict) struct Measured {
    pub(in crate::verdict) finding: Finding,
    pub(in crate::verdict) observed: String,
    pub(in crate::verdict) threshold: String,
    pub(in crate::verdict) value: Option<f64>,
    pub(in crate::verdict) quotes: Vec<Quote>,
}

impl Measured {
    /// No evidence, and why.
    pub(super) fn nothing(why: impl Into<String>, threshold: impl Into<String>) -> Measured {
        Measured {
            finding: Finding::NoEvidence,
            observed: why.into(),
            threshold: threshold.into(),
            value: None,
            quotes: Vec::new(),
        }
    }

    /// Met or not.
    pub(super) fn of(
        met: bool,
        observed: impl Into<String>,
        threshold: impl Into<String>,
    ) -> Measured {
        Measured {
            finding: Finding::of(met),
            observed: observed.into(),
            threshold: threshold.into(),
            value: None,
            quotes: Vec::new(),
        }
    }

    pub(super) fn value(mut self, value: f64) -> Measured {
        self.value = value.is_finite().then_some(value);
        self
    }

    pub(super) fn quotes(mut self, quotes: impl IntoIterator<Item = Quote>) -> Measured {
        self.quotes.extend(quotes.into_iter().take(QUOTES));
        self
    }
}

/// What is looked at: the evidence, and what the scenario calls its parts.
#[derive(Debug, Clone, Copy)]
pub(in crate::verdict) struct View<'b> {
    pub(in crate::verdict) bundle: &'b Bundle,
    pub(in crate::verdict) rules: &'b ScenarioRules,
}

impl<'b> View<'b> {
    /// The route of a role; a role that no file names has no route, and so no requests.
    pub(in crate::verdict) fn route(&self, role: &str) -> &'b str {
        self.rules.roles.get(role).map_or("", String::as_str)
    }

    /// The front end's limit in this run, as a share of the platform's own: an emulator's follows
    /// the pace, and the platform's none.
    pub(in crate::verdict) fn front_end_pace(&self) -> f64 {
        let manifest = self.bundle.manifest.as_ref();
        let limit = manifest.and_then(|manifest| manifest.topology.front_end_limit_seconds);
        limit.map_or(1.0, |limit| limit / FRONT_END_LIMIT_SECONDS)
    }

    pub(in crate::verdict) fn pace(&self) -> f64 {
        let manifest = self.bundle.manifest.as_ref();
        manifest.map_or(1.0, |manifest| manifest.pace)
    }
}
