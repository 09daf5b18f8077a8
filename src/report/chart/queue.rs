//! Saturation: who worked on what, how long each request waited, and how long the queue was.

use maud::{Markup, html};

use super::frame::{Chart, Frame, WIDTH, chart, elapsed, px};
use super::lanes::{Served, places, serve, waiting};
use super::requests::Ending;
use super::routes::Routes;
use super::scale::{Scale, duration};
use crate::evidence::Bundle;
use crate::evidence::snapshot::SnapshotBody;
use crate::tables::LogTime;
use crate::verdict::Verdict;

const LANE: f64 = 20.0;
const QUEUE: f64 = 70.0;
const GAP: f64 = 30.0;
/// Height of all requests together, and of one of them.
const REQUESTS: f64 = 260.0;
const ROW: (f64, f64) = (2.5, 9.0);
/// Requests beyond which rows are too thin to read.
const MOST_ROWS: usize = 100;
const LEFT: f64 = 68.0;

/// Lanes, requests and queue; `None` where nothing waited or the pool's size is not known.
pub(super) fn queue(verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    let origin = verdict.window.start?;
    let places = places(bundle)?;
    let requests = serve(bundle, origin, places);
    let length = waiting(&requests);
    let most = length.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    let measured = measured(bundle, origin);
    if most < 1.0 {
        return None;
    }
    let routes = Routes::of(requests.iter().map(|request| request.route.as_str()));
    let last = requests
        .iter()
        .map(|request| request.ended.max(request.client_ended))
        .fold(1.0, f64::max);
    let x = Scale::Linear(0.0, last * 1.01);
    let (legend, top) = legend(&routes, &requests);
    let lanes = Frame::new(LEFT, top, top + LANE * places as f64);
    let row = (REQUESTS / requests.len() as f64).clamp(ROW.0, ROW.1);
    let rows = match requests.len() <= MOST_ROWS {
        true => row * requests.len() as f64,
        false => 0.0,
    };
    let top = lanes.bottom + GAP;
    let each = Frame::new(LEFT, top, top + rows);
    let top = if rows > 0.0 { each.bottom + GAP } else { top };
    let queue = Frame::new(LEFT, top, top + QUEUE);
    let plot = html! {
        (legend)
        (workers(&lanes, &requests, &routes, x, places))
        @if rows > 0.0 { (waits(&each, &requests, &routes, x, row)) }
        (line(&queue, &length, &measured, most, x))
        (queue.x_axis(x, "seconds since the load began", elapsed))
    };
    let words = words(&requests, most, &measured, places);
    let title = "Who worked, who waited, and how long the queue was";
    Some(chart("queue", title, &words, queue.bottom + 42.0, plot))
}

/// What the looks and marks mean, in one row or two, and where the lanes below it begin.
fn legend(routes: &Routes, requests: &[Served]) -> (Markup, f64) {
    /// Width of what is no route.
    const MARKS: f64 = 240.0;
    /// Height of a row, and of the first one with what stands below the last.
    const NEXT: f64 = 20.0;
    const FIRST: f64 = 44.0;
    let right = WIDTH - 12.0;
    let (looks, after) = routes.legend(LEFT, right, 18.0);
    let (x, down) = match after + MARKS > right {
        true => (LEFT, NEXT),
        false => (after, 0.0),
    };
    let left = requests
        .iter()
        .any(|request| request.ending == Ending::GaveUp);
    let markup = html! {
        (looks)
        line class="wait" x1=(px(x)) x2=(px(x + 16.0)) y1=(px(down + 14.0)) y2=(px(down + 14.0)) {}
        text class="legend" x=(px(x + 21.0)) y=(px(down + 18.0)) { "waits" }
        @if left {
            (Ending::GaveUp.mark(x + 84.0, down + 14.0, None))
            text class="legend" x=(px(x + 94.0)) y=(px(down + 18.0)) { "client gave up" }
        }
    };
    (markup, FIRST + down)
}

fn workers(frame: &Frame, requests: &[Served], routes: &Routes, x: Scale, places: usize) -> Markup {
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) { "workers" }
        @for place in 0..places {
            @let top = frame.top + place as f64 * LANE;
            text class="tick" x=(px(frame.left - 6.0)) y=(px(top + 13.0)) text-anchor="end" { (place + 1) }
            line class="grid" x1=(px(frame.left)) x2=(px(frame.right)) y1=(px(top + 9.0)) y2=(px(top + 9.0)) {}
            @for request in requests.iter().filter(|request| request.place == place) {
                @let span = (frame.x(x.place(request.begun)), frame.x(x.place(request.ended)));
                (Routes::bar(routes.number(&request.route), span, (top + 2.0, LANE - 5.0), &told(request)))
            }
        }
    }
}

fn waits(frame: &Frame, requests: &[Served], routes: &Routes, x: Scale, row: f64) -> Markup {
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) { "requests, in the order of their arrival" }
        @for (number, request) in requests.iter().enumerate() {
            @let top = frame.top + number as f64 * row;
            @let middle = top + row / 2.0;
            @let at = |seconds: f64| frame.x(x.place(seconds));
            line class="wait" x1=(px(at(request.arrived))) x2=(px(at(request.begun))) y1=(px(middle)) y2=(px(middle)) {}
            @let span = (at(request.begun), at(request.ended));
            (Routes::bar(routes.number(&request.route), span, (top, row), &told(request)))
            @if !matches!(request.ending, Ending::Answered | Ending::OtherAnswer) {
                (request.ending.mark(at(request.client_ended), middle, None))
            }
        }
    }
}

fn line(
    frame: &Frame,
    length: &[(f64, f64)],
    measured: &[(f64, f64)],
    most: f64,
    x: Scale,
) -> Markup {
    let highest = measured
        .iter()
        .map(|(_, count)| *count)
        .fold(most, f64::max);
    let y = Scale::from_zero(highest);
    let mut path = format!("M{} {}", px(frame.left), px(frame.bottom));
    for (at, count) in length {
        let (right, up) = (frame.x(x.place(*at)), frame.y(y.place(*count)));
        path.push_str(&format!("H{}V{}", px(right), px(up)));
    }
    path.push_str(&format!("H{}", px(frame.right)));
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) {
            "accept queue, connections" @if !measured.is_empty() { "; dots: as the kernel had it" }
        }
        (frame.y_axis(y, |tick| format!("{tick:.0}")))
        path class="line queue" d=(path) {}
        @for (at, count) in measured.iter().filter(|(at, _)| *at >= 0.0) {
            circle class="point queue" cx=(px(frame.x(x.place(*at)))) cy=(px(frame.y(y.place(*count)))) r="3.5" {
                title { (format!("{count:.0} waited after {}", elapsed(*at))) }
            }
        }
    }
}

/// What snapshots say of the queue.
fn measured(bundle: &Bundle, origin: LogTime) -> Vec<(f64, f64)> {
    let mut found: Vec<(f64, f64)> = bundle
        .snapshots
        .iter()
        .filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Workers(pool) => {
                let waiting = u32::try_from(pool.waiting?).ok()?;
                let at = LogTime::from(snapshot.taken?).seconds_since(origin);
                Some((at, f64::from(waiting)))
            }
            _ => None,
        })
        .collect();
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    found
}

fn told(request: &Served) -> String {
    format!(
        "{}: waited {}, served {}; {}",
        request.route,
        duration(request.begun - request.arrived),
        duration(request.ended - request.begun),
        request.ending.words()
    )
}

fn words(requests: &[Served], most: f64, measured: &[(f64, f64)], places: usize) -> String {
    let longest = requests
        .iter()
        .map(|request| request.begun - request.arrived)
        .fold(0.0, f64::max);
    let in_vain = requests.iter().filter(|request| {
        request.ending == Ending::GaveUp && request.begun >= request.client_ended
    });
    let in_vain = match in_vain.count() {
        0 => String::new(),
        count => format!(" {count} were begun when their client had left already."),
    };
    let kernel = measured.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    let kernel = match kernel >= 1.0 {
        true => format!(" The kernel had at most {kernel:.0}."),
        false => String::new(),
    };
    format!(
        "{} requests for {places} places: the longest wait is {}, and at most {most:.0} wait at a \
         time.{kernel}{in_vain} Who served what follows from the order of arrival and the recorded \
         ends; the service of a request without an answer is taken as the median of its route, or as \
         much of it as leaves time for later answers.",
        requests.len(),
        duration(longest),
    )
}
