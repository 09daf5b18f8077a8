//! The judge: rules and a bundle in, a verdict out.
//!
//! Pure: no file, no clock, no randomness; the same bundle gives the same verdict for ever, on any
//! machine. Evidence that is missing is "no evidence", never "met". This room must not know the
//! catalogue: whoever calls it hands the rules over.

mod bind;
mod health;
mod judge;
mod kills;
pub mod listening;
mod measure;
mod missing;
mod outcome;
pub mod pool_size;
mod quality_warnings;
mod quote;
mod repeated;
mod secrets;
pub(crate) mod text;
mod window;

pub use judge::judge;
pub use outcome::{
    AlternativeResult, AlternativeStatus, CriterionResult, Finding, HealthResult, KillCause,
    KilledWorker, Level, MissingEvidence, Outcome, QualityWarning, QualityWarningKind,
    RouteFigures, TitleClaimResult, Unreadable, Verdict,
};
pub use quality_warnings::refused_for_lack;
pub use quote::Quote;
pub use repeated::{Repeated, RunSummary, SpreadOfCriterion, repeat};
pub use window::{Window, trigger_window};
