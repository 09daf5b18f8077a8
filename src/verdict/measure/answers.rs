//! Statuses and clients that gave up.

use super::{Measured, View, latency::of_route, moments};
use crate::evidence::Bundle;
use crate::evidence::bundle::{HttpEvent, SampleSet};
use crate::evidence::criteria::{Moment, Requests, Statuses};
use crate::evidence::sample::Sample;
use crate::verdict::quote::{Quotable, quote_file, quote_http, quote_sample};
use crate::verdict::text::{count, number, percent, seconds};
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

/// A count or a share of the requests of a role.
pub(super) fn requests(view: View<'_>, wanted: &Requests) -> Measured {
    let bundle = view.bundle;
    let route = match (&wanted.path, &wanted.role) {
        (Some(path), _) => Some(path.as_str()),
        (None, Some(role)) => Some(view.route(role)),
        (None, None) => None,
    };
    if wanted.moment.is_some() {
        return at_moment(bundle, route.unwrap_or_default(), wanted);
    }
    if wanted.gave_up {
        return match (wanted.share_at_least, wanted.share_below) {
            (Some(share), _) => give_ups(bundle, route, share, true),
            (None, Some(share)) => give_ups(bundle, route, share, false),
            (None, None) => some_gave_up(bundle, route, wanted.at_least.unwrap_or(1)),
        };
    }
    if wanted.within_seconds.is_some() {
        return answered_within(view, route, wanted);
    }
    if let Some(seconds) = wanted.longer_seconds {
        return long_requests(view, route, seconds, wanted);
    }
    match (wanted.status, wanted.share_at_least) {
        (Some(statuses), Some(share)) => status_share(bundle, route, statuses, share),
        (Some(statuses), None) => {
            status_count(bundle, route, statuses, wanted.at_least.unwrap_or(1))
        }
        (None, _) => made(bundle, route, wanted.at_least.unwrap_or(1)),
    }
}

fn name(route: Option<&str>) -> &str {
    route.unwrap_or("every role")
}

fn made(bundle: &Bundle, route: Option<&str>, wanted: u32) -> Measured {
    let threshold = format!("at least {}", number(f64::from(wanted)));
    let all = recorded(bundle, route);
    let Some(first) = all.first() else {
        return Measured::nothing(format!("no sample of {}", name(route)), threshold);
    };
    let observed = format!("{} to {}", count(all.len(), "request"), name(route));
    let text = format!("{} of {}", count(all.len(), "row"), name(route));
    Measured::of(all.len() >= wanted as usize, observed, threshold)
        .value(all.len() as f64)
        .quotes([quote_file(&first.source.quote().file, text)])
}

/// One request, whoever recorded it.
pub(super) struct Recorded<'b> {
    pub(super) code: u16,
    pub(super) seconds: Option<f64>,
    pub(super) source: Quotable<'b>,
}

/// Nobody's own run: without a manifest and without samples.
pub(in crate::verdict) fn is_export(bundle: &Bundle) -> bool {
    bundle.manifest.is_none() && bundle.samples.is_empty()
}

/// The requests of the load: the clients' samples, or of an export, which has none, the HTTP table.
pub(super) fn recorded<'b>(bundle: &'b Bundle, route: Option<&'b str>) -> Vec<Recorded<'b>> {
    if !is_export(bundle) {
        let of = samples(bundle, route).into_iter();
        return of
            .map(|(set, sample)| Recorded {
                code: sample.status.code(),
                seconds: sample.total_seconds,
                source: Quotable::Sample(set, sample),
            })
            .collect();
    }
    let window = trigger_window(bundle);
    rows_within(bundle, &window)
        .filter(|event| route.is_none_or(|route| &*event.route == route))
        .map(|event| Recorded {
            code: event.status.filter(|status| *status != 499).unwrap_or(0),
            seconds: event.taken_ms.map(|taken| f64::from(taken) / 1000.0),
            source: Quotable::Row(&bundle.http, event),
        })
        .collect()
}

/// However quick a run is played, a quick answer may take this long.
const LEAST_SECONDS: f64 = 0.3;

/// Answers 2xx within a limit.
fn answered_within(view: View<'_>, route: Option<&str>, wanted: &Requests) -> Measured {
    let limit = wanted.within_seconds.unwrap_or(0.0);
    let limit = (limit * view.pace()).max(LEAST_SECONDS.min(limit));
    let threshold = match (wanted.share_at_least, wanted.at_least) {
        (Some(share), _) => format!("at least {} within {}", percent(share), seconds(limit)),
        (None, least) => format!("at least {} within {}", least.unwrap_or(1), seconds(limit)),
    };
    let all = recorded(view.bundle, route);
    if all.is_empty() {
        return Measured::nothing(format!("no sample of {}", name(route)), threshold);
    }
    if all.iter().any(|one| one.code != 0 && one.seconds.is_none()) {
        let why = format!("answers of {} without a duration", name(route));
        return Measured::nothing(why, threshold);
    }
    // A failure that is quick is no service.
    let is_good = |one: &&Recorded<'_>| {
        one.code / 100 == 2 && one.seconds.is_some_and(|taken| taken <= limit)
    };
    let good = all.iter().filter(is_good).count();
    let share = good as f64 / all.len() as f64;
    let observed = format!(
        "{good} of {} to {}: {}",
        count(all.len(), "request"),
        name(route),
        percent(share)
    );
    let met = match (wanted.share_at_least, wanted.at_least) {
        (Some(least), _) => share >= least,
        (None, least) => good >= least.unwrap_or(1) as usize,
    };
    let longest = all.iter().max_by(|one, other| {
        one.seconds
            .unwrap_or(0.0)
            .total_cmp(&other.seconds.unwrap_or(0.0))
    });
    Measured::of(met, observed, threshold)
        .value(share)
        .quotes(longest.map(|one| one.source.quote()))
}

/// Requests of a length, answered or not.
fn long_requests(view: View<'_>, route: Option<&str>, limit: f64, wanted: &Requests) -> Measured {
    // Where a status is asked for, it is the front end's limit that was reached.
    let limit = match wanted.status {
        Some(_) => limit * view.front_end_pace(),
        None => limit * view.pace(),
    };
    let least = wanted.at_least.unwrap_or(1);
    let threshold = format!("at least {least} of {} or longer", seconds(limit));
    let mut all = recorded(view.bundle, route);
    if wanted.status.is_some() && !is_export(view.bundle) {
        // A client may have left before the row was written.
        let window = trigger_window(view.bundle);
        all.extend(rows_within(view.bundle, &window).map(|event| Recorded {
            code: event.status.unwrap_or(0),
            seconds: event.taken_ms.map(|taken| f64::from(taken) / 1000.0),
            source: Quotable::Row(&view.bundle.http, event),
        }));
    }
    all.retain(|one| one.seconds.is_some());
    if all.is_empty() {
        return Measured::nothing(format!("no timed sample of {}", name(route)), threshold);
    }
    let long: Vec<&Recorded<'_>> = all
        .iter()
        .filter(|one| one.seconds.is_some_and(|taken| taken >= limit))
        .filter(|one| {
            wanted
                .status
                .is_none_or(|statuses| statuses.contains(one.code))
        })
        .collect();
    let observed = format!(
        "{} of {} to {}",
        long.len(),
        count(all.len(), "request"),
        name(route)
    );
    Measured::of(long.len() >= least as usize, observed, threshold)
        .value(long.len() as f64)
        .quotes(long.iter().take(2).map(|one| one.source.quote()))
}

/// What was answered before or after the fix.
fn at_moment(bundle: &Bundle, route: &str, wanted: &Requests) -> Measured {
    let statuses = wanted.status.unwrap_or(Statuses::Class(2));
    let words = statuses_text(statuses);
    let threshold = match (wanted.last, wanted.share_at_least, wanted.at_least) {
        (true, _, _) => format!("the last answer is {words}"),
        (false, Some(share), _) => format!("at least {} answered {words}", percent(share)),
        (false, None, least) => format!("at least {} answered {words}", least.unwrap_or(1)),
    };
    let (mut found, when) = match wanted.moment {
        Some(Moment::After) => (moments::after(bundle, route), "after"),
        _ => (moments::before(bundle, route), "before"),
    };
    // A snapshot without a time was taken when the probes were over.
    found.sort_by_key(|seen| (seen.at.is_none(), seen.at));
    let Some(last) = found.last() else {
        let why = format!("nothing shows what {route} answered {when} the fix");
        return Measured::nothing(why, threshold);
    };
    let good = found
        .iter()
        .filter(|seen| statuses.contains(seen.code))
        .count();
    if wanted.last {
        let is_good = statuses.contains(last.code);
        let observed = format!(
            "{} of {} without {words}, and the last {}",
            found.len() - good,
            count(found.len(), "probe"),
            if is_good {
                format!("with {words}")
            } else {
                format!("not {words}")
            }
        );
        let bad = found.iter().find(|seen| !statuses.contains(seen.code));
        let quotes = std::iter::once(last).chain(bad);
        return Measured::of(is_good, observed, threshold)
            .quotes(quotes.map(|seen| seen.source.quote()));
    }
    let share = good as f64 / found.len() as f64;
    let met = match (wanted.share_at_least, wanted.at_least) {
        (Some(least), _) => share >= least,
        (None, least) => good >= least.unwrap_or(1) as usize,
    };
    let observed = format!(
        "{good} of {} with {words}",
        count(found.len(), "observation")
    );
    Measured::of(met, observed, threshold)
        .value(share)
        .quotes(found.iter().map(|seen| seen.source.quote()))
}

/// At least so many clients gave up.
fn some_gave_up(bundle: &Bundle, route: Option<&str>, least: u32) -> Measured {
    let threshold = format!("at least {least} gave up");
    let window = trigger_window(bundle);
    let of_route = |path: &str| route.is_none_or(|route| path == route);
    let rows: Vec<&HttpEvent> = rows_within(bundle, &window)
        .filter(|event| of_route(&event.route))
        .collect();
    let aborted: Vec<&&HttpEvent> = rows.iter().filter(|row| row.status == Some(499)).collect();
    let all = samples(bundle, route);
    let left: Vec<&Row<'_>> = all.iter().filter(|(_, sample)| sample.gave_up()).collect();
    let clients = count(all.len(), "client");
    if aborted.is_empty() && left.is_empty() {
        if all.is_empty() && rows.is_empty() {
            return Measured::nothing("no request is recorded", threshold);
        }
        let silent = |(_, sample): &Row<'_>| sample.status.is_none() && sample.error.is_none();
        if all.iter().any(silent) {
            let why = "some requests have no answer, and why is not recorded";
            return Measured::nothing(why, threshold);
        }
        let observed = format!(
            "none among {} and {} of the HTTP table",
            count(all.len(), "sample"),
            count(rows.len(), "row")
        );
        return Measured::of(false, observed, threshold);
    }
    let table = match bundle.http.is_readable() {
        true => format!("{} with 499 in the HTTP table", count(aborted.len(), "row")),
        false => "no HTTP table to compare with".to_owned(),
    };
    let observed = match all.is_empty() {
        true => table,
        false => format!("{} of {clients} gave up; {table}", left.len()),
    };
    let row = aborted.first().map(|event| quote_http(&bundle.http, event));
    let sample = left.first().map(|(set, sample)| quote_sample(set, sample));
    let most = aborted.len().max(left.len());
    Measured::of(most >= least as usize, observed, threshold)
        .value(most as f64)
        .quotes(row.into_iter().chain(sample))
}

fn status_share(bundle: &Bundle, route: Option<&str>, statuses: Statuses, share: f64) -> Measured {
    let threshold = format!(
        "at least {} with {}",
        percent(share),
        statuses_text(statuses)
    );
    let all = recorded(bundle, route);
    if all.is_empty() {
        return Measured::nothing("no sample of the trigger", threshold);
    }
    let meant = |one: &&Recorded<'_>| statuses.contains(one.code);
    let found = all.iter().filter(meant).count();
    let found_share = found as f64 / all.len() as f64;
    let observed = format!(
        "{} of {}: {}",
        number(found as f64),
        count(all.len(), "request"),
        percent(found_share)
    );
    let exception = all.iter().find(|one| !meant(one));
    let example = all.iter().find(meant);
    Measured::of(found_share >= share, observed, threshold)
        .value(found_share)
        .quotes(exception.or(example).map(|one| one.source.quote()))
}

/// How long before the load a deployment may lie that belongs to it.
const DEPLOYED_BEFORE_SECONDS: f64 = 7_200.0;

/// Rows of the table that this asks about, and whether each counts: those of the load, and for a
/// route that no sample covers, such as a deployment's, those of the hours before it as well.
fn rows<'b>(bundle: &'b Bundle, route: Option<&str>) -> Vec<(&'b HttpEvent, bool)> {
    let window = trigger_window(bundle);
    let rows = bundle.http.rows.iter();
    let rows = rows.filter(|event| !event.lacked_descriptor);
    match route {
        Some(route) => {
            let mut window = window;
            if samples(bundle, Some(route)).is_empty() {
                let start = window.start;
                window.start = start.map(|start| start.plus_seconds(-DEPLOYED_BEFORE_SECONDS));
            }
            rows.filter(|event| &*event.route == route)
                .map(|event| (event, window.contains(event.time)))
                .collect()
        }
        None => rows
            .filter(|event| !event.is_deployment_site())
            .map(|event| (event, window.contains(event.time)))
            .collect(),
    }
}

fn status_count(bundle: &Bundle, route: Option<&str>, statuses: Statuses, wanted: u32) -> Measured {
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
    let sample_quotes = in_samples
        .iter()
        .take(2)
        .map(|(set, sample)| quote_sample(set, sample));
    let row_quotes = in_table
        .iter()
        .take(2)
        .map(|event| quote_http(&bundle.http, event));
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

fn gave_up(bundle: &Bundle, route: Option<&str>) -> GaveUp {
    let mut found = GaveUp {
        gave_up: 0,
        unknown: 0,
        all: 0,
        by_table: 0,
    };
    for (_, sample) in samples(bundle, route) {
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
            .filter(|event| route.is_none_or(|route| &*event.route == route))
            .filter(|event| event.status == Some(499))
            .count();
        found.by_table = rows.saturating_sub(found.gave_up).min(found.unknown);
        found.gave_up += found.by_table;
        found.unknown -= found.by_table;
    }
    found
}

/// True: at least the share gave up. False: less than the share did.
fn give_ups(bundle: &Bundle, route: Option<&str>, share: f64, at_least: bool) -> Measured {
    let threshold = if at_least {
        format!("at least {} gave up", percent(share))
    } else {
        format!("less than {} gave up", percent(share))
    };
    let found = gave_up(bundle, route);
    if found.all == 0 {
        return Measured::nothing(format!("no sample of {}", name(route)), threshold);
    }
    let low = found.gave_up as f64 / found.all as f64;
    let high = (found.gave_up + found.unknown) as f64 / found.all as f64;
    let mut observed = format!(
        "{} of {} to {}: {}",
        found.gave_up,
        count(found.all, "request"),
        name(route),
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
    let rows = samples(bundle, route);
    let quote = rows.iter().find(|(_, sample)| sample.status.is_none());
    Measured::of(met, observed, threshold)
        .value(low)
        .quotes(quote.map(|(set, sample)| quote_sample(set, sample)))
}
