//! What the application asked of other services, by the counters of its workers.

use super::Measured;
use super::latency::of_route;
use crate::evidence::Bundle;
use crate::evidence::criteria::{PerRequest, SnapshotKind};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::{OutboundCounters, Snapshot, SnapshotBody};
use crate::verdict::quote::quote_file;
use crate::verdict::text::{count, number};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    /// Calls, retries among them.
    Calls,
    /// Connections opened for them.
    Connections,
}

impl Counter {
    const fn of(self, counters: OutboundCounters) -> u64 {
        match self {
            Self::Calls => counters.calls,
            Self::Connections => counters.connections_opened,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Calls => "call",
            Self::Connections => "connection",
        }
    }
}

/// The counters of every worker that was seen at that moment.
fn workers(
    bundle: &Bundle,
    at: PhaseKind,
) -> impl Iterator<Item = (&Snapshot, u32, OutboundCounters)> {
    bundle
        .snapshots_of(SnapshotKind::Stats, at)
        .filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Stats(stats) => Some((snapshot, stats.pid, stats.outbound?)),
            _ => None,
        })
}

/// Calls or connections for each request to the route: what the workers' counters grew by, over
/// the requests of the trigger. A worker that was not there at baseline began at nothing.
pub(super) fn measure(bundle: &Bundle, route: &str, wanted: &PerRequest) -> Measured {
    match (wanted.calls_at_least, wanted.connections_at_least) {
        (Some(calls), _) => per_request(bundle, route, Counter::Calls, calls),
        (None, least) => per_request(bundle, route, Counter::Connections, least.unwrap_or(0.0)),
    }
}

fn per_request(bundle: &Bundle, route: &str, counter: Counter, wanted: f64) -> Measured {
    let threshold = format!("at least {} {}s a request", number(wanted), counter.word());
    let requests = of_route(bundle, route).count();
    if requests == 0 {
        return Measured::nothing(format!("no sample of {route}"), threshold);
    }
    let before = |wanted: u32| {
        workers(bundle, PhaseKind::Baseline)
            .find(|(_, pid, _)| *pid == wanted)
            .map_or(0, |(_, _, counters)| counter.of(counters))
    };
    let mut total = 0;
    let mut quotes = Vec::new();
    for (snapshot, pid, counters) in workers(bundle, PhaseKind::Post) {
        let grown = counter.of(counters).saturating_sub(before(pid));
        total += grown;
        let text = format!("pid {pid}: {}", count(grown as usize, counter.word()));
        quotes.push(quote_file(&snapshot.file, text));
    }
    if quotes.is_empty() {
        return Measured::nothing("no worker told its outbound counters afterwards", threshold);
    }
    let each = total as f64 / requests as f64;
    let observed = format!(
        "{} for {} to {route}: {} each",
        count(total as usize, counter.word()),
        count(requests, "request"),
        number((each * 10.0).round() / 10.0)
    );
    Measured::of(each >= wanted, observed, threshold)
        .value(each)
        .quotes(quotes)
}
