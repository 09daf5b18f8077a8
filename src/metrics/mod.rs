//! Metrics as Prometheus reads them: what is declared, one scrape of it, and its text.
//!
//! Every metric stands in [`declared`], with its unit, its labels and what it is good for; the
//! reference page is made of that ([`reference`]). Who has the figures fills a [`Scrape`], which knows
//! both text formats ([`answer`]). Nothing is kept between two scrapes: counters live where they
//! are counted.

pub mod declared;
mod reference;
mod scrape;

pub use declared::{Label, Metric, MetricKind, Source};
pub use reference::reference;
pub use scrape::{Histogram, Sample, Scrape, Value, answer};

/// Where a scrape is answered.
pub const PATH: &str = "/metrics";

/// Upper bounds of the buckets of every histogram of requests, in seconds: those that OpenTelemetry
/// advises, and more above them, because a lab's requests reach `--timeout` and the front end's limit.
pub const BUCKETS: [f64; 18] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
    120.0, 240.0,
];

/// The bucket of a value, in seconds: `BUCKETS.len()` is the one without a bound.
#[must_use]
pub fn bucket_of(seconds: f64) -> usize {
    BUCKETS.partition_point(|bound| *bound < seconds)
}
