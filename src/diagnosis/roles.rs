//! What each route was taken for, and why.

use super::evidence::Evidence;
use super::outcome::{Role, RouteRole};
use super::quote::shown;
use super::traffic::quantile;

/// Routes that are named.
const NAMED: usize = 12;

/// Seconds of own time from which a route occupies a worker.
const HELD: f64 = 0.25;

pub(super) fn roles(evidence: &Evidence<'_>) -> Vec<RouteRole> {
    let traffic = &evidence.traffic;
    let mut waits: Vec<Vec<f64>> = vec![Vec::new(); traffic.routes.len()];
    for request in &evidence.view.requests {
        let route = request.route as usize;
        waits[route].push((request.taken() - traffic.routes[route].own).max(0.0));
    }
    let mut order: Vec<usize> = (0..traffic.routes.len()).collect();
    order.sort_by_key(|number| std::cmp::Reverse(traffic.routes[*number].count));
    let thousandths = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
    order
        .into_iter()
        .take(NAMED)
        .map(|number| {
            let route = &traffic.routes[number];
            let name = evidence.view.routes[number];
            let (role, because) = role(name, route);
            let waits = &mut waits[number];
            RouteRole {
                route: shown(name),
                role,
                because,
                requests: route.count,
                server_errors: route.server_errors,
                gave_up: route.gave_up,
                own_seconds: thousandths(route.own),
                wait_median_seconds: thousandths(quantile(waits, 0.5).unwrap_or(0.0)),
                wait_longest_seconds: thousandths(quantile(waits, 1.0).unwrap_or(0.0)),
            }
        })
        .collect()
}

fn role(name: &str, route: &super::traffic::Route) -> (Role, String) {
    let lower = name.to_ascii_lowercase();
    let is_probe = ["health", "alive", "ready", "ping"]
        .iter()
        .any(|word| lower.contains(word));
    let sure = match route.own_is_sure {
        true => "of answers while hardly anything was in flight",
        false => "the least of few answers",
    };
    let because = format!("own time {:.3} s, {sure}", route.own);
    let role = match () {
        () if is_probe => Role::Probe,
        () if route.answered == 0 => Role::Unsure,
        () if route.own >= HELD => Role::Held,
        () => Role::Quick,
    };
    (role, because)
}
