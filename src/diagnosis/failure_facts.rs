//! Derived observations about which requests fail, and how.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::facts::{Fact, Seen};
use super::quote::Cited;
use super::restart_facts::seen_at;
use super::traffic::quantile;

/// Failures of a route from which it counts as failing.
const FAILS: usize = 3;

/// Seconds within which an answer came at once.
const AT_ONCE: f64 = 1.0;

/// Requests that are quoted.
const QUOTED: usize = 3;

/// What a route did in the time of the trouble.
#[derive(Debug, Clone, Default)]
struct Here {
    count: usize,
    errors: Vec<usize>,
    answered: usize,
}

pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    if evidence.traffic.total() == 0 {
        return Seen::unknown();
    }
    let here = routes_here(evidence);
    match fact {
        Fact::FewRoutesFail => few_fail(evidence, &here),
        Fact::FailSlowly => how_long(evidence, &here, true),
        Fact::FailAtOnce => how_long(evidence, &here, false),
        Fact::FailInPart => in_part(evidence, &here),
        Fact::NearlyAllFail => nearly_all(evidence, &here),
        Fact::OnlyLivenessAnswers => only_liveness(evidence, &here),
        Fact::FailWith503 => with_503(evidence, &here),
        Fact::OutageBand => outage(evidence),
        Fact::LostConnections => lost(evidence, &here),
        Fact::FailingAfterRestart => after_restart(evidence, &here),
        Fact::FailingWereWell => were_well(evidence, &here),
        Fact::FailAtOneDuration => one_duration(evidence, &here),
        _ => Seen::unknown(),
    }
}

fn routes_here(evidence: &Evidence<'_>) -> Vec<Here> {
    let mut here = vec![Here::default(); evidence.view.routes.len()];
    for at in evidence.inside() {
        let request = &evidence.view.requests[at];
        let route = &mut here[request.route as usize];
        route.count += 1;
        if request.status >= 500 {
            route.errors.push(at);
        } else if (200..400).contains(&request.status) {
            route.answered += 1;
        }
    }
    here
}

fn is_failing(route: &Here) -> bool {
    route.errors.len() >= FAILS && route.errors.len() * 5 >= route.count
}

fn quoted(evidence: &Evidence<'_>, numbers: &[usize]) -> Vec<Cited> {
    let few = numbers.iter().take(QUOTED);
    few.filter_map(|at| Cited::request(&evidence.view, *at))
        .collect()
}

fn errors_of_failing(here: &[Here]) -> Vec<usize> {
    let failing = here.iter().filter(|route| is_failing(route));
    failing.flat_map(|route| route.errors.clone()).collect()
}

fn few_fail(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let errors = errors_of_failing(here);
    let rest = here.iter().filter(|route| !is_failing(route));
    let (count, failed) = rest.fold((0, 0), |(count, failed), route| {
        (count + route.count, failed + route.errors.len())
    });
    let others_well = count >= 3 && failed * 20 <= count;
    Seen::of(!errors.is_empty() && others_well).with(quoted(evidence, &errors))
}

/// How long those that fail take, beside what the quickest route takes.
fn how_long(evidence: &Evidence<'_>, here: &[Here], slowly: bool) -> Seen {
    let errors = errors_of_failing(here);
    let mut taken: Vec<f64> = errors
        .iter()
        .map(|at| evidence.view.requests[*at].taken())
        .collect();
    let Some(middle) = quantile(&mut taken, 0.5) else {
        return Seen::of(false);
    };
    let met = match slowly {
        true => middle >= 1.0,
        false => middle < 0.3,
    };
    Seen::of(met).with(quoted(evidence, &errors))
}

fn in_part(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let mut failing = here.iter().filter(|route| is_failing(route)).peekable();
    if failing.peek().is_none() {
        return Seen::of(false);
    }
    let partly = failing.find(|route| route.answered * 5 >= route.count);
    let errors = partly.map(|route| route.errors.clone()).unwrap_or_default();
    Seen::of(!errors.is_empty()).with(quoted(evidence, &errors))
}

/// The routes that fail were answered before, several times, and none of them failed by then.
fn were_well(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let requests = &evidence.view.requests;
    let errors = errors_of_failing(here);
    let first = errors.iter().map(|at| requests[*at].end);
    let first = first.fold(f64::INFINITY, f64::min);
    let routes: BTreeSet<u32> = errors.iter().map(|at| requests[*at].route).collect();
    let before: Vec<usize> = (0..requests.len())
        .filter(|at| routes.contains(&requests[*at].route) && requests[*at].end < first)
        .collect();
    let well = before.iter().filter(|at| !requests[**at].is_failure());
    let met = well.count() >= FAILS && before.iter().all(|at| !requests[*at].is_failure());
    Seen::of(met).with(quoted(evidence, &before))
}

/// A start between the failures, and the first request to the failing routes behind it fails again.
fn after_restart(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let requests = &evidence.view.requests;
    let errors = errors_of_failing(here);
    let first = errors.iter().map(|at| requests[*at].end);
    let first = first.fold(f64::INFINITY, f64::min);
    let routes: BTreeSet<u32> = errors.iter().map(|at| requests[*at].route).collect();
    let asked: Vec<usize> = (0..requests.len())
        .filter(|at| routes.contains(&requests[*at].route))
        .collect();
    let again = evidence.starts.iter().find_map(|start| {
        let began = evidence.view.second(start.began?);
        let next = asked.partition_point(|at| requests[*at].start <= began);
        let next = *asked.get(next)?;
        let fails_again = first < began && requests[next].status >= 500;
        fails_again.then_some((next, start.lines.0))
    });
    seen_at(evidence, again)
}

fn nearly_all(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let count: usize = here.iter().map(|route| route.count).sum();
    let answered: usize = here.iter().map(|route| route.answered).sum();
    let errors = errors_of_failing(here);
    Seen::of(count >= FAILS && answered * 10 <= count).with(quoted(evidence, &errors))
}

fn with_503(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let errors = errors_of_failing(here);
    let refused = errors
        .iter()
        .filter(|at| evidence.view.requests[**at].status == 503)
        .count();
    let met = !errors.is_empty() && refused * 10 >= errors.len() * 9;
    Seen::of(met).with(quoted(evidence, &errors))
}

/// Refusals in a row, in the order in which they ended, with an answer of the same route before: of two
/// routes or more, for a site that is away refuses whatever it is asked, or with an answer after them
/// and hardly a refusal beside: a route that fails now and then has some in a row by chance.
fn outage(evidence: &Evidence<'_>) -> Seen {
    let requests = &evidence.view.requests;
    let mut order: Vec<usize> = evidence.inside().collect();
    order.sort_by(|a, b| requests[*a].end.total_cmp(&requests[*b].end));
    let is_refusal = |at: &usize| {
        let request = &requests[*at];
        matches!(request.status, 502 | 503) && request.taken() < 10.0
    };
    let refused: Vec<&[usize]> = order
        .chunk_by(|a, b| is_refusal(a) == is_refusal(b))
        .filter(|run| run.first().is_some_and(is_refusal))
        .collect();
    let longest = refused.iter().max_by_key(|run| run.len());
    let longest = longest.copied().unwrap_or_default();
    let in_a_row: usize = refused
        .iter()
        .map(|run| run.len())
        .filter(|length| *length >= FAILS)
        .sum();
    let in_all: usize = refused.iter().map(|run| run.len()).sum();
    let Some(first) = longest.first() else {
        return Seen::of(false);
    };
    let begin = requests[*first].start;
    let end = longest.last().map_or(0.0, |at| requests[*at].end);
    let routes: BTreeSet<u32> = longest.iter().map(|at| requests[*at].route).collect();
    let mut answered = requests
        .iter()
        .filter(|request| routes.contains(&request.route) && (200..400).contains(&request.status));
    let well_before = answered.clone().any(|request| request.end < begin);
    let well_after = answered.any(|request| request.start > end);
    let is_alone = in_a_row * 2 > in_all;
    let met =
        longest.len() >= FAILS && well_before && (routes.len() >= 2 || well_after && is_alone);
    Seen::of(met).with(quoted(evidence, longest))
}

/// Answers of 502 that came at once, on routes that answer three in four, while others that came within
/// the same second were answered: a site that is away answers nobody.
fn lost(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let requests = &evidence.view.requests;
    let is_rare = |at: usize| {
        let route = &here[requests[at].route as usize];
        route.errors.len() * 4 <= route.count && route.answered >= FAILS
    };
    let inside = evidence.inside();
    let lost: Vec<usize> = inside
        .clone()
        .filter(|at| requests[*at].status == 502 && requests[*at].taken() < AT_ONCE)
        .collect();
    // In the order in which they came.
    let answered: Vec<f64> = inside
        .filter(|at| (200..400).contains(&requests[*at].status))
        .map(|at| requests[at].start)
        .collect();
    let among = |at: &&usize| {
        let came = requests[**at].start;
        let before = answered.partition_point(|start| *start < came - 1.0);
        let after = answered.partition_point(|start| *start <= came + 1.0);
        after > before
    };
    let among_answers = lost.iter().filter(among).count();
    let all_rare = lost.iter().all(|at| is_rare(*at));
    let met = lost.len() >= 2 && all_rare && among_answers * 4 >= lost.len() * 3;
    Seen::of(met).with(quoted(evidence, &lost))
}

/// One route is answered throughout, and the others, two or more requests of each, are 503 at once.
fn only_liveness(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let alive = here
        .iter()
        .filter(|route| route.count >= 3 && route.answered == route.count);
    let quick = |at: &usize| {
        let request = &evidence.view.requests[*at];
        request.status == 503 && request.taken() < 0.3
    };
    let dead: Vec<&Here> = here
        .iter()
        .filter(|route| route.count >= 2 && route.errors.len() * 10 >= route.count * 9)
        .filter(|route| route.errors.iter().all(quick))
        .collect();
    let others = here.iter().filter(|route| route.count >= 2).count();
    let alive = alive.count();
    let errors: Vec<usize> = dead.iter().flat_map(|route| route.errors.clone()).collect();
    let met = alive >= 1 && errors.len() >= FAILS && dead.len() * 2 >= others && alive <= 2;
    Seen::of(met).with(quoted(evidence, &errors))
}

/// Failures whose durations lie within a tenth of each other, at twenty seconds or more.
fn one_duration(evidence: &Evidence<'_>, here: &[Here]) -> Seen {
    let errors: Vec<usize> = here.iter().flat_map(|route| route.errors.clone()).collect();
    let mut long: Vec<(f64, usize)> = errors
        .iter()
        .map(|at| (evidence.view.requests[*at].taken(), *at))
        .filter(|(taken, _)| (20.0..228.0).contains(taken))
        .collect();
    long.sort_by(|a, b| a.0.total_cmp(&b.0));
    let pile = long
        .chunk_by(|a, b| b.0 - a.0 <= 0.05 * b.0)
        .max_by_key(|pile| pile.len());
    let pile: Vec<usize> = pile.unwrap_or_default().iter().map(|(_, at)| *at).collect();
    let met = pile.len() >= 2 && pile.len() * 2 >= errors.len();
    Seen::of(met).with(quoted(evidence, &pile))
}
