//! Checks: questions to a dependency, each with an answer in one word.

use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;

/// Why a check or a step failed: one word that the program's author chose.
///
/// It cannot hold text that came from a dependency, a setting or a client, so that no credential
/// can be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(&'static str);

impl Failure {
    /// The budget was over, and the check itself did not say what it was waiting for.
    pub const OUT_OF_TIME: Self = Self("timeout");
    /// The check's code panicked.
    pub const PANICKED: Self = Self("panicked");

    /// A failure of this name; lower case with underscores, as it stands in the answer.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.0
    }
}

/// The outcome of a check, later.
pub type Checked<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A question to a dependency, or a step of the warm-up.
///
/// A closure that returns a future is one. A type of its own can use the deadline, to say what it
/// was waiting for when the time was over.
pub trait Check: Send + Sync + 'static {
    /// Ask. Dropped at `deadline`, whatever it is doing.
    fn run(&self, deadline: Instant) -> Checked<'_>;
}

/// One check that is asked in several places.
impl<C: Check> Check for std::sync::Arc<C> {
    fn run(&self, deadline: Instant) -> Checked<'_> {
        self.as_ref().run(deadline)
    }
}

impl<F, Asked> Check for F
where
    F: Fn() -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<(), Failure>> + Send + 'static,
{
    fn run(&self, _: Instant) -> Checked<'_> {
        Box::pin(self())
    }
}
