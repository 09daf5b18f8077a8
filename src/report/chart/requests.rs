//! Every request as a dot: when, how long, and how it ended.

use maud::{Markup, html};

use super::frame::{Chart, Frame, chart, elapsed, px};
use super::routes::Routes;
use super::scale::{Scale, duration};
use crate::encoding::line;
use crate::evidence::Bundle;
use crate::tables::LogTime;
use crate::verdict::Verdict;

/// Dots of one chart; of more, answers with 200 are thinned, never the others.
const MOST_DOTS: usize = 3_000;

/// Dots that still carry a text of their own.
const MOST_NAMED: usize = 400;

/// Height of all routes' plots together, of the lowest one, and of the space between two.
const ALL_PLOTS: f64 = 250.0;
const LEAST_PLOT: f64 = 78.0;
const BETWEEN: f64 = 22.0;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Answered,
    OtherAnswer,
    ServerError,
    GaveUp,
    NoAnswer,
}

impl Ending {
    pub(super) const ALL: [Ending; 5] = [
        Ending::Answered,
        Ending::OtherAnswer,
        Ending::ServerError,
        Ending::GaveUp,
        Ending::NoAnswer,
    ];

    pub(super) fn of_status(status: u16) -> Ending {
        match status {
            0 => Ending::NoAnswer,
            499 => Ending::GaveUp,
            200..=299 => Ending::Answered,
            500..=599 => Ending::ServerError,
            _ => Ending::OtherAnswer,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Ending::Answered => "answered",
            Ending::OtherAnswer => "other",
            Ending::ServerError => "error",
            Ending::GaveUp => "gave-up",
            Ending::NoAnswer => "no-answer",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Ending::Answered => "2xx",
            Ending::OtherAnswer => "other status",
            Ending::ServerError => "5xx",
            Ending::GaveUp => "client gave up",
            Ending::NoAnswer => "no answer",
        }
    }

    /// The shape that stands for it.
    pub(super) fn mark(self, x: f64, y: f64, name: Option<&str>) -> Markup {
        let name = html! { @if let Some(name) = name { title { (name) } } };
        let class = format!("mark {}", self.class());
        let path = match self {
            Ending::Answered => {
                return html! { circle class=(class) cx=(px(x)) cy=(px(y)) r="3" { (name) } };
            }
            Ending::OtherAnswer => format!("M{} {}h6v6h-6z", px(x - 3.0), px(y - 3.0)),
            Ending::ServerError => format!("M{} {}l4.5 8h-9z", px(x), px(y - 5.0)),
            Ending::GaveUp => format!("M{} {}l7 7m0 -7l-7 7", px(x - 3.5), px(y - 3.5)),
            Ending::NoAnswer => format!("M{} {}l4.5 4.5l-4.5 4.5l-4.5 -4.5z", px(x), px(y - 4.5)),
        };
        html! { path class=(class) d=(path) { (name) } }
    }
}

/// One request to draw.
struct Dot {
    at: f64,
    seconds: f64,
    ending: Ending,
    route: String,
}

enum Source {
    Samples,
    Table,
    Order,
}

/// Requests of the load; `None` if there are none with a duration.
pub(super) fn requests(verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    let origin = verdict.window.start;
    let (source, mut dots) = origin
        .and_then(|origin| dots(verdict, bundle, origin))
        .unwrap_or_else(|| (Source::Order, by_order(bundle)));
    if dots.is_empty() {
        return None;
    }
    let all = dots.len();
    thin(&mut dots);
    let caption = match source {
        Source::Samples | Source::Table => "seconds since the load began",
        Source::Order => "requests in the order of the files: their times were not recorded",
    };
    let latest = dots.iter().map(|dot| dot.at).fold(1.0, f64::max);
    let earliest = dots.iter().map(|dot| dot.at).fold(0.0, f64::min);
    // The first mark is wholly within the plot.
    let x = Scale::Linear(earliest - latest * 0.015, latest * 1.02);
    let lengths = || dots.iter().map(|dot| dot.seconds);
    let least = lengths().fold(f64::INFINITY, f64::min);
    let most = lengths().fold(0.0, f64::max);
    let y = Scale::powers(least.max(0.0001), most);
    let routes = Routes::of(dots.iter().map(|dot| dot.route.as_str()));
    // One route has the whole height; several share it, each in a plot of its own.
    let height = (ALL_PLOTS / routes.names().len() as f64).max(LEAST_PLOT);
    let plots: Vec<(usize, Frame)> = (0..routes.names().len())
        .map(|number| {
            let top = 46.0 + number as f64 * (height + BETWEEN);
            (number, Frame::new(68.0, top, top + height))
        })
        .collect();
    let last = plots.last()?.1;
    let plot = html! {
        (legend(&dots))
        @for (number, frame) in &plots {
            @if let Some(origin) = origin { (frame.phases(bundle, origin, x, *number == 0)) }
            (one_route(frame, &dots, &routes, *number, x, y))
        }
        (last.x_axis(x, caption, |tick| match source {
            Source::Order => format!("{tick:.0}"),
            _ => elapsed(tick),
        }))
    };
    let title = "Every request: when it began and how long it took";
    let words = description(&source, &dots, all);
    Some(chart("requests", title, &words, last.bottom + 40.0, plot))
}

fn one_route(
    frame: &Frame,
    dots: &[Dot],
    routes: &Routes,
    number: usize,
    x: Scale,
    y: Scale,
) -> Markup {
    let named = dots.len() <= MOST_NAMED;
    let name = routes.names().get(number);
    let own = dots
        .iter()
        .filter(|dot| routes.number(&dot.route) == number);
    html! {
        text class={ "legend route-name route-" (number) } x=(px(frame.left)) y=(px(frame.top - 5.0)) { @if let Some(name) = name { (name) } }
        (frame.y_axis(y, duration))
        @for dot in own {
            @let name = named.then(|| format!("{} {}, {}", dot.route, dot.ending.words(), duration(dot.seconds)));
            (dot.ending.mark(frame.x(x.place(dot.at)), frame.y(y.place(dot.seconds)), name.as_deref()))
        }
    }
}

fn dots(verdict: &Verdict, bundle: &Bundle, origin: LogTime) -> Option<(Source, Vec<Dot>)> {
    let from_samples: Vec<Dot> = bundle
        .samples_where(|_| true)
        .filter_map(|(_, sample)| {
            let ending = if sample.gave_up() {
                Ending::GaveUp
            } else {
                Ending::of_status(sample.status.code())
            };
            Some(Dot {
                at: LogTime::from(sample.start?).seconds_since(origin),
                seconds: sample.total_seconds?,
                ending,
                route: line(sample.path()).into_owned(),
            })
        })
        .collect();
    if !from_samples.is_empty() {
        return Some((Source::Samples, from_samples));
    }
    let from_table: Vec<Dot> = bundle
        .http
        .rows
        .iter()
        .filter(|event| event.is_of_the_site() && verdict.window.contains(event.time))
        .filter_map(|event| {
            Some(Dot {
                at: event.started().seconds_since(origin),
                seconds: f64::from(event.taken_ms?) / 1000.0,
                ending: Ending::of_status(event.status?),
                route: line(&event.route).into_owned(),
            })
        })
        .collect();
    (!from_table.is_empty()).then_some((Source::Table, from_table))
}

fn by_order(bundle: &Bundle) -> Vec<Dot> {
    bundle
        .trigger_samples()
        .zip(1_u32..)
        .filter_map(|((_, sample), number)| {
            Some(Dot {
                at: f64::from(number),
                seconds: sample.total_seconds?,
                ending: if sample.gave_up() {
                    Ending::GaveUp
                } else {
                    Ending::of_status(sample.status.code())
                },
                route: line(sample.path()).into_owned(),
            })
        })
        .collect()
}

/// Keep every failure, and of the plain answers the slowest and every so-manieth.
fn thin(dots: &mut Vec<Dot>) {
    let plain = dots
        .iter()
        .filter(|dot| dot.ending == Ending::Answered)
        .count();
    let others = dots.len() - plain;
    let room = MOST_DOTS.saturating_sub(others).max(MOST_DOTS / 4);
    if plain <= room {
        return;
    }
    let step = plain.div_ceil(room);
    let mut number = 0;
    dots.retain(|dot| {
        if dot.ending != Ending::Answered {
            return true;
        }
        number += 1;
        number % step == 0
    });
}

fn legend(dots: &[Dot]) -> Markup {
    let present = Ending::ALL
        .into_iter()
        .filter(|ending| dots.iter().any(|dot| dot.ending == *ending));
    let mut next = 74.0;
    let placed = present.map(|ending| {
        let x = next;
        next += 30.0 + 10.0 * ending.words().len() as f64;
        (ending, x)
    });
    html! {
        @for (ending, x) in placed {
            (ending.mark(x, 14.0, None))
            text class="legend" x=(px(x + 10.0)) y="18" { (ending.words()) }
        }
    }
}

fn description(source: &Source, dots: &[Dot], all: usize) -> String {
    let from = match source {
        Source::Samples => "the samples",
        Source::Table => "the rows of the HTTP table",
        Source::Order => "the samples",
    };
    let counts: Vec<String> = Ending::ALL
        .into_iter()
        .filter_map(|ending| {
            let count = dots.iter().filter(|dot| dot.ending == ending).count();
            (count > 0).then(|| format!("{count} {}", ending.words()))
        })
        .collect();
    let thinned = match dots.len() < all {
        true => format!(" of {all}; plain answers are thinned, the others are all shown"),
        false => String::new(),
    };
    format!(
        "{} dots from {from}{thinned}: {}. The vertical axis is logarithmic.",
        dots.len(),
        counts.join(", ")
    )
}
