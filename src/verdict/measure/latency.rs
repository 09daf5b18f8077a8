//! Durations, as the clients measured them.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::bundle::SampleSet;
use crate::evidence::manifest::PhaseKind;
use crate::evidence::sample::Sample;
use crate::tables::queries::{self, Spread};
use crate::verdict::quote::quote_sample;
use crate::verdict::text::{count, percent, seconds as seconds_text};

/// Fewer answers than this have no percentile worth the name.
const ENOUGH: usize = 10;

/// However quick a run is played, a quick answer may take this long.
const LEAST_SECONDS: f64 = 0.3;

/// Samples of a route within the trigger.
pub(super) fn of_route<'b>(
    bundle: &'b Bundle,
    route: &'b str,
) -> impl Iterator<Item = (&'b SampleSet, &'b Sample)> {
    bundle
        .trigger_samples()
        .filter(move |(_, sample)| sample.path() == route)
}

fn pace(bundle: &Bundle) -> f64 {
    bundle
        .manifest
        .as_ref()
        .map_or(1.0, |manifest| manifest.pace)
}

fn spread<'b>(samples: impl Iterator<Item = (&'b SampleSet, &'b Sample)>) -> Option<Spread> {
    queries::latency(
        samples
            .filter(|(_, sample)| !sample.status.is_none())
            .filter_map(|(_, sample)| sample.total_seconds),
    )
}

struct Tail {
    observed: String,
    own: f64,
    baseline: Option<f64>,
}

fn tail(bundle: &Bundle, route: &str) -> Result<Tail, String> {
    let spread_now = spread(of_route(bundle, route))
        .filter(|spread| spread.count >= ENOUGH)
        .ok_or_else(|| format!("fewer than {ENOUGH} answers of {route} with a duration"))?;
    if spread_now.median <= 0.0 {
        return Err(format!("the median of {route} is zero"));
    }
    let baseline = spread(
        bundle
            .samples_where(|kind| kind == PhaseKind::Baseline)
            .filter(|(_, sample)| sample.path() == route),
    )
    .filter(|spread| spread.count >= ENOUGH && spread.p95 > 0.0);
    let own = spread_now.p95 / spread_now.median;
    let mut observed = format!(
        "p95 {} is {own:.1} x the median {}, longest {}",
        seconds_text(spread_now.p95),
        seconds_text(spread_now.median),
        seconds_text(spread_now.longest)
    );
    let against_baseline = baseline.map(|baseline| {
        let times = spread_now.p95 / baseline.p95;
        observed.push_str(&format!(
            "; {times:.1} x the baseline's p95 {}",
            seconds_text(baseline.p95)
        ));
        times
    });
    Ok(Tail {
        observed,
        own,
        baseline: against_baseline,
    })
}

/// The sample that took longest.
fn longest<'b>(bundle: &'b Bundle, route: &'b str) -> Option<(&'b SampleSet, &'b Sample)> {
    of_route(bundle, route)
        .filter(|(_, sample)| !sample.status.is_none())
        .max_by(|(_, one), (_, other)| {
            let duration = |sample: &Sample| sample.total_seconds.unwrap_or(0.0);
            duration(one).total_cmp(&duration(other))
        })
}

pub(super) fn tail_at_least(bundle: &Bundle, route: &str, times: f64) -> Measured {
    let threshold = format!("p95 at least {times} x the median or the baseline's p95");
    match tail(bundle, route) {
        Err(why) => Measured::nothing(why, threshold),
        Ok(tail) => {
            let met = tail.own >= times || tail.baseline.is_some_and(|ratio| ratio >= times);
            Measured::of(met, tail.observed, threshold)
                .value(tail.own)
                .quotes(longest(bundle, route).map(|(set, sample)| quote_sample(set, sample)))
        }
    }
}

pub(super) fn tail_below(bundle: &Bundle, route: &str, times: f64) -> Measured {
    let threshold = format!("p95 below {times} x the median and the baseline's p95");
    match tail(bundle, route) {
        Err(why) => Measured::nothing(why, threshold),
        Ok(tail) => {
            let met = tail.own < times && tail.baseline.is_none_or(|ratio| ratio < times);
            Measured::of(met, tail.observed, threshold)
                .value(tail.own)
                .quotes(longest(bundle, route).map(|(set, sample)| quote_sample(set, sample)))
        }
    }
}

pub(super) fn long_requests(bundle: &Bundle, route: &str, limit: f64, wanted: u32) -> Measured {
    let limit = limit * pace(bundle);
    let threshold = format!("at least {wanted} of {} or longer", seconds_text(limit));
    let timed: Vec<_> = of_route(bundle, route)
        .filter(|(_, sample)| sample.total_seconds.is_some())
        .collect();
    if timed.is_empty() {
        return Measured::nothing(format!("no timed sample of {route}"), threshold);
    }
    let long: Vec<_> = timed
        .iter()
        .filter(|(_, sample)| sample.total_seconds.is_some_and(|total| total >= limit))
        .collect();
    let observed = format!(
        "{} of {} to {route}",
        long.len(),
        count(timed.len(), "request")
    );
    Measured::of(long.len() >= wanted as usize, observed, threshold)
        .value(long.len() as f64)
        .quotes(
            long.iter()
                .take(2)
                .map(|(set, sample)| quote_sample(set, sample)),
        )
}

pub(super) fn answered_within(bundle: &Bundle, route: &str, limit: f64, share: f64) -> Measured {
    let limit = (limit * pace(bundle)).max(LEAST_SECONDS.min(limit));
    let threshold = format!("at least {} within {}", percent(share), seconds_text(limit));
    let all: Vec<_> = of_route(bundle, route).collect();
    if all.is_empty() {
        return Measured::nothing(format!("no sample of {route}"), threshold);
    }
    let unknown = |sample: &Sample| !sample.status.is_none() && sample.total_seconds.is_none();
    if all.iter().any(|(_, sample)| unknown(sample)) {
        return Measured::nothing(format!("answers of {route} without a duration"), threshold);
    }
    // A failure that is quick is no service.
    let quick = all
        .iter()
        .filter(|(_, sample)| sample.status.code() / 100 == 2)
        .filter(|(_, sample)| sample.total_seconds.is_some_and(|total| total <= limit))
        .count();
    let found = quick as f64 / all.len() as f64;
    let observed = format!(
        "{quick} of {} to {route}: {}",
        count(all.len(), "request"),
        percent(found)
    );
    Measured::of(found >= share, observed, threshold)
        .value(found)
        .quotes(longest(bundle, route).map(|(set, sample)| quote_sample(set, sample)))
}

pub(super) fn two_groups(
    bundle: &Bundle,
    route: &str,
    low: f64,
    high: f64,
    between: f64,
) -> Measured {
    let threshold = format!(
        "some below {} and some at {} of the client's limit, at most {} between",
        percent(low),
        percent(high),
        percent(between)
    );
    let all: Vec<_> = of_route(bundle, route).collect();
    let shares: Vec<f64> = all
        .iter()
        .filter_map(|(_, sample)| {
            let limit = sample.client_limit_seconds.filter(|limit| *limit > 0.0)?;
            Some(sample.total_seconds? / limit)
        })
        .collect();
    if shares.is_empty() || shares.len() < all.len() {
        let why = format!("durations or the client's limit of {route} are not recorded");
        return Measured::nothing(why, threshold);
    }
    let lower = shares.iter().filter(|share| **share < low).count();
    let upper = shares.iter().filter(|share| **share >= high).count();
    let middle = shares.len() - lower - upper;
    let middle_share = middle as f64 / shares.len() as f64;
    let observed = format!("{lower} below, {upper} at the limit, {middle} between");
    let at_limit = all
        .iter()
        .find(|(_, sample)| sample.status.is_none())
        .map(|(set, sample)| quote_sample(set, sample));
    let answered = all
        .iter()
        .find(|(_, sample)| !sample.status.is_none())
        .map(|(set, sample)| quote_sample(set, sample));
    Measured::of(
        lower > 0 && upper > 0 && middle_share <= between,
        observed,
        threshold,
    )
    .value(middle_share)
    .quotes(at_limit.into_iter().chain(answered))
}
