//! Who served which request when, as the order of arrival and the recorded ends imply it.
//!
//! A pool takes requests in the order of their arrival, each with the first place that is free. The
//! end of an answered request is recorded; where it began to be served follows. A request whose client
//! left is served all the same: a sync worker cannot know. Its service is taken to be the median of
//! its route's, or as much of it as leaves time for the answers that came later.

use crate::encoding::line;
use crate::evidence::Bundle;
use crate::evidence::snapshot::SnapshotBody;
use crate::tables::LogTime;

use super::requests::Ending;

/// Places beyond which lanes show nothing any more.
const MOST_PLACES: usize = 16;
/// Steps from a route's median service to none.
const STEPS: u32 = 40;
/// Requests whose starts are as close as this have arrived in no order that is known.
const TOGETHER: f64 = 0.005;

/// A request with its wait and its service, in seconds since the load began.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Served {
    pub(super) route: String,
    pub(super) arrived: f64,
    pub(super) begun: f64,
    pub(super) ended: f64,
    /// When the client had its answer, or had enough.
    pub(super) client_ended: f64,
    pub(super) ending: Ending,
    pub(super) place: usize,
}

/// How many requests the pool serves at the same time, where a snapshot says so.
pub(super) fn places(bundle: &Bundle) -> Option<usize> {
    bundle
        .snapshots
        .iter()
        .find_map(|snapshot| match &snapshot.body {
            SnapshotBody::Workers(pool) => {
                let each = usize::try_from(pool.requests_at_once?).ok()?;
                let places = pool.workers.len().checked_mul(each)?;
                (1..=MOST_PLACES).contains(&places).then_some(places)
            }
            _ => None,
        })
}

/// Every request of the load that has a time; empty where one has none.
pub(super) fn serve(bundle: &Bundle, origin: LogTime, places: usize) -> Vec<Served> {
    let mut requests: Vec<Served> = bundle
        .trigger_samples()
        .filter_map(|(_, sample)| {
            let arrived = LogTime::from(sample.start?).seconds_since(origin);
            let ending = match sample.gave_up() {
                true => Ending::GaveUp,
                false => Ending::of_status(sample.status.code()),
            };
            let ended = arrived + sample.total_seconds?;
            Some(Served {
                route: line(sample.path()).into_owned(),
                arrived,
                begun: arrived,
                ended,
                client_ended: ended,
                ending,
                place: 0,
            })
        })
        .collect();
    in_order(&mut requests);
    // First without those who left, for the medians; then with them.
    place(&mut requests, places, &|_| 0.0);
    let medians = medians(&requests);
    // Those who came later and were answered say how long it can have been at most.
    for share in (0..=STEPS)
        .rev()
        .map(|step| f64::from(step) / f64::from(STEPS))
    {
        let service = |route: &str| {
            let found = medians.iter().find(|(name, _)| name == route);
            found.map_or(0.0, |(_, median)| median * share)
        };
        if place(&mut requests, places, &service) {
            break;
        }
    }
    requests
}

/// By arrival; of those that came together, in the order of their ends.
fn in_order(requests: &mut [Served]) {
    requests.sort_by(|one, other| one.arrived.total_cmp(&other.arrived));
    let together = |one: &Served, other: &Served| other.arrived - one.arrived < TOGETHER;
    for group in requests.chunk_by_mut(together) {
        let rank = |request: &Served| (!is_answered(request), request.client_ended);
        group.sort_by(|one, other| {
            let (one, other) = (rank(one), rank(other));
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
    }
}

fn is_answered(request: &Served) -> bool {
    !matches!(request.ending, Ending::GaveUp | Ending::NoAnswer)
}

/// Give every request its place and its times; whether all that is recorded can be so.
fn place(requests: &mut [Served], places: usize, service: &dyn Fn(&str) -> f64) -> bool {
    let mut is_possible = true;
    let mut free = vec![f64::NEG_INFINITY; places];
    for request in requests {
        let first = (0..places).min_by(|one, other| free[*one].total_cmp(&free[*other]));
        request.place = first.unwrap_or(0);
        request.begun = request.arrived.max(free[request.place]);
        match is_answered(request) {
            // What is recorded counts for more than what follows.
            true => {
                is_possible &= request.begun <= request.client_ended;
                request.begun = request.begun.min(request.client_ended);
            }
            false => request.ended = request.begun + service(&request.route),
        }
        free[request.place] = request.ended;
    }
    is_possible
}

fn medians(requests: &[Served]) -> Vec<(String, f64)> {
    let mut routes: Vec<(String, Vec<f64>)> = Vec::new();
    for request in requests.iter().filter(|request| is_answered(request)) {
        let service = request.ended - request.begun;
        match routes.iter_mut().find(|(name, _)| *name == request.route) {
            Some((_, services)) => services.push(service),
            None => routes.push((request.route.clone(), vec![service])),
        }
    }
    let middle = |mut services: Vec<f64>| {
        services.sort_by(f64::total_cmp);
        services.get(services.len() / 2).copied().unwrap_or(0.0)
    };
    routes
        .into_iter()
        .map(|(name, services)| (name, middle(services)))
        .collect()
}

/// How many requests wait after each moment at which that changes.
pub(super) fn waiting(requests: &[Served]) -> Vec<(f64, f64)> {
    let mut changes: Vec<(f64, f64)> = requests
        .iter()
        .flat_map(|request| [(request.arrived, 1.0), (request.begun, -1.0)])
        .collect();
    // Who is served at once never waits.
    changes.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let mut now = 0.0;
    changes
        .into_iter()
        .map(|(at, change)| {
            now += change;
            (at, f64::max(now, 0.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(route: &str, arrived: f64, client_ended: f64, ending: Ending) -> Served {
        Served {
            route: route.to_owned(),
            arrived,
            begun: arrived,
            ended: client_ended,
            client_ended,
            ending,
            place: 0,
        }
    }

    #[test]
    fn who_comes_while_all_are_busy_waits_and_who_left_is_served_all_the_same() {
        let mut requests = vec![
            request("/slow", 0.0, 5.0, Ending::Answered),
            request("/slow", 1.0, 10.0, Ending::Answered),
            request("/fast", 2.0, 3.0, Ending::GaveUp),
            request("/slow", 3.0, 15.0, Ending::Answered),
        ];
        in_order(&mut requests);
        place(&mut requests, 1, &|route| {
            if route == "/fast" { 0.5 } else { 5.0 }
        });
        let begun: Vec<f64> = requests.iter().map(|request| request.begun).collect();
        assert_eq!(begun, [0.0, 5.0, 10.0, 10.5]);
        assert_eq!(requests[2].ended, 10.5, "long after its client left");
        let most = waiting(&requests).into_iter().map(|(_, count)| count);
        assert_eq!(most.fold(0.0, f64::max), 3.0);
        assert_eq!(
            waiting(&requests).last().map(|(_, count)| *count),
            Some(0.0)
        );
    }

    #[test]
    fn an_answer_that_came_later_bounds_what_was_served_before_it() {
        let mut requests = vec![
            request("/slow", 0.0, 5.0, Ending::Answered),
            request("/slow", 1.0, 2.0, Ending::GaveUp),
            request("/fast", 6.0, 7.0, Ending::Answered),
        ];
        assert!(!place(&mut requests, 1, &|_| 5.0), "7 s are before 10 s");
        assert!(place(&mut requests, 1, &|_| 1.5));
        assert_eq!(requests[2].begun, 6.5);
    }

    #[test]
    fn of_those_that_came_together_the_first_to_end_was_the_first_to_be_served() {
        let mut requests = vec![
            request("/b", 0.0, 4.0, Ending::Answered),
            request("/c", 0.001, 1.0, Ending::GaveUp),
            request("/a", 0.002, 2.0, Ending::Answered),
        ];
        in_order(&mut requests);
        let order: Vec<&str> = requests.iter().map(|request| &*request.route).collect();
        assert_eq!(order, ["/a", "/b", "/c"]);
        place(&mut requests, 2, &|_| 1.0);
        let places: Vec<usize> = requests.iter().map(|request| request.place).collect();
        assert_eq!(places, [0, 1, 0]);
    }
}
