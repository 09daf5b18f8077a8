//! Derived observations about stops and starts while requests come.

use super::evidence::Evidence;
use super::facts::{Fact, Seen};
use super::quote::Cited;
use super::scan::Landmark;
use super::traffic::quantile;
use super::view::{Request, Source};

/// Seconds around a stop in which failures belong to it.
const AROUND: f64 = 30.0;

/// Seconds that a start is waited for at least.
const LEAST_START: f64 = 2.0;

/// Seconds by which the times of a request and of a line differ: a row has its milliseconds rounded.
const CLOCK: f64 = 0.05;

/// Seconds without a request after which a site may have been unloaded, at a quick pace too.
const QUIET: f64 = 10.0;

/// Seconds from which an answer is slow enough for a rule that recycles.
const SLOW: f64 = 1.0;

/// Stops within so many seconds are one.
const ONE_STOP: f64 = 1.0;

pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    let bundle = evidence.view.bundle;
    let silent = bundle.platform.rows.is_empty() && bundle.console.rows.is_empty();
    if silent || evidence.traffic.total() == 0 {
        return Seen::unknown();
    }
    let stops = stops(evidence);
    match fact {
        Fact::RestartInTrouble => in_trouble(evidence, &stops),
        Fact::RestartsRepeat => {
            let within = within_trouble(evidence, &stops);
            let quotes = within
                .iter()
                .take(3)
                .filter_map(|(line, _)| Cited::numbered(&evidence.view, *line));
            Seen::of(within.len() >= 2).with(quotes)
        }
        Fact::TroubleBeforeRestart => before_restart(evidence, &stops),
        Fact::SlowAfterStart => slow_after_start(evidence),
        Fact::StartUnanswered => unanswered(evidence),
        Fact::StartedAfterQuiet => after_quiet(evidence),
        Fact::RecycledAfterSlow => recycled_after_slow(evidence),
        _ => Seen::unknown(),
    }
}

/// Stops of the site, each with its second.
fn stops(evidence: &Evidence<'_>) -> Vec<(u32, f64)> {
    let mut stops: Vec<(u32, f64)> = Vec::new();
    // Where the platform's rows are missing, a server that starts once more tells of the same.
    let lines: Vec<u32> = match evidence.view.bundle.platform.rows.is_empty() {
        false => evidence.landmarks(Landmark::Stopping).collect(),
        true => evidence
            .starts
            .windows(2)
            .filter(|pair| !pair[1].began_with(&pair[0]))
            .map(|pair| pair[1].lines.0)
            .collect(),
    };
    for line in lines {
        let time = evidence.view.lines.get(line as usize);
        let Some(time) = time.and_then(|line| line.time) else {
            continue;
        };
        let second = evidence.view.second(time);
        if stops
            .last()
            .is_none_or(|(_, last)| second - last > ONE_STOP)
        {
            stops.push((line, second));
        }
    }
    stops
}

/// From the first request that failed or waited to the last, in seconds.
fn trouble(evidence: &Evidence<'_>) -> Option<(f64, f64)> {
    let touched = evidence.touched();
    let first = touched.iter().map(|at| evidence.view.requests[*at].start);
    let last = touched.iter().map(|at| evidence.view.requests[*at].end);
    let first = first.fold(f64::INFINITY, f64::min);
    let last = last.fold(f64::NEG_INFINITY, f64::max);
    (first <= last).then_some((first, last))
}

fn within_trouble(evidence: &Evidence<'_>, stops: &[(u32, f64)]) -> Vec<(u32, f64)> {
    let Some((first, last)) = trouble(evidence) else {
        return Vec::new();
    };
    let begins: Vec<f64> = evidence
        .starts
        .iter()
        .filter_map(|start| Some(evidence.view.second(start.began?)))
        .collect();
    // A stop with no start behind it, or just before it, is the end of the site and no restart.
    let is_restart = |stop: f64| {
        begins
            .iter()
            .any(|begin| begin - stop > -60.0 && *begin > first)
    };
    let holds = |second: f64| (first - 1.0..=last + 1.0).contains(&second);
    stops
        .iter()
        .copied()
        .filter(|(_, second)| holds(*second) && is_restart(*second))
        .collect()
}

fn in_trouble(evidence: &Evidence<'_>, stops: &[(u32, f64)]) -> Seen {
    let within = within_trouble(evidence, stops);
    let near = within.iter().find_map(|(line, second)| {
        let touched = evidence.touched();
        let at = touched.into_iter().find(|at| {
            let request = &evidence.view.requests[*at];
            request.start <= second + AROUND && request.end >= second - AROUND
        })?;
        Some((*line, at))
    });
    let quotes = near.into_iter().flat_map(|(line, at)| {
        [
            Cited::numbered(&evidence.view, line),
            Cited::request(&evidence.view, at),
        ]
    });
    Seen::of(near.is_some()).with(quotes.flatten())
}

/// Requests that ended between one start and the next, and none of them with an answer.
fn unanswered(evidence: &Evidence<'_>) -> Seen {
    let requests = &evidence.view.requests;
    let starts: Vec<(u32, f64)> = evidence
        .starts
        .iter()
        .filter_map(|start| Some((start.lines.0, evidence.view.second(start.began?))))
        .collect();
    let mut ends: Vec<usize> = (0..requests.len()).collect();
    ends.sort_by(|a, b| requests[*a].end.total_cmp(&requests[*b].end));
    let given_up = starts.windows(2).find_map(|pair| {
        let [(_, began), (line, next)] = *pair else {
            return None;
        };
        // Two instances of a site, or its two slots, start together.
        if next - began < LEAST_START {
            return None;
        }
        let before = |second| ends.partition_point(|at| requests[*at].end < second);
        let meanwhile = ends.get(before(began)..before(next))?;
        let is_served = |at: &usize| !requests[*at].gave_up() && requests[*at].status < 500;
        let first = *meanwhile.first()?;
        (!meanwhile.iter().any(is_served)).then_some((first, line))
    });
    seen_at(evidence, given_up)
}

/// Met by a request and a line, where there are such.
pub(super) fn seen_at(evidence: &Evidence<'_>, found: Option<(usize, u32)>) -> Seen {
    let quotes = found.into_iter().flat_map(|(at, line)| {
        [
            Cited::request(&evidence.view, at),
            Cited::numbered(&evidence.view, line),
        ]
    });
    Seen::of(found.is_some()).with(quotes.flatten())
}

/// A request after a quiet of ten seconds or more, which is three times the usual one, and a start that began
/// while it waited. It is answered, for nothing is wrong but the wait.
fn after_quiet(evidence: &Evidence<'_>) -> Seen {
    let requests = &evidence.view.requests;
    // The first start that is known is no second one of a site that had been up.
    let mut begins: Vec<(f64, u32)> = evidence
        .starts
        .iter()
        .skip(1)
        .filter_map(|start| Some((evidence.view.second(start.began?), start.lines.0)))
        .collect();
    begins.sort_by(|a, b| a.0.total_cmp(&b.0));
    let met = (1..requests.len()).find_map(|at| {
        let (before, request) = (&requests[at - 1], &requests[at]);
        let quiet = request.start - before.end;
        let own = evidence.traffic.routes[request.route as usize].own;
        let has_waited = request.taken() >= (5.0 * own).max(0.03) && !request.is_failure();
        if quiet < QUIET || !has_waited || quiet < 3.0 * usual_gap(evidence, at) {
            return None;
        }
        let next = begins.partition_point(|(began, _)| *began < request.start - CLOCK);
        let (began, line) = begins.get(next)?;
        (*began < request.end).then_some((at, *line))
    });
    seen_at(evidence, met)
}

/// Two starts or more, and three in four of those that began while requests came, each just after two
/// or more slow answers, while no request failed.
fn recycled_after_slow(evidence: &Evidence<'_>) -> Seen {
    let requests = &evidence.view.requests;
    let came = requests.first().map_or(f64::INFINITY, |first| first.start);
    let slow: Vec<JustAfter> = (0..requests.len())
        .filter(|at| requests[*at].taken() >= SLOW && !requests[*at].is_failure())
        .map(|at| JustAfter::of(at, &requests[at]))
        .collect();
    let in_order = |moment: fn(&JustAfter) -> f64| {
        let mut moments: Vec<f64> = slow.iter().map(moment).collect();
        moments.sort_by(f64::total_cmp);
        moments
    };
    let (from, to) = (in_order(|one| one.from), in_order(|one| one.to));
    let began = evidence.starts.iter().filter_map(|start| {
        let began = evidence.view.second(start.began?);
        (began > came).then_some((began, start.lines.0))
    });
    let began: Vec<(f64, u32)> = began.collect();
    let just_before = |second: f64| {
        let begun = from.partition_point(|from| *from <= second);
        begun - to.partition_point(|to| *to < second)
    };
    let recycled: Vec<(f64, u32)> = began
        .iter()
        .copied()
        .filter(|(second, _)| just_before(*second) >= 2)
        .collect();
    let hardly_fails = evidence.traffic.failed.len() * 20 <= evidence.traffic.total();
    let met = recycled.len() >= 2 && recycled.len() * 4 >= began.len() * 3 && hardly_fails;
    let first = recycled.first().filter(|_| met);
    let shown = first.and_then(|(second, line)| {
        let before = slow.iter().find(|one| one.holds(*second))?;
        Some((before.at, *line))
    });
    seen_at(evidence, shown)
}

/// From when to when something that begins did so just after a slow answer.
struct JustAfter {
    at: usize,
    from: f64,
    to: f64,
}

impl JustAfter {
    fn of(at: usize, request: &Request) -> JustAfter {
        JustAfter {
            at,
            from: request.end - CLOCK,
            to: request.end + (request.taken() / 4.0).max(CLOCK),
        }
    }

    fn holds(&self, second: f64) -> bool {
        (self.from..=self.to).contains(&second)
    }
}

/// Seconds between two requests as is usual around one of them: calm days that were exported as well are
/// no measure for the hour in question.
fn usual_gap(evidence: &Evidence<'_>, at: usize) -> f64 {
    const AROUND: usize = 10;
    let requests = &evidence.view.requests;
    let near = at.saturating_sub(AROUND)..(at + AROUND + 1).min(requests.len());
    let near = requests.get(near).unwrap_or_default();
    let mut gaps: Vec<f64> = near
        .windows(2)
        .map(|pair| pair[1].start - pair[0].start)
        .collect();
    quantile(&mut gaps, 0.5).unwrap_or(0.0)
}

/// Requests waited or failed for a while before anything was stopped.
fn before_restart(evidence: &Evidence<'_>, stops: &[(u32, f64)]) -> Seen {
    let within = within_trouble(evidence, stops);
    let Some((line, stop)) = within.first() else {
        return Seen::of(false);
    };
    let before: Vec<usize> = evidence
        .touched()
        .into_iter()
        .filter(|at| evidence.view.requests[*at].end < *stop)
        .collect();
    let met = before.len() >= 3;
    let quotes = before
        .first()
        .and_then(|at| Cited::request(&evidence.view, *at))
        .into_iter()
        .chain(Cited::numbered(&evidence.view, *line));
    Seen::of(met).with(quotes)
}

/// What is slow or fails is so within the first part after a start, and what follows is well.
fn slow_after_start(evidence: &Evidence<'_>) -> Seen {
    let Some((first, last)) = trouble(evidence) else {
        return Seen::of(false);
    };
    let ready = evidence.starts.iter().filter_map(|start| {
        let line = start.ready?;
        let time = evidence.view.lines.get(line as usize)?.time?;
        Some((line, evidence.view.second(time)))
    });
    let span = (last - first).max(1.0);
    let soon = |(_, second): &(u32, f64)| {
        *second <= first + 1.0 + span / 4.0 && first - second < 30.0_f64.max(span)
    };
    let begun = ready.filter(soon).last();
    let Some((line, ready)) = begun else {
        return Seen::of(false);
    };
    let routes: Vec<u32> = evidence
        .touched()
        .iter()
        .map(|at| evidence.view.requests[*at].route)
        .collect();
    let well = |from: f64, to: f64| {
        let requests = evidence.view.requests.iter();
        requests
            .filter(|request| (from..to).contains(&request.start) && !request.is_failure())
            .filter(|request| routes.contains(&request.route))
            .count()
    };
    let well_later = well(last, f64::INFINITY);
    // What was well for a while after the start does not suffer from it.
    let well_before = well(ready, first);
    let quotes = evidence
        .touched()
        .first()
        .and_then(|at| Cited::request(&evidence.view, *at))
        .into_iter()
        .chain(Cited::numbered(&evidence.view, line));
    let from_platform = evidence
        .view
        .lines
        .get(line as usize)
        .is_some_and(|line| line.source == Source::Platform);
    Seen::of(well_later >= 3 && well_before < 3 && from_platform).with(quotes)
}
