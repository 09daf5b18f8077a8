//! Durations, as the clients measured them.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::bundle::SampleSet;
use crate::evidence::criteria::{Groups, Tail};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::sample::Sample;
use crate::tables::queries::{self, Spread};
use crate::verdict::quote::quote_sample;
use crate::verdict::text::{percent, seconds as seconds_text};

/// Fewer answers than this have no percentile worth the name.
const ENOUGH: usize = 10;

/// Samples of a route within the trigger.
pub(super) fn of_route<'b>(
    bundle: &'b Bundle,
    route: &'b str,
) -> impl Iterator<Item = (&'b SampleSet, &'b Sample)> {
    bundle
        .trigger_samples()
        .filter(move |(_, sample)| sample.path() == route)
}

fn spread<'b>(samples: impl Iterator<Item = (&'b SampleSet, &'b Sample)>) -> Option<Spread> {
    queries::latency(
        samples
            .filter(|(_, sample)| !sample.status.is_none())
            .filter_map(|(_, sample)| sample.total_seconds),
    )
}

struct TailFigures {
    observed: String,
    own: f64,
    baseline: Option<f64>,
}

fn measured_tail(bundle: &Bundle, route: &str) -> Result<TailFigures, String> {
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
    Ok(TailFigures {
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

pub(super) fn tail(bundle: &Bundle, route: &str, wanted: &Tail) -> Measured {
    let (times, at_least) = match (wanted.times_at_least, wanted.times_below) {
        (Some(times), _) => (times, true),
        (None, times) => (times.unwrap_or(0.0), false),
    };
    let threshold = match at_least {
        true => format!("p95 at least {times} x the median or the baseline's p95"),
        false => format!("p95 below {times} x the median and the baseline's p95"),
    };
    match measured_tail(bundle, route) {
        Err(why) => Measured::nothing(why, threshold),
        Ok(tail) => {
            let long = tail.own >= times || tail.baseline.is_some_and(|ratio| ratio >= times);
            Measured::of(long == at_least, tail.observed, threshold)
                .value(tail.own)
                .quotes(longest(bundle, route).map(|(set, sample)| quote_sample(set, sample)))
        }
    }
}

pub(super) fn two_groups(bundle: &Bundle, route: &str, wanted: &Groups) -> Measured {
    let Groups {
        low, high, between, ..
    } = *wanted;
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
