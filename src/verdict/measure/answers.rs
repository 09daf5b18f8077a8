//! Statuses and clients that gave up.

use super::{Measured, latency::of_route};
use crate::evidence::Bundle;
use crate::evidence::bundle::{HttpEvent, SampleSet};
use crate::evidence::criteria::Statuses;
use crate::evidence::sample::Sample;
use crate::verdict::quote::{quote_http, quote_sample};
use crate::verdict::text::{count, number, percent};
use crate::verdict::window::{rows_within, trigger_window};

type Row<'b> = (&'b SampleSet, &'b Sample);

fn samples<'b>(bundle: &'b Bundle, route: Option<&'b str>) -> Vec<Row<'b>> {
    match route {
        Some(route) => of_route(bundle, route).collect(),
        None => bundle.trigger_samples().collect(),
    }
}

fn statuses_text(statuses: Statuses) -> String {
    match statuses {
        Statuses::Exactly(code) => code.to_string(),
        Statuses::Class(hundred) => format!("{hundred}xx"),
        Statuses::Not(code) => format!("other than {code}"),
    }
}

pub(super) fn requests(bundle: &Bundle, route: &str, wanted: u32) -> Measured {
    let threshold = format!("at least {}", number(f64::from(wanted)));
    let all = samples(bundle, Some(route));
    let Some((set, _)) = all.first() else {
        return Measured::nothing(format!("no sample of {route}"), threshold);
    };
    let observed = format!("{} to {route}", count(all.len(), "request"));
    let text = format!("{} of {route}", count(all.len(), "row"));
    Measured::of(all.len() >= wanted as usize, observed, threshold)
        .value(all.len() as f64)
        .quotes([crate::verdict::quote::quote_file(&set.file, text)])
}

pub(super) fn status_share(
    bundle: &Bundle,
    route: Option<&str>,
    statuses: Statuses,
    share: f64,
) -> Measured {
    let threshold = format!(
        "at least {} with {}",
        percent(share),
        statuses_text(statuses)
    );
    let all = samples(bundle, route);
    if all.is_empty() {
        return Measured::nothing("no sample of the trigger", threshold);
    }
    let meant = |row: &&Row<'_>| statuses.contains(row.1.status.code());
    let found = all.iter().filter(meant).count();
    let found_share = found as f64 / all.len() as f64;
    let observed = format!(
        "{} of {}: {}",
        number(found as f64),
        count(all.len(), "request"),
        percent(found_share)
    );
    let exception = all
        .iter()
        .find(|row| !meant(row))
        .map(|(set, sample)| quote_sample(set, sample));
    let example = all
        .iter()
        .find(meant)
        .map(|(set, sample)| quote_sample(set, sample));
    Measured::of(found_share >= share, observed, threshold)
        .value(found_share)
        .quotes(exception.or(example))
}

/// Rows of the table that this asks about, and whether each counts: of a route that no sample
/// covers, such as a deployment's, every row; else only those of the load.
fn rows<'b>(bundle: &'b Bundle, route: Option<&str>) -> Vec<(&'b HttpEvent, bool)> {
    let window = trigger_window(bundle);
    let rows = bundle.http.rows.iter();
    match route {
        Some(route) => rows
            .filter(|event| &*event.route == route)
            .map(|event| (event, true))
            .collect(),
        None => rows
            .filter(|event| !event.is_deployment_site())
            .map(|event| (event, window.contains(event.time)))
            .collect(),
    }
}

pub(super) fn status_count(
    bundle: &Bundle,
    route: Option<&str>,
    statuses: Statuses,
    wanted: u32,
) -> Measured {
    let threshold = format!("at least {wanted} with {}", statuses_text(statuses));
    let sampled = samples(bundle, route);
    let has_table = bundle.http.is_readable();
    if sampled.is_empty() && !has_table {
        return Measured::nothing("neither samples nor an HTTP table", threshold);
    }
    let in_samples: Vec<&Row<'_>> = sampled
        .iter()
        .filter(|(_, sample)| !sample.status.is_none() && statuses.contains(sample.status.code()))
        .collect();
    let logged = rows(bundle, route);
    let meant = |event: &HttpEvent| event.status.is_some_and(|status| statuses.contains(status));
    let in_table: Vec<&HttpEvent> = logged
        .iter()
        .filter(|(event, counts)| *counts && meant(event))
        .map(|(event, _)| *event)
        .collect();
    let outside = logged
        .iter()
        .filter(|(event, counts)| !counts && meant(event))
        .count();
    let mut parts = Vec::new();
    if !sampled.is_empty() {
        parts.push(format!(
            "{} in {}",
            in_samples.len(),
            count(sampled.len(), "sample")
        ));
    }
    if has_table {
        parts.push(format!(
            "{} in {} of the HTTP table",
            in_table.len(),
            count(logged.len(), "row")
        ));
    }
    if outside > 0 {
        parts.push(format!("{} outside the load", number(outside as f64)));
    }
    let file = &bundle.http;
    let sample_quotes = in_samples
        .iter()
        .take(2)
        .map(|(set, sample)| quote_sample(set, sample));
    let row_quotes = in_table.iter().take(2).map(|event| quote_http(file, event));
    let most = in_samples.len().max(in_table.len());
    Measured::of(most >= wanted as usize, parts.join(", "), threshold)
        .value(most as f64)
        .quotes(sample_quotes.chain(row_quotes))
}

/// Clients of a route that gave up, of how many; and rows with 499 that were needed to know.
struct GaveUp {
    gave_up: usize,
    unknown: usize,
    all: usize,
    by_table: usize,
}

fn gave_up(bundle: &Bundle, route: &str) -> GaveUp {
    let mut found = GaveUp {
        gave_up: 0,
        unknown: 0,
        all: 0,
        by_table: 0,
    };
    for (_, sample) in of_route(bundle, route) {
        found.all += 1;
        if sample.gave_up() {
            found.gave_up += 1;
        } else if sample.status.is_none() && sample.error.is_none() {
            found.unknown += 1;
        }
    }
    if found.unknown > 0 {
        // The client did not note why there was no answer; a row with 499 says that it left.
        let window = trigger_window(bundle);
        let rows = rows_within(bundle, &window)
            .filter(|event| &*event.route == route && event.status == Some(499))
            .count();
        found.by_table = rows.saturating_sub(found.gave_up).min(found.unknown);
        found.gave_up += found.by_table;
        found.unknown -= found.by_table;
    }
    found
}

/// True: at least the share gave up. False: less than the share did.
pub(super) fn give_ups(bundle: &Bundle, route: &str, share: f64, at_least: bool) -> Measured {
    let threshold = if at_least {
        format!("at least {} gave up", percent(share))
    } else {
        format!("less than {} gave up", percent(share))
    };
    let found = gave_up(bundle, route);
    if found.all == 0 {
        return Measured::nothing(format!("no sample of {route}"), threshold);
    }
    let low = found.gave_up as f64 / found.all as f64;
    let high = (found.gave_up + found.unknown) as f64 / found.all as f64;
    let mut observed = format!(
        "{} of {} to {route}: {}",
        found.gave_up,
        count(found.all, "request"),
        percent(low)
    );
    if found.by_table > 0 {
        observed.push_str(&format!(", {} of them by a row with 499", found.by_table));
    }
    if found.unknown > 0 {
        observed.push_str(&format!(
            ", {} without an answer or a reason",
            found.unknown
        ));
    }
    if low < share && high >= share {
        return Measured::nothing(observed, threshold);
    }
    let met = if at_least { low >= share } else { high < share };
    let quote = of_route(bundle, route).find(|(_, sample)| sample.status.is_none());
    Measured::of(met, observed, threshold)
        .value(low)
        .quotes(quote.map(|(set, sample)| quote_sample(set, sample)))
}

pub(super) fn mixed(bundle: &Bundle) -> Measured {
    let threshold = "at least one answer and one client that gave up";
    let all = samples(bundle, None);
    if all.is_empty() {
        return Measured::nothing("no sample of the trigger", threshold);
    }
    let mut routes: Vec<&str> = all.iter().map(|(_, sample)| sample.path()).collect();
    routes.sort_unstable();
    routes.dedup();
    let (mut left, mut unknown) = (0, 0);
    for route in routes {
        let found = gave_up(bundle, route);
        left += found.gave_up;
        unknown += found.unknown;
    }
    let answered = all
        .iter()
        .filter(|(_, sample)| sample.status.code() / 100 == 2)
        .count();
    let observed = format!(
        "{answered} answered, {left} gave up, of {}",
        count(all.len(), "request")
    );
    if left == 0 && unknown > 0 {
        return Measured::nothing(
            format!("{observed}; {unknown} without an answer or a reason"),
            threshold,
        );
    }
    let quotes = [
        all.iter()
            .find(|(_, sample)| sample.status.code() / 100 == 2),
        all.iter().find(|(_, sample)| sample.gave_up()),
    ];
    Measured::of(answered > 0 && left > 0, observed, threshold)
        .value(left as f64 / all.len() as f64)
        .quotes(
            quotes
                .into_iter()
                .flatten()
                .map(|(set, sample)| quote_sample(set, sample)),
        )
}
