//! Starts: what the platform said, what the container printed and how requests ended, on one axis, with
//! the lines that tell the story.

use maud::{Markup, html};

use super::frame::{Chart, Frame, NARROW, WIDTH, chart, cut, elapsed, px};
use super::requests::Ending;
use super::scale::Scale;
use crate::encoding::line;
use crate::evidence::Bundle;
use crate::evidence::bundle::{Table, TextEvent};
use crate::redaction::redact;
use crate::tables::LogTime;
use crate::verdict::Verdict;

const LEFT: f64 = 64.0;
const LANE: f64 = 24.0;
/// Room above the lanes for the names of the phases.
const NAMES: f64 = 28.0;
const LINE: f64 = 17.0;
/// Lines that are told in words.
const MOST_LINES: usize = 14;
/// Signs of a line that fit into the width.
const SIGNS: usize = 76;
/// Signs and rows of a line on a narrow screen, and the room between two lines.
const NARROW_SIGNS: usize = 30;
const NARROW_ROWS: usize = 3;
const BETWEEN: f64 = 6.0;
/// How long before the load a start may be that still belongs to it, in seconds.
const BEFORE: f64 = 600.0;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
struct Happening {
    at: f64,
    lane: usize,
    text: String,
    /// A criterion or another explanation quotes it.
    decided: bool,
}

const LANES: [&str; 3] = ["platform", "console", "operator"];

/// The lanes and their lines; `None` where neither table says anything.
pub(super) fn starts(verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    let origin = verdict.window.start?;
    let happenings = happenings(verdict, bundle, origin);
    if !happenings.iter().any(|happening| happening.lane < 2) {
        return None;
    }
    let answers = answers(bundle, origin);
    let times = || {
        let happened = happenings.iter().map(|happening| happening.at);
        happened.chain(answers.iter().map(|(at, _)| *at))
    };
    let (first, last) = (times().fold(0.0, f64::min), times().fold(1.0, f64::max));
    let x = Scale::Linear(first, last + (last - first) * 0.02);
    let lines = chosen(&happenings);
    let story = Story {
        bundle,
        origin,
        x,
        happenings: &happenings,
        answers: &answers,
        lines: &lines,
    };
    let words = words(&happenings, &lines, &answers);
    let title = "Platform, console and requests";
    let (height, plot) = story.draw(WIDTH, SIGNS, 1);
    let (narrow_height, narrow) = story.draw(NARROW, NARROW_SIGNS, NARROW_ROWS);
    let chart = chart("starts", title, &words, height, plot);
    Some(chart.or_narrow(narrow_height, narrow))
}

/// What is drawn, on whatever width.
struct Story<'a> {
    bundle: &'a Bundle,
    origin: LogTime,
    x: Scale,
    happenings: &'a [Happening],
    answers: &'a [(f64, Ending)],
    lines: &'a [&'a Happening],
}

impl Story<'_> {
    /// The lanes above the lines, each line of so many rows and signs a row at most; with its height.
    fn draw(&self, width: f64, signs: usize, rows: usize) -> (f64, Markup) {
        let lanes = LANES.len() + usize::from(!self.answers.is_empty());
        let frame = Frame::across(width, LEFT, 4.0, 4.0 + NAMES + LANE * lanes as f64);
        let mut bottom = frame.bottom + 60.0;
        let mut told = Vec::new();
        for happening in self.lines {
            let text = told_in_rows(&happening.text, signs, rows);
            let next = bottom + LINE * text.len() as f64 + if rows > 1 { BETWEEN } else { 0.0 };
            told.push((bottom, *happening, text));
            bottom = next;
        }
        let plot = html! {
            (frame.phases(self.bundle, self.origin, self.x, true))
            (self.lanes(&frame, lanes))
            (frame.x_axis(self.x, "seconds since the load began", elapsed))
            @for (y, happening, text) in &told {
                (row(*y, happening, text))
            }
        };
        (bottom, plot)
    }

    fn lanes(&self, frame: &Frame, lanes: usize) -> Markup {
        html! {
            @for (lane, name) in LANES.iter().chain(&["requests"]).take(lanes).enumerate() {
                @let y = lane_y(frame, lane);
                text class="tick" x=(px(frame.left - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (name) }
                line class="grid" x1=(px(frame.left)) x2=(px(frame.right)) y1=(px(y)) y2=(px(y)) {}
            }
            @for happening in self.happenings {
                (mark(happening.lane, frame.x(self.x.place(happening.at)), lane_y(frame, happening.lane), &happening.text))
            }
            @for (at, ending) in self.answers {
                (ending.mark(frame.x(self.x.place(*at)), lane_y(frame, LANES.len()), None))
            }
        }
    }
}

/// A line: when it was, whose it is, and its words.
fn row(y: f64, happening: &Happening, text: &[String]) -> Markup {
    html! {
        text class="tick" x=(px(LEFT - 6.0)) y=(px(y)) text-anchor="end" { (format!("{:.1} s", tenths(happening.at))) }
        (mark(happening.lane, LEFT + 4.0, y - 4.0, &happening.text))
        @for (number, part) in text.iter().enumerate() {
            text class={ "told" @if happening.decided { " decided" } } x=(px(LEFT + 16.0)) y=(px(y + number as f64 * LINE)) { (part) }
        }
    }
}

/// A word that has room in a row is one part; of a longer one, such as a path or a setting, each part
/// ends where the next row may begin.
fn parts(word: &str, signs: usize) -> Vec<&str> {
    /// A row may end behind these, and begin with those.
    const BEHIND: [char; 6] = [',', ';', ':', '=', '&', '|'];
    const BEFORE: [char; 5] = ['/', '\\', '_', '-', '?'];
    if word.trim_end().chars().count() <= signs {
        return vec![word];
    }
    let joins = |sign: char| sign == ' ' || BEHIND.contains(&sign) || BEFORE.contains(&sign);
    let mut parts = Vec::new();
    let mut from = 0;
    for ((_, last), (at, next)) in word.char_indices().zip(word.char_indices().skip(1)) {
        let ends = BEHIND.contains(&last) && !joins(next);
        if ends || BEFORE.contains(&next) && !joins(last) {
            parts.push(&word[from..at]);
            from = at;
        }
    }
    parts.push(&word[from..]);
    parts
}

/// Rounded, and without the sign that would be left of a little before zero.
fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0 + 0.0
}

/// The words of a line in rows; what has no room is cut.
fn told_in_rows(text: &str, signs: usize, most: usize) -> Vec<String> {
    let text = cut(without_time(text), signs * most);
    if most == 1 {
        return vec![text];
    }
    let mut rows = vec![String::new()];
    let mut length = 0;
    for part in text
        .split_inclusive(' ')
        .flat_map(|word| parts(word, signs))
    {
        let wanted = part.trim_end().chars().count();
        if length > 0 && length + wanted > signs {
            rows.push(String::new());
            length = 0;
        }
        for sign in part.chars() {
            if length == signs && sign == ' ' {
                continue;
            }
            if length == signs {
                rows.push(String::new());
                length = 0;
            }
            length += 1;
            if let Some(row) = rows.last_mut() {
                row.push(sign);
            }
        }
    }
    if rows.len() > most {
        rows.truncate(most);
        if let Some(last) = rows.last_mut() {
            *last = format!("{}…", last.trim_end());
        }
    }
    rows
}

fn lane_y(frame: &Frame, lane: usize) -> f64 {
    frame.top + NAMES + (lane as f64 + 0.5) * LANE
}

/// A square for the platform, a bar for the console, a flag for who did something.
fn mark(lane: usize, x: f64, y: f64, text: &str) -> Markup {
    let path = match lane {
        0 => format!("M{} {}h7v7h-7z", px(x - 3.5), px(y - 3.5)),
        1 => format!("M{} {}h3v12h-3z", px(x - 1.5), px(y - 6.0)),
        _ => format!("M{} {}v-10l8 3l-8 3", px(x), px(y + 5.0)),
    };
    let class = format!("happened lane-{lane}");
    html! { path class=(class) d=(path) { title { (text) } } }
}

fn happenings(verdict: &Verdict, bundle: &Bundle, origin: LogTime) -> Vec<Happening> {
    let criteria = verdict.criteria.iter().flat_map(|result| &result.quotes);
    let alternatives = verdict
        .alternatives
        .iter()
        .flat_map(|alternative| &alternative.quotes);
    let quoted: Vec<(&str, u32)> = criteria
        .chain(alternatives)
        .filter_map(|quote| Some((quote.file.as_str(), quote.row?)))
        .collect();
    let mut found = Vec::new();
    let tables: [&Table<TextEvent>; 2] = [&bundle.platform, &bundle.console];
    for (lane, table) in tables.into_iter().enumerate() {
        for row in &table.rows {
            let at = row.time.seconds_since(origin);
            let file = table.file(row.file).unwrap_or_default();
            if at < -BEFORE || row.text.trim().is_empty() {
                continue;
            }
            found.push(Happening {
                at,
                lane,
                text: line(&redact(row.text.trim())).into_owned(),
                decided: quoted.contains(&(file, row.row)),
            });
        }
    }
    let events = bundle.manifest.iter().flat_map(|manifest| &manifest.events);
    found.extend(events.map(|event| Happening {
        at: LogTime::from(event.at).seconds_since(origin),
        lane: 2,
        text: line(&redact(&event.detail)).into_owned(),
        decided: true,
    }));
    found.sort_by(|one, other| one.at.total_cmp(&other.at));
    found
}

/// When each request began, and how it ended.
fn answers(bundle: &Bundle, origin: LogTime) -> Vec<(f64, Ending)> {
    bundle
        .samples_where(|_| true)
        .filter_map(|(_, sample)| {
            let at = LogTime::from(sample.start?).seconds_since(origin);
            let ending = match sample.gave_up() {
                true => Ending::GaveUp,
                false => Ending::of_status(sample.status.code()),
            };
            Some((at, ending))
        })
        .collect()
}

/// The lines that are told: what decided, then what the platform said, each text once.
fn chosen(happenings: &[Happening]) -> Vec<&Happening> {
    let mut chosen: Vec<&Happening> = Vec::new();
    let by_weight = [
        happenings
            .iter()
            .filter(|happening| happening.decided)
            .collect::<Vec<_>>(),
        happenings
            .iter()
            .filter(|happening| happening.lane == 0)
            .collect(),
        happenings
            .iter()
            .filter(|happening| happening.lane == 1)
            .collect(),
    ];
    for happening in by_weight.into_iter().flatten() {
        let is_told = chosen.iter().any(|told| told.text == happening.text);
        if chosen.len() < MOST_LINES && !is_told {
            chosen.push(happening);
        }
    }
    chosen.sort_by(|one, other| one.at.total_cmp(&other.at));
    chosen
}

/// A line of Gunicorn begins with its time, which stands beside it.
fn without_time(text: &str) -> &str {
    match text.split_once("] ") {
        Some((stamp, rest)) if stamp.starts_with("[20") => rest,
        _ => text,
    }
}

fn words(happenings: &[Happening], lines: &[&Happening], answers: &[(f64, Ending)]) -> String {
    let count = |lane| {
        let of_lane = happenings.iter().filter(|happening| happening.lane == lane);
        of_lane.count()
    };
    let good = answers
        .iter()
        .filter(|(_, ending)| *ending == Ending::Answered);
    format!(
        "Messages of the platform: {} (squares); lines of the console: {} (bars); actions: {} \
         (flags); answered 2xx: {} of {} requests. Lines told: {}; those that decided a criterion \
         are bold.",
        count(0),
        count(1),
        count(2),
        good.count(),
        answers.len(),
        lines.len()
    )
}

/// A line of the list is as wide as the chart.
const _: () = assert!(SIGNS as f64 * 7.2 + LEFT + 16.0 < WIDTH);
const _: () = assert!(NARROW_SIGNS as f64 * 7.2 + LEFT + 16.0 < NARROW);

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(at: f64, lane: usize, text: &str, decided: bool) -> Happening {
        Happening {
            at,
            lane,
            text: text.to_owned(),
            decided,
        }
    }

    #[test]
    fn what_decided_is_told_before_all_else_and_each_text_once() {
        let mut all: Vec<Happening> = (0..40)
            .map(|number| happening(f64::from(number), 1, "Booting", false))
            .collect();
        for number in 0..MOST_LINES {
            let text = format!("message {number}");
            all.push(happening(50.0 + number as f64, 0, &text, false));
        }
        all.push(happening(99.0, 1, "ModuleNotFoundError", true));
        let told = chosen(&all);
        assert_eq!(told.len(), MOST_LINES);
        assert_eq!(
            told.last().map(|line| &*line.text),
            Some("ModuleNotFoundError")
        );
        assert!(!told.iter().any(|line| line.text == "Booting"));
    }

    #[test]
    fn a_little_before_the_load_is_zero_without_a_sign() {
        let shown = [-0.02, 0.02, -0.06].map(|at| format!("{:.1}", tenths(at)));
        assert_eq!(shown, ["0.0", "0.0", "-0.1"]);
    }

    #[test]
    fn a_long_line_is_cut_where_a_sign_ends() {
        let cut = cut(&"ü".repeat(200), SIGNS);
        assert_eq!(cut.chars().count(), SIGNS + 1);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn on_a_narrow_screen_a_line_is_broken_where_words_end_and_a_long_word_at_its_joints() {
        let at_joints = [
            (
                "cannot open /home/site/wwwroot/requirements.txt",
                &["cannot open /home/site/wwwroot", "/requirements.txt"][..],
            ),
            (
                "WEBSITES_ENABLE_APP_SERVICE_STORAGE=false",
                &["WEBSITES_ENABLE_APP_SERVICE", "_STORAGE=false"],
            ),
            (
                "at: https://shop-production-5f2c.azurewebsites.net",
                &["at: https://shop-production", "-5f2c.azurewebsites.net"],
            ),
            (
                "amqp:queue=orders,retries=5,delay=30,ttl=600",
                &["amqp:queue=orders,retries=5,", "delay=30,ttl=600"],
            ),
            (
                "Pulling image: appsvc/python:3.11_labrat-emulator.",
                &["Pulling image: appsvc/python:", "3.11_labrat-emulator."],
            ),
            (
                "a 0123456789012345678901234567890123456789",
                &["a ", "012345678901234567890123456789", "0123456789"],
            ),
        ];
        for (text, expected) in at_joints {
            assert_eq!(told_in_rows(text, NARROW_SIGNS, NARROW_ROWS), expected);
        }
        for (text, expected) in [
            ("a short one", &["a short ", "one"][..]),
            (
                "one two three four five",
                &["one two ", "three four", "five"],
            ),
            ("/home/site/wwwroot", &["/home/site", "/wwwroot"]),
            (
                "x /home/site/wwwroot/y",
                &["x /home", "/site", "/wwwroot/y"],
            ),
        ] {
            assert_eq!(told_in_rows(text, 10, 3), expected);
        }
        let long = told_in_rows(&"word ".repeat(40), 10, 3);
        assert_eq!(long.len(), 3);
        assert!(long[2].ends_with('…'), "{long:?}");
    }
}
