//! One check against one bundle: what was observed, what would be met, what decided it.

mod answers;
mod check;
mod latency;
mod metrics;
mod moments;
mod outbound;
mod readiness;
mod slots;
mod texts;

pub(super) use check::{Measured, measure};
pub(super) use metrics::{growth as metric_growth, readings as metric_readings};
pub(super) use texts::restarts;
