//! Requests in flight, waits, failures and events on one axis.

use super::evidence::Evidence;
use super::outcome::{Event, Timeline};
use super::quote::Cited;
use super::scan::Landmark;
use crate::tables::LogTime;

/// Steps of the axis: what a terminal of 80 columns shows beside its labels.
const STEPS: usize = 60;

/// Events that are named.
const EVENTS: usize = 12;

pub(super) fn timeline(evidence: &Evidence<'_>) -> Timeline {
    let Some((from, to)) = axis(evidence) else {
        return Timeline::default();
    };
    let span = to.seconds_since(from).max(0.001);
    let step = span / STEPS as f64;
    let origin = evidence.view.second(from);
    let step_of = |second: f64| (((second - origin) / step) as usize).min(STEPS - 1);
    let mut timeline = Timeline {
        from: from.to_string(),
        step_seconds: (step * 1000.0).round() / 1000.0,
        in_flight: vec![0; STEPS],
        longest_wait: vec![0.0; STEPS],
        failures: vec![0; STEPS],
        events: Vec::new(),
    };
    // How many more, or fewer, were there for a whole step than for the one before.
    let mut present = vec![0_i64; STEPS + 1];
    for (at, request) in evidence.view.requests.iter().enumerate() {
        if request.end < origin || request.start > origin + span {
            continue;
        }
        let came = step_of(request.start.max(origin));
        let here = &mut timeline.in_flight[came];
        *here = (*here).max(evidence.traffic.in_flight[at]);
        let left = step_of(request.end.min(origin + span));
        if left > came {
            present[came + 1] += 1;
            present[left] -= 1;
        }
        let own = evidence.traffic.routes[request.route as usize].own;
        let wait = (request.taken() - own).max(0.0);
        let longest = &mut timeline.longest_wait[came];
        *longest = longest.max((wait * 1000.0).round() / 1000.0);
        if request.is_failure() {
            timeline.failures[step_of(request.end)] += 1;
        }
    }
    let mut whole = 0;
    for (here, more) in timeline.in_flight.iter_mut().zip(present) {
        whole += more;
        *here = (*here).max(u32::try_from(whole).unwrap_or(0));
    }
    events(evidence, &mut timeline, origin, span, &step_of);
    timeline
}

/// The main window with some time around it; without one, all that has a time.
fn axis(evidence: &Evidence<'_>) -> Option<(LogTime, LogTime)> {
    if let Some(window) = evidence.windows.main() {
        let around = (window.to.seconds_since(window.from) * 0.1).clamp(1.0, 300.0);
        return Some((
            window.from.plus_seconds(-around),
            window.to.plus_seconds(around),
        ));
    }
    let lines = evidence.view.lines.iter().filter_map(|line| line.time);
    let requests = &evidence.view.requests;
    let requests = requests
        .iter()
        .flat_map(|request| [request.start, request.end])
        .map(|second| evidence.view.moment(second));
    let (mut from, mut to): (Option<LogTime>, Option<LogTime>) = (None, None);
    for time in lines.chain(requests) {
        from = Some(from.map_or(time, |from| from.min(time)));
        to = Some(to.map_or(time, |to| to.max(time)));
    }
    Some((from?, to?))
}

fn events(
    evidence: &Evidence<'_>,
    timeline: &mut Timeline,
    origin: f64,
    span: f64,
    step_of: &impl Fn(f64) -> usize,
) {
    let signs = evidence.scan.landmarks.iter().map(|(line, landmark)| {
        let sign = match landmark {
            Landmark::Begin | Landmark::Banner => 'S',
            Landmark::Ready => 'R',
            Landmark::Stopping => 'T',
            Landmark::Swap => 'W',
            Landmark::Unhealthy => 'U',
            _ => 'F',
        };
        (*line, sign)
    });
    let decisive = evidence.first_decisive.iter().map(|line| (*line, 'E'));
    let mut all: Vec<(u32, char)> = signs.chain(decisive).collect();
    all.sort_unstable();
    for (number, sign) in all {
        let Some(line) = evidence.view.lines.get(number as usize) else {
            continue;
        };
        let Some(time) = line.time else { continue };
        let second = evidence.view.second(time);
        if !(origin..=origin + span).contains(&second) {
            continue;
        }
        let step = step_of(second);
        let is_known = timeline
            .events
            .iter()
            .any(|event| event.sign == sign && event.step.abs_diff(step) <= 1);
        if !is_known && timeline.events.len() < EVENTS {
            let row = Cited::line(&evidence.view, line);
            timeline.events.push(Event { step, sign, row });
        }
    }
}
