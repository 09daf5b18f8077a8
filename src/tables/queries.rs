//! Small typed queries over rows, each beside the KQL that asks Log Analytics the same.
//!
//! The KQL texts have two placeholders, `{start}` and `{end}`; [`Query::between`] fills them.

use std::collections::BTreeMap;

use super::LogTime;

/// One query in KQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Its name, which is also the name of its file.
    pub name: &'static str,
    /// The text, with its placeholders.
    pub kql: &'static str,
}

macro_rules! query {
    ($(#[$meta:meta])* $constant:ident, $name:literal) => {
        $(#[$meta])*
        pub const $constant: Query = Query {
            name: $name,
            kql: include_str!(concat!("../../scripts/kql/", $name, ".kql")),
        };
    };
}

query!(
    /// Every request.
    HTTP, "http"
);
query!(
    /// Every console line.
    CONSOLE, "console"
);
query!(
    /// Every platform message.
    PLATFORM, "platform"
);
query!(
    /// What [`StatusMix`] counts.
    STATUS_MIX, "status-mix"
);
query!(
    /// What [`latency`] measures.
    LATENCY, "latency"
);
query!(
    /// What [`ends_a_worker`] selects.
    WORKER_ENDS, "worker-ends"
);
query!(
    /// What [`lifecycle`] selects.
    LIFECYCLE, "lifecycle"
);

impl Query {
    /// Every query.
    pub const ALL: [Query; 7] = [
        HTTP,
        CONSOLE,
        PLATFORM,
        STATUS_MIX,
        LATENCY,
        WORKER_ENDS,
        LIFECYCLE,
    ];

    /// The text for one window of time.
    pub fn between(&self, start: LogTime, end: LogTime) -> String {
        self.kql
            .replace("{start}", &start.to_string())
            .replace("{end}", &end.to_string())
    }
}

/// Requests of one route with one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// Path.
    pub route: String,
    /// Status.
    pub status: u16,
    /// How many.
    pub requests: usize,
}

/// Counts requests by route and status: [`STATUS_MIX`].
#[derive(Debug, Default)]
pub struct StatusMix(BTreeMap<(String, u16), usize>);

impl StatusMix {
    /// Count a request.
    pub fn add(&mut self, route: String, status: u16) {
        *self.0.entry((route, status)).or_default() += 1;
    }

    /// What was counted, by route and then by status.
    pub fn counts(self) -> impl Iterator<Item = StatusCount> {
        self.0
            .into_iter()
            .map(|((route, status), requests)| StatusCount {
                route,
                status,
                requests,
            })
    }
}

/// The spread of a set of durations, in the unit that they came in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// The median.
    pub median: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The longest.
    pub longest: f64,
}

/// Median, 95th percentile and maximum: [`LATENCY`] for one route. `None` of nothing.
pub fn latency(durations: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut sorted: Vec<f64> = durations
        .into_iter()
        .filter(|value| value.is_finite())
        .collect();
    sorted.sort_unstable_by(f64::total_cmp);
    Some(Spread {
        count: sorted.len(),
        median: percentile(&sorted, 0.5)?,
        p95: percentile(&sorted, 0.95)?,
        longest: *sorted.last()?,
    })
}

/// The smallest value that at least `share` of the sorted values do not exceed (nearest rank).
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// True for a console line that says how a worker ended: [`WORKER_ENDS`].
pub fn ends_a_worker(line: &str) -> bool {
    [
        "WORKER TIMEOUT",
        "was sent SIG",
        "failed to boot",
        "exited with code",
    ]
    .iter()
    .any(|text| line.contains(text))
}

/// What a platform message says about the site's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// The site is up.
    Started,
    /// The site was stopped.
    Stopped,
    /// The container ended by itself.
    Exited,
    /// It ended while it started.
    FailedToStart,
}

/// Classify a platform message; `None` for the many that are about something else, and for those
/// of the second container that serves deployments: [`LIFECYCLE`].
pub fn lifecycle(message: &str) -> Option<Lifecycle> {
    if message.starts_with("State:") || message.starts_with("Kudu:") {
        return None;
    }
    if message.starts_with("Site started.") {
        return Some(Lifecycle::Started);
    }
    if message.starts_with("Container has finished running") {
        return Some(Lifecycle::Exited);
    }
    if message.contains("terminated during site startup") {
        return Some(Lifecycle::FailedToStart);
    }
    (message.starts_with("Site: ") && message.ends_with(" stopped.")).then_some(Lifecycle::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.5), Some(10.0));
        assert_eq!(percentile(&sorted, 0.95), Some(19.0));
        assert_eq!(percentile(&sorted[..1], 0.95), Some(1.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
