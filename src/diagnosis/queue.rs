//! The queue before the workers, inferred from arrivals and departures alone.
//!
//! With one queue in the order of arrival and `c` servers a request begins when it comes or when a
//! server is free, whichever is later (Larson, The Queue Inference Engine, Management Science 36,
//! 1990). For each `c` that leaves a time of service for every answered request, and the `c` under
//! which these times are most alike, and like those of calm times, is the likeliest. Those that are
//! nearly as likely make the interval.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use super::evidence::Evidence;
use super::outcome::Queue;
use super::traffic::quantile;
use super::view::{Request, Source};
use crate::verdict::pool_size::PoolSize;

/// Servers that are tried.
const MOST_SERVERS: u32 = 64;

/// Requests of a busy period that are followed.
const FOLLOWED: usize = 2_000;

/// Seconds by which a departure may lie before its service could begin: rows are written late.
const SLACK: f64 = 0.05;

/// Seconds from which a request holds a server for long.
const LONG: f64 = 0.25;

/// Answers without which nothing is said.
const FEWEST: usize = 5;

/// Answers of calm times from which a route's own time is known.
const ENOUGH_CALM: usize = 3;

/// The spread of a route's logarithms before any is seen, worth two of them.
const USUAL_SPREAD: f64 = 0.3;

/// What a request costs that the assumed order does not explain.
const OUT_OF_ORDER: f64 = 6.0;

/// By how much the logarithm may be less likely than the best. Of 344 real pools of one to five workers
/// beside two busy loops, each with some thirty answers, all are within it, and one interval was wider
/// than three numbers.
const NEARLY: f64 = 8.0;

pub(super) fn queue(evidence: &Evidence<'_>) -> Option<Queue> {
    let period = busiest(evidence)?;
    let said = servers_said(evidence);
    let (least, most, answers, known_by) = match said {
        Some((servers, by)) => (servers, servers, None, by),
        None => {
            let (least, most, answers) = inferred(evidence, &period)?;
            let by = format!("arrivals and departures of the busiest period, {answers} answers");
            (least, most, Some(answers), by)
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
        answers,
        known_by,
        longest: longest.0.saturating_sub(least),
        longest_at: evidence.view.moment(longest.1).to_string(),
        worked_off_at: evidence.view.moment(end).to_string(),
    })
}

/// The busy period that took its clients longest: from a moment at which nothing was in flight to
/// the next. Where fewer than four were in flight at once there is none.
fn busiest(evidence: &Evidence<'_>) -> Option<Range<usize>> {
    let in_flight = &evidence.traffic.in_flight;
    let mut starts: Vec<usize> = (0..in_flight.len())
        .filter(|at| *at == 0 || in_flight[*at] == 1)
        .collect();
    starts.push(in_flight.len());
    let periods = starts.windows(2).map(|ends| ends[0]..ends[1]);
    let taken = |period: &Range<usize>| -> f64 {
        let requests = &evidence.view.requests[period.clone()];
        requests.iter().map(Request::taken).sum()
    };
    let crowded = periods.filter(|period| in_flight[period.clone()].iter().any(|here| *here >= 4));
    let busiest = crowded.max_by(|a, b| taken(a).total_cmp(&taken(b)))?;
    Some(busiest.start..busiest.end.min(busiest.start + FOLLOWED))
}

/// What the command says or the console counts: the number of workers, times their threads.
fn servers_said(evidence: &Evidence<'_>) -> Option<(u32, String)> {
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
    let servers = PoolSize::of_command(command).servers()?;
    Some((servers, "the startup command".to_owned()))
}

/// The numbers of servers under which the rows are nearly as likely as under the best, and the
/// answers that say so.
fn inferred(evidence: &Evidence<'_>, period: &Range<usize>) -> Option<(u32, u32, u32)> {
    let most_here = period.clone().map(|at| evidence.traffic.in_flight[at]);
    let most_here = most_here.max().unwrap_or(0).min(MOST_SERVERS);
    let calm = calm(evidence, period);
    let known = middles(&calm);
    let first_guess = in_order(evidence, period, &known);
    let fits: Vec<(u32, f64, usize)> = (1..=most_here)
        .map(|servers| {
            let guess = services(evidence, &first_guess, servers, &known);
            let mut usual = middles(&guess.of_route);
            usual.extend(&known);
            let order = in_order(evidence, period, &usual);
            let services = services(evidence, &order, servers, &known);
            (servers, services.likelihood(&calm), services.answers)
        })
        .collect();
    let best = fits.iter().map(|(_, likelihood, _)| *likelihood);
    let best = best.fold(f64::NEG_INFINITY, f64::max);
    let mut near = fits
        .iter()
        .filter(|(_, likelihood, _)| *likelihood >= best - NEARLY);
    let (least, _, answers) = near.next()?;
    let most = near.next_back().map_or(*least, |(servers, ..)| *servers);
    // Whoever fits as well with no queue at all says nothing of servers.
    (*answers >= FEWEST && most < most_here).then_some((*least, most, *answers as u32))
}

/// What each answer of a busy period needed of a server, if there are so many of them.
#[derive(Debug, Default)]
struct Services {
    /// Seconds, by route, the shortest first; without the impossible.
    of_route: BTreeMap<u32, Vec<f64>>,
    answers: usize,
    /// Answers that came before their service could begin.
    impossible: usize,
}

/// Follow the requests in the order in which they were served. Who gave up is served all the same,
/// for nobody: behind one that takes long nothing is certain any more, and one of a kind without any
/// answer so far is taken to ask for little, as those who leave first do.
fn services(
    evidence: &Evidence<'_>,
    order: &[usize],
    servers: u32,
    known: &BTreeMap<u32, f64>,
) -> Services {
    let mut free: BinaryHeap<Reverse<i64>> = (0..servers).map(|_| Reverse(i64::MIN)).collect();
    let mut services = Services::default();
    for at in order {
        let request = &evidence.view.requests[*at];
        let Some(Reverse(idle)) = free.pop() else {
            break;
        };
        let begin = (idle as f64 / 1e6).max(request.start);
        let of_route = services.of_route.entry(request.route).or_default();
        let end = if request.gave_up() {
            let known = known.get(&request.route).copied();
            let usual = known.or_else(|| of_route.get(of_route.len() / 2).copied());
            let usual = usual.unwrap_or_default();
            if usual > LONG {
                break;
            }
            begin + usual
        } else {
            let service = request.end - begin;
            services.answers += 1;
            if service < -SLACK {
                // Taken for an answer in no time it would make its servers the likelier.
                services.impossible += 1;
            } else {
                let seconds = service.max(0.0);
                of_route.insert(of_route.partition_point(|one| *one < seconds), seconds);
            }
            request.end.max(begin)
        };
        free.push(Reverse((end * 1e6) as i64));
    }
    services
}

impl Services {
    /// The logarithm of how likely these services are: those of each route that takes long are
    /// lognormal, with the spread that they have, and one in ten is anything, for the order of those
    /// that came together is a guess. What is quick says only whether it had to wait.
    fn likelihood(&self, calm: &BTreeMap<u32, Vec<f64>>) -> f64 {
        let usual = |(route, seconds): (&u32, &Vec<f64>)| {
            let calm = calm.get(route).filter(|calm| calm.len() >= ENOUGH_CALM);
            let known = calm.unwrap_or(seconds);
            Some((*route, quantile(&mut known.clone(), 0.5)?))
        };
        let usual: BTreeMap<u32, f64> = self.of_route.iter().filter_map(usual).collect();
        let longest = usual.values().copied().fold(0.0, f64::max);
        let routes = usual.iter().map(|(route, usual)| {
            let seconds = &self.of_route[route];
            if *usual < longest / 10.0 {
                let late = seconds
                    .iter()
                    .filter(|seconds| **seconds > 3.0 * usual + 0.1);
                return -OUT_OF_ORDER * late.count() as f64;
            }
            likelihood(seconds, calm.get(route).map_or(&[], Vec::as_slice))
        });
        routes.sum::<f64>() - OUT_OF_ORDER * self.impossible as f64
    }
}

/// The logarithm of how likely the services of one route are.
fn likelihood(services: &[f64], calm: &[f64]) -> f64 {
    // Rows do not tell less than this apart.
    let log = |seconds: &f64| (seconds + 0.02).ln();
    let mut known: Vec<f64> = calm.iter().map(log).collect();
    if known.len() < ENOUGH_CALM {
        known.extend(services.iter().map(log));
    }
    let middle = quantile(&mut known, 0.5).unwrap_or_default();
    let mut off: Vec<f64> = known.iter().map(|log| (log - middle).abs()).collect();
    // Of a normal distribution, half lies within 0.67 of its standard deviation.
    let spread = 1.48 * quantile(&mut off, 0.5).unwrap_or_default();
    let count = known.len() as f64;
    let spread = (spread.powi(2) * count + 2.0 * USUAL_SPREAD.powi(2)) / (count + 2.0);
    let spread = spread.sqrt().max(0.1);
    let each = services.iter().map(log).map(|log| {
        let normal = (-((log - middle) / spread).powi(2) / 2.0).exp();
        let lognormal = normal / (spread * std::f64::consts::TAU.sqrt() * log.exp());
        // Anything up to four times the middle.
        (0.9 * lognormal + 0.1 / (4.0 * middle.exp())).ln()
    });
    each.sum()
}

/// What each route took in calm times: the seconds of those answers that met nobody else.
fn calm(evidence: &Evidence<'_>, period: &Range<usize>) -> BTreeMap<u32, Vec<f64>> {
    let mut calm: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (at, request) in evidence.view.requests.iter().enumerate() {
        let alone = evidence.traffic.in_flight[at] == 1 && !period.contains(&at);
        if alone && !request.is_failure() {
            let of_route = calm.entry(request.route).or_default();
            if of_route.len() < FOLLOWED {
                of_route.push(request.taken());
            }
        }
    }
    calm
}

/// The middle of each route's seconds, where there are enough of them.
fn middles(seconds: &BTreeMap<u32, Vec<f64>>) -> BTreeMap<u32, f64> {
    let enough = seconds
        .iter()
        .filter(|(_, seconds)| seconds.len() >= ENOUGH_CALM);
    enough
        .filter_map(|(route, seconds)| Some((*route, quantile(&mut seconds.clone(), 0.5)?)))
        .collect()
}

/// The requests in the order in which they were served: of those that came within the same moment
/// the one whose service began first, as far as its route's usual time tells.
fn in_order(
    evidence: &Evidence<'_>,
    period: &Range<usize>,
    usual: &BTreeMap<u32, f64>,
) -> Vec<usize> {
    let requests = &evidence.view.requests;
    let began = |at: usize| {
        let request = &requests[at];
        let usual = usual.get(&request.route).filter(|_| !request.gave_up());
        ((request.end - usual.copied().unwrap_or_default()) * 1e6) as i64
    };
    let mut together = BinaryHeap::new();
    let mut coming = period.clone().peekable();
    let mut served = vec![false; period.len()];
    let mut oldest = period.start;
    let mut order = Vec::with_capacity(period.len());
    while oldest < period.end {
        let until = requests[oldest].start + SLACK;
        while let Some(at) = coming.next_if(|at| requests[*at].start <= until) {
            together.push(Reverse((began(at), at)));
        }
        let Some(Reverse((_, next))) = together.pop() else {
            break;
        };
        served[next - period.start] = true;
        order.push(next);
        while oldest < period.end && served[oldest - period.start] {
            oldest += 1;
        }
    }
    order
}
