//! What a run found, counted, and set beside what was expected.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::load::{Attempt, FailureClass};
use crate::scenario::estimate::{Leak, Saturation};

/// Outcomes of the requests for one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that ended.
    pub requests: u32,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u32>,
    /// Requests without an answer, by class.
    pub failures: BTreeMap<&'static str, u32>,
}

impl Tally {
    /// Answers of that status.
    #[must_use]
    pub fn status(&self, status: u16) -> u32 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Clients that gave up.
    #[must_use]
    pub fn give_ups(&self) -> u32 {
        let class = FailureClass::Timeout.as_str();
        self.failures.get(class).copied().unwrap_or(0)
    }

    /// Answers of any status.
    #[must_use]
    pub fn answers(&self) -> u32 {
        self.statuses.values().sum()
    }

    /// Answers from 500 up, and every way of ending without an answer.
    #[must_use]
    pub fn bad(&self) -> u32 {
        let errors = self.statuses.range(500..).map(|(_, count)| count);
        errors.chain(self.failures.values()).sum()
    }
}

/// Everything counted in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// By path, without queries.
    pub paths: BTreeMap<String, Tally>,
    /// Leaked blocks by worker, as last seen.
    pub leaked_blocks: BTreeMap<u32, u64>,
    /// Workers that were there before the load.
    pub workers_before: BTreeSet<u32>,
    /// Workers that were there after it.
    pub workers_after: BTreeSet<u32>,
}

impl Found {
    /// Count one request.
    pub fn count(&mut self, attempt: &Attempt) {
        let path = attempt.path.split('?').next().unwrap_or(&attempt.path);
        let tally = self.paths.entry(path.to_owned()).or_default();
        tally.requests += 1;
        match &attempt.result {
            Ok(status) => *tally.statuses.entry(*status).or_default() += 1,
            Err(failure) => *tally.failures.entry(failure.class.as_str()).or_default() += 1,
        }
    }

    fn of(&self, path: &str) -> Tally {
        self.paths.get(path).cloned().unwrap_or_default()
    }

    /// Workers that are gone, where both sides were seen.
    #[must_use]
    pub fn workers_lost(&self) -> usize {
        if self.workers_after.is_empty() {
            return 0;
        }
        self.workers_before.difference(&self.workers_after).count()
    }
}

/// One line of expected beside found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

fn line(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Comparison {
    Comparison {
        what: what.into(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// What was reckoned before the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expectation {
    /// A saturation of the path `slow`, seen by the path `fast`.
    Saturation {
        /// The slow path.
        slow: &'static str,
        /// The quick path.
        fast: &'static str,
        /// The reckoning.
        model: Saturation,
    },
    /// A leak through the path `leak`.
    Leak {
        /// The path.
        leak: &'static str,
        /// The reckoning.
        model: Leak,
    },
    /// Nothing.
    None,
}

impl Expectation {
    /// In sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        match self {
            Self::Saturation { model, .. } => model.sentences(),
            Self::Leak { model, .. } => model.sentences(),
            Self::None => Vec::new(),
        }
    }

    /// Beside what was found.
    #[must_use]
    pub fn beside(&self, found: &Found) -> Vec<Comparison> {
        match self {
            Self::Saturation { slow, fast, model } => {
                let outcome = model.outcome();
                let (slow_found, fast_found) = (found.of(slow), found.of(fast));
                let timeouts = if outcome.worker_timeout { "some" } else { "0" };
                vec![
                    line(
                        format!("{slow} answered"),
                        format!("about {}", outcome.slow_answered),
                        slow_found.answers(),
                    ),
                    line(
                        format!("{slow} clients that gave up"),
                        format!("about {}", outcome.slow_give_ups),
                        slow_found.give_ups(),
                    ),
                    line(
                        format!("{fast} clients that gave up"),
                        format!("about {}", outcome.fast_give_ups),
                        fast_found.give_ups(),
                    ),
                    line("workers replaced", timeouts, found.workers_lost()),
                ]
            }
            Self::Leak { leak, model } => {
                let blocks: u64 = found.leaked_blocks.values().sum();
                let expected = model.retained_kilobytes() / u64::from(model.block_kilobytes.max(1));
                let megabytes = blocks * u64::from(model.block_kilobytes) / 1024;
                let seen = found.leaked_blocks.len();
                vec![
                    line(
                        format!("{leak} answered 200"),
                        expected,
                        found.of(leak).status(200),
                    ),
                    line(
                        "blocks held",
                        expected,
                        format!("{blocks} in the {seen} workers seen"),
                    ),
                    line(
                        "MB retained",
                        format!("about {}", model.retained_kilobytes() / 1024),
                        megabytes,
                    ),
                ]
            }
            Self::None => Vec::new(),
        }
    }
}
