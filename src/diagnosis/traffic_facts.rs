//! Derived observations about waiting.

use super::evidence::Evidence;
use super::facts::{Fact, Seen};
use super::quote::Cited;
use super::traffic::quantile;
use super::view::Request;

/// Requests from which traffic can be called well or ill.
const ENOUGH: usize = 5;

/// Requests that are quoted.
const QUOTED: usize = 3;

pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    let traffic = &evidence.traffic;
    if traffic.total() == 0 {
        return Seen::unknown();
    }
    match fact {
        Fact::EnoughRequests => Seen::of(traffic.total() >= ENOUGH),
        Fact::TrafficHealthy => healthy(evidence),
        Fact::ServerErrors => with_status(evidence, |request| request.status >= 500),
        Fact::ClientsGaveUp => with_status(evidence, Request::gave_up),
        Fact::GaveUpAtALimit => at_a_limit(evidence),
        Fact::QuickWaited => beside(evidence, true),
        Fact::QuickPassed => beside(evidence, false),
        Fact::OneRouteQueues => one_route(evidence),
        Fact::GrowsSlower => grows(evidence),
        Fact::SlowAlone => slow_alone(evidence),
        Fact::FrontEndLimit => with_status(evidence, |request| {
            request.is_failure() && (228.0..=245.0).contains(&request.taken())
        }),
        Fact::HealthPathFails => health_path(evidence),
        _ => Seen::unknown(),
    }
}

fn quoted(evidence: &Evidence<'_>, numbers: &[usize]) -> Vec<Cited> {
    let few = numbers.iter().take(QUOTED);
    few.filter_map(|at| Cited::request(&evidence.view, *at))
        .collect()
}

fn with_status(evidence: &Evidence<'_>, is_one: impl Fn(&Request) -> bool) -> Seen {
    let requests = evidence.inside();
    let found: Vec<usize> = requests
        .filter(|at| is_one(&evidence.view.requests[*at]))
        .take(QUOTED)
        .collect();
    Seen::of(!found.is_empty()).with(quoted(evidence, &found))
}

fn healthy(evidence: &Evidence<'_>) -> Seen {
    let traffic = &evidence.traffic;
    if traffic.total() < ENOUGH {
        return Seen::unknown();
    }
    let total = traffic.total() as f64;
    let waited = traffic.suffered.len() as f64 / total;
    let few = traffic.failed.len() <= 1 || traffic.failed_share() < 0.01;
    // One slow or failed request among few is no incident.
    let hardly = traffic.suffered.len() <= 2 || waited < 0.02;
    let ill_route = traffic
        .routes
        .iter()
        .any(|route| route.failures >= 3 && route.failures * 4 >= route.count);
    let first = evidence.view.requests.first().map(|_| 0);
    Seen::of(few && hardly && !ill_route).with(quoted(evidence, first.as_slice()))
}

/// Half of those who gave up, or more, did so after the same time, for each of one or two times.
fn at_a_limit(evidence: &Evidence<'_>) -> Seen {
    let mut taken: Vec<(f64, usize)> = evidence
        .inside()
        .map(|at| (at, &evidence.view.requests[at]))
        .filter(|(_, request)| request.gave_up())
        .map(|(at, request)| (request.taken(), at))
        .collect();
    if taken.len() < 3 {
        return Seen::of(false);
    }
    taken.sort_by(|a, b| a.0.total_cmp(&b.0));
    let piles = taken.chunk_by(|a, b| b.0 - a.0 <= 0.01 * b.0 + 0.005);
    let piled: Vec<&[(f64, usize)]> = piles.filter(|pile| pile.len() >= 3).collect();
    let in_piles: usize = piled.iter().map(|pile| pile.len()).sum();
    let shown: Vec<usize> = piled
        .iter()
        .filter_map(|pile| Some(pile.first()?.1))
        .collect();
    Seen::of(in_piles * 2 >= taken.len()).with(quoted(evidence, &shown))
}

fn beside(evidence: &Evidence<'_>, waited: bool) -> Seen {
    let beside = &evidence.traffic.beside;
    let all = beside.waited.len() + beside.passed.len();
    if all < 3 {
        return Seen::unknown();
    }
    let share = beside.waited.len() as f64 / all as f64;
    match waited {
        true => Seen::of(share >= 0.3).with(quoted(evidence, &beside.waited)),
        false => Seen::of(share <= 0.1).with(quoted(evidence, &beside.passed)),
    }
}

/// Where there is but one kind of request: the more are under way, the longer each takes.
fn one_route(evidence: &Evidence<'_>) -> Seen {
    let traffic = &evidence.traffic;
    let mut crowded = Vec::new();
    let mut calm = Vec::new();
    for at in evidence.inside() {
        let request = &evidence.view.requests[at];
        if request.is_failure() && !request.gave_up() {
            continue;
        }
        let own = traffic.routes[request.route as usize].own.max(0.001);
        let times = request.taken() / own;
        match traffic.in_flight[at] {
            0..=2 => calm.push(times),
            8.. => crowded.push((times, at)),
            _ => {}
        }
    }
    if crowded.len() < 8 {
        return Seen::unknown();
    }
    let mut times: Vec<f64> = crowded.iter().map(|(times, _)| *times).collect();
    let middle = quantile(&mut times, 0.5).unwrap_or(0.0);
    let unhurried = quantile(&mut calm, 0.5).unwrap_or(1.0);
    let shown: Vec<usize> = crowded.iter().rev().map(|(_, at)| *at).collect();
    Seen::of(middle > 2.5 * unhurried).with(quoted(evidence, &shown))
}

/// The later half of a route's answers takes three times what the first fifth took, with the same
/// number under way.
fn grows(evidence: &Evidence<'_>) -> Seen {
    let mut by_route: Vec<Vec<usize>> = vec![Vec::new(); evidence.view.routes.len()];
    for (at, request) in evidence.view.requests.iter().enumerate() {
        if !request.is_failure() {
            by_route[request.route as usize].push(at);
        }
    }
    let taken = |numbers: &[usize]| {
        let mut taken: Vec<f64> = numbers
            .iter()
            .map(|at| evidence.view.requests[*at].taken())
            .collect();
        quantile(&mut taken, 0.75)
    };
    let mut any = false;
    for numbers in by_route.iter().filter(|numbers| numbers.len() >= 20) {
        any = true;
        let (first, later) = (&numbers[..numbers.len() / 5], &numbers[numbers.len() / 2..]);
        let (Some(before), Some(after)) = (taken(first), taken(later)) else {
            continue;
        };
        if after > 0.2 && after > 3.0 * before {
            let shown = [first.first(), later.last()];
            let shown: Vec<usize> = shown.into_iter().flatten().copied().collect();
            return Seen::of(true).with(quoted(evidence, &shown));
        }
    }
    match any {
        true => Seen::of(false),
        false => Seen::unknown(),
    }
}

/// Answers that took long though nothing else was under way: no queue explains them.
fn slow_alone(evidence: &Evidence<'_>) -> Seen {
    let traffic = &evidence.traffic;
    let alone = |at: &&usize| {
        let request = &evidence.view.requests[**at];
        let own = traffic.routes[request.route as usize].own;
        traffic.in_flight[**at] == 1 && !request.is_failure() && request.taken() > 8.0 * own
    };
    let found: Vec<usize> = traffic.suffered.iter().filter(alone).copied().collect();
    Seen::of(found.len() >= 5).with(quoted(evidence, &found))
}

/// A path whose name says health check is never answered 2xx, and others are.
fn health_path(evidence: &Evidence<'_>) -> Seen {
    let is_check = |route: &str| {
        let lower = route.to_ascii_lowercase();
        ["health", "alive", "ping", "status", "ready", "probe"]
            .iter()
            .any(|word| lower.contains(word))
    };
    let traffic = &evidence.traffic;
    let mut others = (0, 0);
    let mut failing = None;
    for (number, route) in traffic.routes.iter().enumerate() {
        let name = evidence.view.routes[number];
        let refused = route.not_found;
        if is_check(name) && route.count >= 3 && refused == route.count {
            failing = Some(number);
        } else {
            others.0 += route.count;
            others.1 += route.answered;
        }
    }
    let well = others.0 > 0 && others.1 * 10 >= others.0 * 7;
    let rows: Vec<usize> = (0..evidence.view.requests.len())
        .filter(|at| Some(evidence.view.requests[*at].route as usize) == failing)
        .take(QUOTED)
        .collect();
    Seen::of(failing.is_some() && well).with(quoted(evidence, &rows))
}
