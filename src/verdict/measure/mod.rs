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

pub(super) use answers::is_export;
pub(super) use check::{Measured, View, measure};
pub(super) use metrics::growth as metric_growth;
