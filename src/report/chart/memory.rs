//! Memory, swap and pressure over the run, from the snapshots of /diag/proc.

use maud::{Markup, html};

use super::frame::{Chart, Frame, chart, elapsed, polyline, px};
use super::scale::{Scale, duration};
use crate::evidence::Bundle;
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::{ProcNumbers, SnapshotBody};
use crate::tables::LogTime;
use crate::verdict::Verdict;

/// Height of one of the plots.
const PLOT: f64 = 92.0;
const SPACE: f64 = 30.0;

/// A range below which noise would look like a movement: MB or percent.
const LEAST_RANGE: f64 = 10.0;

/// MB or percent that a figure has to move to be drawn, and the share of the highest value.
const LEAST_MOVE: f64 = 5.0;
const LEAST_SHARE: f64 = 0.05;

/// Dots of the tail.
const MOST_DOTS: usize = 600;

/// One snapshot: where on the horizontal axis, and its numbers.
struct Point<'b> {
    at: f64,
    stage: PhaseKind,
    numbers: &'b ProcNumbers,
}

struct Series {
    label: &'static str,
    unit: &'static str,
    class: &'static str,
    value: fn(&ProcNumbers) -> Option<f64>,
}

const SERIES: [Series; 3] = [
    Series {
        label: "free memory",
        unit: "MB",
        class: "memory",
        value: headroom,
    },
    Series {
        label: "free swap",
        unit: "MB",
        class: "swap",
        value: |numbers| numbers.swap_free.map(|kilobytes| kilobytes / 1024.0),
    },
    Series {
        label: "pressure on memory, some avg10",
        unit: "%",
        class: "pressure",
        value: |numbers| numbers.memory_pressure,
    },
];

/// The tighter of the host's and the cgroup's free memory, in MB.
fn headroom(numbers: &ProcNumbers) -> Option<f64> {
    let cgroup = numbers
        .cgroup
        .as_ref()
        .and_then(|cgroup| Some((cgroup.limit? - cgroup.usage?).max(0.0)));
    let host = numbers.memory_available;
    let least = match (host, cgroup) {
        (Some(host), Some(cgroup)) => host.min(cgroup),
        (host, cgroup) => host.or(cgroup)?,
    };
    Some(least / 1024.0)
}

/// A line for each figure that moves, and below them how long the answers took; `None` where none
/// moves.
pub(super) fn memory(verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    let origin = verdict.window.start;
    let timed = origin.and_then(|origin| points(bundle, Some(origin)));
    let is_timed = timed.is_some();
    let points = timed.or_else(|| points(bundle, None))?;
    let moving: Vec<&Series> = SERIES
        .iter()
        .filter(|series| moves(series, &points))
        .collect();
    if moving.is_empty() {
        return None;
    }
    let (first, last) = (points.first()?.at, points.last()?.at);
    let x = Scale::Linear(first, if last > first { last } else { first + 1.0 });
    let answers = origin
        .filter(|_| is_timed)
        .map_or_else(Vec::new, |origin| answers(bundle, origin, (first, last)));
    let plots = moving.len() + usize::from(!answers.is_empty());
    let frame = |number: usize| {
        let top = 24.0 + number as f64 * (PLOT + SPACE);
        Frame::new(68.0, top, top + PLOT)
    };
    let lowest = frame(plots - 1);
    let plot = html! {
        @for (number, series) in moving.iter().enumerate() {
            @let frame = frame(number);
            @if let Some(origin) = origin.filter(|_| is_timed) { (frame.phases(bundle, origin, x, false)) }
            (line(&frame, series, &points, x, is_timed))
        }
        @if !answers.is_empty() {
            @if let Some(origin) = origin { (lowest.phases(bundle, origin, x, false)) }
            (tail(&lowest, &answers, x))
        }
        @if is_timed {
            (lowest.x_axis(x, "seconds since the load began", elapsed))
        } @else {
            (stages(&lowest, &points, x))
        }
    };
    let words: Vec<String> = moving
        .iter()
        .filter_map(|series| words(series, &points))
        .collect();
    let description = format!("{} snapshots. {}.", points.len(), words.join("; "));
    Some(chart(
        "memory",
        "Memory, swap, pressure and the answers' tail",
        &description,
        lowest.bottom + 42.0,
        plot,
    ))
}

/// Whether a line of it would be anything but flat.
fn moves(series: &Series, points: &[Point<'_>]) -> bool {
    let values = || {
        points
            .iter()
            .filter_map(|point| (series.value)(point.numbers))
    };
    let most = values().fold(f64::NEG_INFINITY, f64::max);
    let least = values().fold(f64::INFINITY, f64::min);
    most - least >= LEAST_MOVE.max(most * LEAST_SHARE)
}

/// When each answer of the load was asked for and how long it took, within the snapshots.
fn answers(bundle: &Bundle, origin: LogTime, (first, last): (f64, f64)) -> Vec<(f64, f64)> {
    let timed = bundle.samples_where(|_| true).filter_map(|(_, sample)| {
        let at = LogTime::from(sample.start?).seconds_since(origin);
        Some((at, sample.total_seconds?))
    });
    timed
        .filter(|(at, _)| (first..=last).contains(at))
        .collect()
}

/// Every answer as a dot, and the 95th percentile as a line over each twelfth of the run.
fn tail(frame: &Frame, answers: &[(f64, f64)], x: Scale) -> Markup {
    let lengths = || answers.iter().map(|(_, seconds)| *seconds);
    let least = lengths().fold(f64::INFINITY, f64::min).max(0.001);
    let y = Scale::powers(least, lengths().fold(0.0, f64::max));
    let place = |at: f64, seconds: f64| (frame.x(x.place(at)), frame.y(y.place(seconds)));
    let path = percentiles(answers, x);
    let path = polyline(path.iter().map(|(at, seconds)| place(*at, *seconds)));
    let step = answers.len().div_ceil(MOST_DOTS);
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) { "time to answer; line: 95th percentile" }
        (frame.y_axis(y, duration))
        @for (at, seconds) in answers.iter().step_by(step.max(1)) {
            @let (x, y) = place(*at, *seconds);
            circle class="point tail" cx=(px(x)) cy=(px(y)) r="1.5" {}
        }
        path class="line tail" d=(path) {}
    }
}

/// The 95th percentile in each twelfth that has ten answers or more.
fn percentiles(answers: &[(f64, f64)], x: Scale) -> Vec<(f64, f64)> {
    const PARTS: usize = 12;
    let mut parts: Vec<Vec<(f64, f64)>> = vec![Vec::new(); PARTS];
    for (at, seconds) in answers {
        let part = (x.place(*at) * PARTS as f64) as usize;
        parts[part.min(PARTS - 1)].push((*at, *seconds));
    }
    let percentile = |part: Vec<(f64, f64)>| {
        let middle = part.iter().map(|(at, _)| at).sum::<f64>() / part.len() as f64;
        let mut lengths: Vec<f64> = part.iter().map(|(_, seconds)| *seconds).collect();
        lengths.sort_by(f64::total_cmp);
        (middle, lengths[(lengths.len() * 95).div_ceil(100) - 1])
    };
    let full = parts.into_iter().filter(|part| part.len() >= 10);
    full.map(percentile).collect()
}

/// Snapshots with a time, or, without times, in the order of their stages.
fn points(bundle: &Bundle, origin: Option<LogTime>) -> Option<Vec<Point<'_>>> {
    let mut found: Vec<Point<'_>> = Vec::new();
    for snapshot in &bundle.snapshots {
        let SnapshotBody::Proc(numbers) = &snapshot.body else {
            continue;
        };
        let at = match origin {
            Some(origin) => LogTime::from(snapshot.taken?).seconds_since(origin),
            None => f64::from(rank(snapshot.at)),
        };
        found.push(Point {
            at,
            stage: snapshot.at,
            numbers,
        });
    }
    found.sort_by(|one, other| one.at.total_cmp(&other.at));
    if origin.is_none() {
        for (number, point) in (0_u32..).zip(&mut found) {
            point.at = f64::from(number);
        }
    }
    (found.len() >= 2).then_some(found)
}

fn rank(stage: PhaseKind) -> u8 {
    match stage {
        PhaseKind::Baseline => 0,
        PhaseKind::Trigger => 1,
        PhaseKind::Mid => 2,
        PhaseKind::Post => 3,
        PhaseKind::Recovery => 4,
    }
}

fn line(frame: &Frame, series: &Series, points: &[Point<'_>], x: Scale, small: bool) -> Markup {
    let values: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|point| Some((point.at, (series.value)(point.numbers)?)))
        .collect();
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let y = Scale::from_zero(most.max(LEAST_RANGE));
    let place = |(time, value): &(f64, f64)| (frame.x(x.place(*time)), frame.y(y.place(*value)));
    let path = polyline(values.iter().map(place));
    let radius = if small && values.len() > 30 {
        "1.5"
    } else {
        "3"
    };
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) { (series.label) ", " (series.unit) }
        (frame.y_axis(y, |tick| format!("{tick:.0}")))
        path class={ "line " (series.class) } d=(path) {}
        @for (time, value) in &values {
            circle class={ "point " (series.class) } cx=(px(frame.x(x.place(*time)))) cy=(px(frame.y(y.place(*value)))) r=(radius) {
                title { (format!("{} {value:.1} {}", series.label, series.unit)) }
            }
        }
    }
}

/// Names of the stages where there is no time.
fn stages(frame: &Frame, points: &[Point<'_>], x: Scale) -> Markup {
    html! {
        @for (number, point) in points.iter().enumerate() {
            @let anchor = if number == 0 { "start" } else if number + 1 == points.len() { "end" } else { "middle" };
            text class="tick" x=(px(frame.x(x.place(point.at)))) y=(px(frame.bottom + 17.0)) text-anchor=(anchor) { (point.stage.word()) }
        }
    }
}

fn words(series: &Series, points: &[Point<'_>]) -> Option<String> {
    let values: Vec<f64> = points
        .iter()
        .filter_map(|point| (series.value)(point.numbers))
        .collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let (first, last) = (values.first()?, values.last()?);
    Some(format!(
        "{} {first:.0} {unit} at first, {last:.0} {unit} at last, between {least:.0} and {most:.0}",
        series.label,
        unit = series.unit
    ))
}
