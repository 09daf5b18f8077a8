//! The queue before the workers, inferred from arrivals and departures alone.
//!
//! With one queue in the order of arrival and `c` servers a request begins when it comes or when a
//! server is free, whichever is later (Larson, The Queue Inference Engine, Management Science 36,
//! 1990). For each `c` that leaves a time of service for every answered request; only for some it is
//! never negative, and is what the request needs where it meets an idle server.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::evidence::Evidence;
use super::outcome::Queue;
use super::traffic::quantile;
use super::view::Source;

/// Servers that are tried.
const MOST_SERVERS: u32 = 64;

/// Requests of a busy period that are followed.
const FOLLOWED: usize = 2_000;

/// Seconds by which a departure may lie before its service could begin: rows are written late.
const SLACK: f64 = 0.05;

/// Seconds from which a request holds a server for long.
const LONG: f64 = 0.25;

pub(super) fn queue(evidence: &Evidence<'_>) -> Option<Queue> {
    let period = busiest(evidence)?;
    let said = servers_said(evidence);
    let (least, most, known_by) = match said {
        Some((servers, by)) => (servers, servers, by),
        None => {
            let (least, most) = inferred(evidence, &period)?;
            let by = "arrivals and departures of the busiest period".to_owned();
            (least, most, by)
        }
    };
    let longest = evidence.traffic.most_in_flight;
    // Who gave up is served all the same: the queue lasts for as long as others wait.
    let last = period.clone().chain(evidence.touched());
    let end = last.map(|at| evidence.view.requests[at].end);
    let end = end.fold(f64::NEG_INFINITY, f64::max);
    Some(Queue {
        servers_least: least,
        servers_most: most,
        known_by,
        longest: longest.0.saturating_sub(least),
        longest_at: evidence.view.moment(longest.1).to_string(),
        worked_off_at: evidence.view.moment(end).to_string(),
    })
}

/// The requests from the last moment before the peak at which nothing was in flight, to the first
/// after it.
fn busiest(evidence: &Evidence<'_>) -> Option<std::ops::Range<usize>> {
    let in_flight = &evidence.traffic.in_flight;
    let (peak, _) = in_flight
        .iter()
        .enumerate()
        .max_by_key(|(at, here)| (**here, Reverse(*at)))?;
    if in_flight[peak] < 4 {
        return None;
    }
    let first = (0..=peak).rev().find(|at| in_flight[*at] == 1)?;
    let after = (peak + 1..in_flight.len()).find(|at| in_flight[*at] == 1);
    let last = after.unwrap_or(in_flight.len());
    Some(first..last.min(first + FOLLOWED))
}

/// What the command says or the console counts: the number of workers, times their threads.
fn servers_said(evidence: &Evidence<'_>) -> Option<(u32, String)> {
    let number = |text: &str, flag: &str| {
        let (_, rest) = text.split_once(flag)?;
        let rest = rest.trim_start_matches(['=', ' ']);
        let end = rest.find(|sign: char| !sign.is_ascii_digit());
        rest.get(..end.unwrap_or(rest.len()))?.parse::<u32>().ok()
    };
    let captured = evidence.view.bundle.commands.first();
    let captured = captured.map(|command| command.text.as_str());
    let logged = || {
        let mut lines = evidence.view.lines.iter();
        lines.find_map(|line| {
            let is_console = line.source == Source::Console;
            line.text
                .strip_prefix("Site's appCommandLine: ")
                .filter(|_| is_console)
        })
    };
    let command = captured.or_else(logged)?;
    if [
        "asyncio", "async", "gevent", "eventlet", "Uvicorn", "uvicorn",
    ]
    .iter()
    .any(|class| command.contains(class))
    {
        return None;
    }
    let workers = number(command, "--workers").or_else(|| number(command, "-w "))?;
    let threads = number(command, "--threads").unwrap_or(1);
    let servers = workers.checked_mul(threads)?;
    Some((servers, "the startup command".to_owned()))
}

/// The numbers of servers for which the rows fit nearly as well as for the best.
fn inferred(evidence: &Evidence<'_>, period: &std::ops::Range<usize>) -> Option<(u32, u32)> {
    let most_here = period.clone().map(|at| evidence.traffic.in_flight[at]);
    let most_here = most_here.max().unwrap_or(0).min(MOST_SERVERS);
    let misfits: Vec<(u32, f64)> = (1..=most_here)
        .map(|servers| (servers, misfit(evidence, period, servers)))
        .collect();
    let best = misfits
        .iter()
        .map(|(_, misfit)| *misfit)
        .fold(f64::INFINITY, f64::min);
    let fit = misfits
        .iter()
        .filter(|(_, misfit)| *misfit <= best + 0.02)
        .map(|(servers, _)| *servers);
    let (least, most) = (fit.clone().min()?, fit.max()?);
    // Whoever fits as well with no queue at all says nothing of servers.
    (most < most_here).then_some((least, most))
}

/// How badly so many servers fit: the share of answers whose time of service would be negative, or
/// not of the kind of those that met an idle server.
fn misfit(evidence: &Evidence<'_>, period: &std::ops::Range<usize>, servers: u32) -> f64 {
    let requests = &evidence.view.requests;
    let routes = &evidence.traffic.routes;
    let usual = usual(evidence, period, servers);
    let mut free: BinaryHeap<Reverse<i64>> = (0..servers).map(|_| Reverse(i64::MIN)).collect();
    let mut wrong = 0.0;
    let mut judged = 0_usize;
    for at in in_order(evidence, period) {
        let request = &requests[at];
        let route = request.route as usize;
        let Some(Reverse(idle)) = free.pop() else {
            return f64::INFINITY;
        };
        let begin = (idle as f64 / 1e6).max(request.start);
        let own = routes[route].own;
        let (least, most) = usual[route].unwrap_or((own / 4.0, 3.0 * own + 0.1));
        let end = if request.gave_up() {
            // It is served all the same, for nobody. How long is a guess, and behind a long one
            // nothing is certain any more.
            if most > LONG {
                break;
            }
            begin + least
        } else {
            let service = request.end - begin;
            judged += 1;
            if service < -SLACK {
                wrong += 1.0;
            } else if service > most || service < least - SLACK {
                wrong += 0.7;
            }
            request.end.max(begin)
        };
        free.push(Reverse((end * 1e6) as i64));
    }
    match judged {
        0 => f64::INFINITY,
        judged => wrong / judged as f64,
    }
}

/// The requests in the order in which they were served: of those that came within the same moment
/// the one that left first.
fn in_order(evidence: &Evidence<'_>, period: &std::ops::Range<usize>) -> Vec<usize> {
    let moment = |at: usize| (evidence.view.requests[at].start / SLACK).floor();
    let mut order: Vec<usize> = period.clone().collect();
    order.sort_by(|a, b| {
        let ends = (
            evidence.view.requests[*a].end,
            evidence.view.requests[*b].end,
        );
        moment(*a)
            .total_cmp(&moment(*b))
            .then(ends.0.total_cmp(&ends.1))
    });
    order
}

/// From what to what the service of each route takes: by the answers of calm times, else by those of
/// the period that met an idle server, if there were so many.
fn usual(
    evidence: &Evidence<'_>,
    period: &std::ops::Range<usize>,
    servers: u32,
) -> Vec<Option<(f64, f64)>> {
    const ENOUGH: usize = 3;
    let routes = evidence.traffic.routes.len();
    let mut calm: Vec<Vec<f64>> = vec![Vec::new(); routes];
    let mut idle: Vec<Vec<f64>> = vec![Vec::new(); routes];
    for (at, request) in evidence.view.requests.iter().enumerate() {
        if request.is_failure() {
            continue;
        }
        let here = evidence.traffic.in_flight[at];
        let route = request.route as usize;
        if here == 1 && !period.contains(&at) {
            calm[route].push(request.taken());
        } else if here <= servers && period.contains(&at) {
            idle[route].push(request.taken());
        }
    }
    let bounds = |(calm, idle): (&mut Vec<f64>, &mut Vec<f64>)| {
        if calm.len() >= ENOUGH {
            let (least, most) = (quantile(calm, 0.0)?, quantile(calm, 1.0)?);
            return Some((0.8 * least, 1.25 * most + 0.02));
        }
        let middle = quantile(idle, 0.5)?;
        Some((middle / 4.0, 3.0 * middle + 0.1))
    };
    calm.iter_mut().zip(&mut idle).map(bounds).collect()
}
