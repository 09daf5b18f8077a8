//! What the HTTP table alone tells: own times, who waited behind whom, and what failed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::view::{Request, View};

/// Seconds beyond which a request is long for whoever waits for it.
const LONG: f64 = 0.25;

/// A request waited where it took so many times its route's own time, and this much more.
const WAITED_TIMES: f64 = 4.0;
const WAITED_MORE: f64 = 0.25;

/// Seconds from which a wait is felt.
const FELT: f64 = 1.0;

/// Requests of a route whose own time is known for sure.
const ENOUGH: usize = 3;

/// What is known of one route.
#[derive(Debug, Clone, Default)]
pub(super) struct Route {
    pub count: usize,
    /// Seconds that a request takes where nothing holds it up.
    pub own: f64,
    /// Whether enough unhurried requests tell so.
    pub own_is_sure: bool,
    pub failures: usize,
    pub server_errors: usize,
    pub unavailable: usize,
    pub gave_up: usize,
    pub answered: usize,
    pub waited: usize,
    pub not_found: usize,
    pub longest: f64,
}

/// Requests of other routes beside those that take long.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    /// Quick requests that came while long ones were under way, and of these the ones that waited.
    pub waited: Vec<usize>,
    /// And the ones that did not.
    pub passed: Vec<usize>,
}

/// Everything that is derived from the requests.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub routes: Vec<Route>,
    /// In flight at the arrival of each request, itself included.
    pub in_flight: Vec<u32>,
    pub most_in_flight: (u32, f64),
    pub beside: Beside,
    /// Numbers of the requests that failed.
    pub failed: Vec<usize>,
    /// Numbers of the requests that waited.
    pub waited: Vec<usize>,
    /// And of those that did so for long enough to be felt.
    pub suffered: Vec<usize>,
}

impl Traffic {
    pub fn of(view: &View<'_>) -> Traffic {
        let mut traffic = Traffic {
            routes: vec![Route::default(); view.routes.len()],
            ..Traffic::default()
        };
        traffic.sweep(&view.requests);
        traffic.own_times(&view.requests);
        traffic.count(&view.requests);
        traffic.look_beside(&view.requests);
        traffic
    }

    /// How many requests were in flight when each came.
    fn sweep(&mut self, requests: &[Request]) {
        let mut ends: Vec<f64> = requests.iter().map(|request| request.end).collect();
        ends.sort_by(f64::total_cmp);
        let mut gone = 0;
        for (at, request) in requests.iter().enumerate() {
            while ends.get(gone).is_some_and(|end| *end <= request.start) {
                gone += 1;
            }
            let here = u32::try_from((at + 1).saturating_sub(gone)).unwrap_or(u32::MAX);
            self.in_flight.push(here);
            if here > self.most_in_flight.0 {
                self.most_in_flight = (here, request.start);
            }
        }
    }

    /// The low tenth of the answers that came while hardly anything was in flight; the least of all
    /// where there are few of them.
    fn own_times(&mut self, requests: &[Request]) {
        let mut calm: Vec<Vec<f64>> = vec![Vec::new(); self.routes.len()];
        let mut least = vec![f64::INFINITY; self.routes.len()];
        for (request, in_flight) in requests.iter().zip(&self.in_flight) {
            let route = request.route as usize;
            if request.gave_up() || request.status == 0 {
                continue;
            }
            let is_answer = request.status < 500;
            if is_answer || least[route].is_infinite() {
                least[route] = least[route].min(request.taken());
            }
            if *in_flight <= 2 && is_answer {
                calm[route].push(request.taken());
            }
        }
        for (number, route) in self.routes.iter_mut().enumerate() {
            let calm = &mut calm[number];
            route.own_is_sure = calm.len() >= ENOUGH;
            route.own = match quantile(calm, 0.1) {
                Some(own) if route.own_is_sure => own,
                _ if least[number].is_finite() => least[number],
                _ => 0.0,
            };
        }
    }

    fn count(&mut self, requests: &[Request]) {
        for (at, request) in requests.iter().enumerate() {
            let route = &mut self.routes[request.route as usize];
            route.count += 1;
            route.longest = route.longest.max(request.taken());
            match request.status {
                499 => route.gave_up += 1,
                502..=504 => route.unavailable += 1,
                404 => route.not_found += 1,
                _ => {}
            }
            if request.status >= 500 {
                route.server_errors += 1;
            }
            if request.is_failure() {
                route.failures += 1;
                self.failed.push(at);
            } else {
                route.answered += 1;
            }
            if has_waited(request, route.own) {
                route.waited += 1;
                self.waited.push(at);
                if request.taken() >= FELT {
                    self.suffered.push(at);
                }
            }
        }
    }

    /// For each quick request: did long ones of other routes hold it up?
    fn look_beside(&mut self, requests: &[Request]) {
        let mut long: Vec<(f64, f64, u32)> = requests
            .iter()
            .filter(|request| request.taken() >= LONG)
            .map(|request| (request.start, request.end, request.route))
            .collect();
        long.sort_by(|a, b| a.0.total_cmp(&b.0));
        let held = self.held_own(requests);
        let mut under_way = UnderWay::new(self.routes.len());
        let mut next = 0;
        for (at, request) in requests.iter().enumerate() {
            while let Some((start, end, route)) = long.get(next)
                && *start <= request.start
            {
                under_way.add(*end, *route);
                next += 1;
            }
            under_way.drop_until(request.start);
            let route = &self.routes[request.route as usize];
            let is_quick = route.own < held / 10.0 || route.own < 0.05;
            // Of its own kind there may be any number: those are who waits with it.
            let others = under_way.others(request.route);
            if !is_quick || others < 2 || request.status == 503 {
                continue;
            }
            if has_waited(request, route.own) {
                self.beside.waited.push(at);
            } else if !request.is_failure() {
                self.beside.passed.push(at);
            }
        }
    }

    /// Seconds that the route which is held longest takes.
    fn held_own(&self, requests: &[Request]) -> f64 {
        let owns = self.routes.iter().map(|route| route.own);
        let longest = owns.fold(0.0, f64::max);
        if longest > 0.0 {
            return longest;
        }
        requests.iter().map(Request::taken).fold(0.0, f64::max)
    }

    pub fn total(&self) -> usize {
        self.in_flight.len()
    }

    /// The share of the requests that failed.
    pub fn failed_share(&self) -> f64 {
        self.failed.len() as f64 / self.total().max(1) as f64
    }
}

/// Long requests that are under way.
struct UnderWay {
    /// When each ends, in microseconds, the next first.
    ends: BinaryHeap<Reverse<(i64, u32)>>,
    of_route: Vec<usize>,
}

impl UnderWay {
    fn new(routes: usize) -> UnderWay {
        UnderWay {
            ends: BinaryHeap::new(),
            of_route: vec![0; routes],
        }
    }

    fn add(&mut self, end: f64, route: u32) {
        self.ends.push(Reverse(((end * 1e6) as i64, route)));
        self.of_route[route as usize] += 1;
    }

    fn drop_until(&mut self, now: f64) {
        while let Some(Reverse((end, route))) = self.ends.peek()
            && *end <= (now * 1e6) as i64
        {
            self.of_route[*route as usize] -= 1;
            self.ends.pop();
        }
    }

    /// How many of other routes there are.
    fn others(&self, route: u32) -> usize {
        self.ends.len() - self.of_route[route as usize]
    }
}

/// Whether a request waited, given its route's own time.
pub(super) fn has_waited(request: &Request, own: f64) -> bool {
    request.taken() > WAITED_TIMES * own + WAITED_MORE
}

/// The value below which a share of them lies; they are put in order.
pub(super) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(at).copied()
}
