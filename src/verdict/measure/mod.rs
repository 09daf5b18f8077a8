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
mod view;

pub(super) use answers::is_export;
pub(super) use check::measure;
pub(super) use metrics::growth as metric_growth;
pub(super) use view::{Measured, View};
