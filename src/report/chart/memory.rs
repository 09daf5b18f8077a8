//! Memory, swap and pressure over the run, from the snapshots of /diag/proc.

use maud::{Markup, html};

use super::frame::{Frame, chart, elapsed, px};
use super::scale::Scale;
use crate::evidence::Bundle;
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::{ProcNumbers, SnapshotBody};
use crate::tables::LogTime;
use crate::verdict::Verdict;

/// Height of one of the three plots.
const PLOT: f64 = 92.0;
const SPACE: f64 = 30.0;

/// A range below which noise would look like a movement: MB or percent.
const LEAST_RANGE: f64 = 10.0;

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

/// Three lines over the run; `None` with fewer than two snapshots.
pub(in crate::report) fn memory(verdict: &Verdict, bundle: &Bundle) -> Option<Markup> {
    let origin = verdict.window.start;
    let timed = origin.and_then(|origin| points(bundle, Some(origin)));
    let is_timed = timed.is_some();
    let points = timed.or_else(|| points(bundle, None))?;
    let (first, last) = (points.first()?.at, points.last()?.at);
    let x = Scale::Linear(first, if last > first { last } else { first + 1.0 });
    let height = (PLOT + SPACE) * 3.0;
    let caption = if is_timed {
        "seconds since the load began"
    } else {
        "snapshots in their order: their times were not recorded"
    };
    let plot = html! {
        @for (at, series) in SERIES.iter().enumerate() {
            @let top = 18.0 + at as f64 * (PLOT + SPACE);
            @let frame = Frame::new(64.0, top, top + PLOT);
            @if let Some(origin) = origin.filter(|_| is_timed) { (frame.phases(bundle, origin, x, false)) }
            (line(&frame, series, &points, x, is_timed))
            @if at + 1 == SERIES.len() {
                @if is_timed {
                    (frame.x_axis(x, caption, elapsed))
                } @else {
                    (stages(&frame, &points, x))
                }
            }
        }
    };
    let words: Vec<String> = SERIES
        .iter()
        .filter_map(|series| words(series, &points))
        .collect();
    let description = format!("{} snapshots. {}.", points.len(), words.join("; "));
    Some(chart(
        "memory",
        "Memory, swap and pressure",
        &description,
        height + 42.0,
        &plot,
    ))
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
    let path: String = values
        .iter()
        .enumerate()
        .map(|(at, (time, value))| {
            let step = if at == 0 { 'M' } else { 'L' };
            format!(
                "{step}{} {}",
                px(frame.x(x.place(*time))),
                px(frame.y(y.place(*value)))
            )
        })
        .collect();
    let radius = if small && values.len() > 30 {
        "1.5"
    } else {
        "3"
    };
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) { (series.label) ", " (series.unit) }
        @if values.is_empty() {
            text class="tick" x=(px(frame.left + 8.0)) y=(px(frame.top + PLOT / 2.0)) { "not recorded" }
        } @else {
            (frame.y_axis(y, |tick| format!("{tick:.0}")))
            path class={ "line " (series.class) } d=(path) {}
            @for (time, value) in &values {
                circle class={ "point " (series.class) } cx=(px(frame.x(x.place(*time)))) cy=(px(frame.y(y.place(*value)))) r=(radius) {
                    title { (format!("{} {value:.1} {}", series.label, series.unit)) }
                }
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
