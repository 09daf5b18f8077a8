//! The status mix: one bar a route.

use maud::html;

use super::frame::{Chart, Frame, chart, cut, px};
use super::requests::Ending;
use crate::verdict::Verdict;

/// Height of one route's bar with its space.
const ROW: f64 = 34.0;

/// Signs of a route that have room beside its bar; the description has all of them.
const ROUTE: usize = 11;

/// Width of a sign in a bar on a narrow screen; a number without room is left to the description.
const SIGN: f64 = 10.0;

/// How the requests of each route ended; `None` without samples.
pub(super) fn status_mix(verdict: &Verdict) -> Option<Chart> {
    if verdict.routes.is_empty() {
        return None;
    }
    let height = 12.0 + ROW * verdict.routes.len() as f64;
    let frame = Frame::new(130.0, 8.0, height);
    let plot = html! {
        @for (at, route) in verdict.routes.iter().enumerate() {
            @let top = frame.top + at as f64 * ROW;
            @let total: usize = route.statuses.iter().map(|(_, count)| count).sum();
            text class="tick" x=(px(frame.left - 8.0)) y=(px(top + 18.0)) text-anchor="end" { (cut(&route.route, ROUTE)) }
            @for part in parts(&route.statuses, route.gave_up, total) {
                @let (from, to) = (frame.x(part.from), frame.x(part.to));
                rect class={ "bar " (part.ending.class()) } x=(px(from)) y=(px(top)) width=(px(to - from)) height="24" {
                    title { (part.label) }
                }
                @if to - from >= SIGN * part.label.chars().count() as f64 {
                    text class="on-bar" x=(px((from + to) / 2.0)) y=(px(top + 16.5)) text-anchor="middle" { (part.label) }
                }
            }
        }
    };
    let words: Vec<String> = verdict
        .routes
        .iter()
        .map(|route| {
            let total: usize = route.statuses.iter().map(|(_, count)| count).sum();
            let labels: Vec<String> = parts(&route.statuses, route.gave_up, total)
                .into_iter()
                .map(|part| part.label)
                .collect();
            format!("{}: {}", route.route, labels.join(", "))
        })
        .collect();
    let description = format!("{}. 000 is a request without an answer.", words.join("; "));
    Some(chart(
        "mix",
        "How the requests of each route ended",
        &description,
        height + 4.0,
        plot,
    ))
}

struct Part {
    from: f64,
    to: f64,
    ending: Ending,
    label: String,
}

/// The parts of one bar, from the left; requests without an answer apart by whether the client
/// gave up.
fn parts(statuses: &[(String, usize)], gave_up: usize, total: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 0.0;
    let mut push = |ending: Ending, label: String, count: usize| {
        if count == 0 {
            return;
        }
        let to = from + count as f64 / total as f64;
        parts.push(Part {
            from,
            to,
            ending,
            label,
        });
        from = to;
    };
    for (status, count) in statuses.iter().filter(|(status, _)| status != "000") {
        let ending = Ending::of_status(status.parse().unwrap_or(0));
        push(ending, format!("{count} x {status}"), *count);
    }
    let none = statuses
        .iter()
        .find(|(status, _)| status == "000")
        .map_or(0, |(_, count)| *count);
    push(
        Ending::GaveUp,
        format!("{gave_up} gave up"),
        gave_up.min(none),
    );
    push(
        Ending::NoAnswer,
        format!("{} x 000", none.saturating_sub(gave_up)),
        none.saturating_sub(gave_up),
    );
    parts
}
