//! What each worker took of the machine over the run: memory, threads, descriptors, processor.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::frame::{Chart, Frame, chart, elapsed, polyline, px};
use super::scale::Scale;
use crate::evidence::Bundle;
use crate::evidence::processes::{ProcessSample, Role};
use crate::tables::LogTime;
use crate::verdict::Verdict;

/// Height of one of the plots, and what is between two.
const PLOT: f64 = 84.0;
const SPACE: f64 = 30.0;

/// Workers of which a line is drawn; of more, those whose figure was highest.
const MOST_LINES: usize = 24;

/// Places and values of one worker's line.
type Line = Vec<(f64, f64)>;

/// One figure: what it is called, and from when on it moves.
struct Figure {
    label: &'static str,
    class: &'static str,
    /// By how much one worker's has to change to be drawn, and by which share of its highest.
    least_move: f64,
    least_share: f64,
    lines: fn(&[&ProcessSample], LogTime) -> Line,
}

const FIGURES: [Figure; 4] = [
    Figure {
        label: "resident memory of each worker, MB",
        class: "memory",
        least_move: 5.0,
        least_share: 0.05,
        lines: |samples, origin| {
            values(samples, origin, |sample| {
                Some(sample.resident_kb as f64 / 1024.0)
            })
        },
    },
    Figure {
        label: "threads of each worker",
        class: "swap",
        least_move: 2.0,
        least_share: 0.0,
        lines: |samples, origin| values(samples, origin, |sample| Some(sample.threads as f64)),
    },
    Figure {
        label: "open descriptors of each worker",
        class: "queue",
        least_move: 5.0,
        least_share: 0.05,
        lines: |samples, origin| values(samples, origin, |sample| Some(sample.descriptors? as f64)),
    },
    Figure {
        label: "processor of each worker, %",
        class: "pressure",
        least_move: 10.0,
        least_share: 0.0,
        lines: processor,
    },
];

/// A plot for each figure that moves in any worker; `None` where none does.
pub(super) fn processes(verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    let origin = verdict.window.start?;
    let mut workers: BTreeMap<(&str, i32), Vec<&ProcessSample>> = BTreeMap::new();
    for sample in &bundle.processes {
        if sample.role == Role::Worker {
            let worker = (sample.slot.as_str(), sample.pid);
            workers.entry(worker).or_default().push(sample);
        }
    }
    let moving: Vec<(&Figure, Vec<(i32, Line)>)> = FIGURES
        .iter()
        .filter_map(|figure| Some((figure, lines(figure, &workers, origin)?)))
        .collect();
    let times = || {
        let all = moving.iter().flat_map(|(_, lines)| lines);
        all.flat_map(|(_, line)| line).map(|(at, _)| *at)
    };
    let first = times().reduce(f64::min)?;
    let last = times().reduce(f64::max)?.max(first + 1.0);
    let x = Scale::Linear(first, last);
    let frame = |number: usize| {
        let top = 24.0 + number as f64 * (PLOT + SPACE);
        Frame::new(68.0, top, top + PLOT)
    };
    let lowest = frame(moving.len() - 1);
    let plot = html! {
        @for (number, (figure, lines)) in moving.iter().enumerate() {
            @let frame = frame(number);
            (frame.phases(bundle, origin, x, false))
            (plot(&frame, figure, lines, x))
        }
        (lowest.x_axis(x, "seconds since the load began", elapsed))
    };
    let words: Vec<String> = moving
        .iter()
        .map(|(figure, lines)| words(figure, lines))
        .collect();
    let description = format!("{} workers seen. {}.", workers.len(), words.join("; "));
    Some(chart(
        "processes",
        "What each worker took of the machine",
        &description,
        lowest.bottom + 42.0,
        plot,
    ))
}

/// The lines of a figure, highest first; `None` where no worker's moves.
fn lines(
    figure: &Figure,
    workers: &BTreeMap<(&str, i32), Vec<&ProcessSample>>,
    origin: LogTime,
) -> Option<Vec<(i32, Line)>> {
    let mut lines: Vec<(i32, Line)> = workers
        .iter()
        .map(|((_, pid), samples)| (*pid, (figure.lines)(samples, origin)))
        .filter(|(_, line)| line.len() >= 2)
        .collect();
    let moves = lines.iter().any(|(_, line)| {
        let (least, most) = range(line);
        most - least >= figure.least_move.max(most * figure.least_share)
    });
    lines.sort_by(|(_, one), (_, other)| range(other).1.total_cmp(&range(one).1));
    lines.truncate(MOST_LINES);
    moves.then_some(lines)
}

fn values(
    samples: &[&ProcessSample],
    origin: LogTime,
    value: impl Fn(&ProcessSample) -> Option<f64>,
) -> Line {
    let placed = samples.iter().filter_map(|sample| {
        let at = LogTime::from(sample.taken).seconds_since(origin);
        Some((at, value(sample)?))
    });
    placed.collect()
}

/// The share of one processor between each look and the next.
fn processor(samples: &[&ProcessSample], origin: LogTime) -> Line {
    let used = values(samples, origin, |sample| Some(sample.processor_seconds));
    used.windows(2)
        .filter(|pair| pair[1].0 > pair[0].0)
        .map(|pair| {
            let share = (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0);
            (pair[1].0, share.max(0.0) * 100.0)
        })
        .collect()
}

/// The lowest and the highest value.
fn range(line: &Line) -> (f64, f64) {
    line.iter().fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), (_, value)| (least.min(*value), most.max(*value)),
    )
}

fn plot(frame: &Frame, figure: &Figure, lines: &[(i32, Line)], x: Scale) -> Markup {
    let most = lines
        .iter()
        .map(|(_, line)| range(line).1)
        .fold(0.0, f64::max);
    let y = Scale::from_zero(most.max(figure.least_move));
    let place = |(at, value): &(f64, f64)| (frame.x(x.place(*at)), frame.y(y.place(*value)));
    html! {
        text class="legend" x=(px(frame.left)) y=(px(frame.top - 6.0)) { (figure.label) }
        (frame.y_axis(y, |tick| format!("{tick:.0}")))
        @for (pid, line) in lines {
            path class={ "line thin " (figure.class) } d=(polyline(line.iter().map(place))) {
                title { "worker " (pid) ": " (ends(line)) }
            }
        }
    }
}

/// Where a line begins and ends, and its highest.
fn ends(line: &Line) -> String {
    let first = line.first().map_or(0.0, |(_, value)| *value);
    let last = line.last().map_or(0.0, |(_, value)| *value);
    format!(
        "{first:.0} at first, {last:.0} at last, {:.0} at most",
        range(line).1
    )
}

fn words(figure: &Figure, lines: &[(i32, Line)]) -> String {
    let highest = lines.first().map(|(_, line)| ends(line));
    let highest = highest.unwrap_or_default();
    format!("{}, the highest: {highest}", figure.label)
}
