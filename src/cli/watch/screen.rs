//! One screen of 80 columns, and one line for what is no terminal.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::WIDTH;
use super::pool::{PoolView, Waiting, Worker};
use crate::cli::output;
use crate::encoding;

/// Workers that a screen has room for.
const MOST_WORKERS: usize = 12;
/// Where the cursor goes home, what ends each line, and what clears the rest.
const HOME: &str = "\x1b[H";
const LINE_END: &str = "\x1b[K\n";
const REST: &str = "\x1b[J";

/// The screen, from its first sign to its last.
pub(super) fn whole(view: &PoolView, limit: f64) -> String {
    let mut out = HOME.to_owned();
    for line in lines(view, limit) {
        out.push_str(&cut(&encoding::line(&line)));
        out.push_str(LINE_END);
    }
    out.push_str(REST);
    out
}

/// One line of text.
pub(super) fn line(view: &PoolView, since: Duration) -> String {
    let said = match view.load.sentence.is_empty() {
        true => "nobody has looked at the pool yet",
        false => &view.load.sentence,
    };
    let held = match view.held() {
        0 => String::new(),
        held => format!("; the front end holds {held}"),
    };
    format!("{:4} s  {said}{held}\n", since.as_secs())
}

fn lines(view: &PoolView, limit: f64) -> Vec<String> {
    let load = &view.load;
    let mut lines = output::wrapped(&load.sentence, WIDTH);
    lines.push(String::new());
    if let (held @ 1.., Some(since)) = (view.held(), view.held_since) {
        let for_so_long = (view.at - since).max(0.0);
        lines.push(format!(
            "front end: {held} held until a container serves, for {for_so_long:.1} s so far"
        ));
    }
    lines.push(match (load.waiting, load.backlog) {
        (Some(waiting), Some(backlog)) => {
            format!("accept queue: {waiting} of at most {backlog}, next at the right")
        }
        _ => "accept queue: the kernel does not count it here".to_owned(),
    });
    lines.extend(dots(view, limit));
    lines.push("o new   ! half its limit used   x client gone, still has its turn".to_owned());
    lines.push(String::new());
    let shown = view.workers.iter().take(MOST_WORKERS);
    lines.extend(shown.map(|(pid, worker)| of_worker(*pid, worker, view.at)));
    if view.workers.len() > MOST_WORKERS {
        lines.push(format!(
            "and {} workers more",
            view.workers.len() - MOST_WORKERS
        ));
    }
    lines.push(String::new());
    let with = [
        (load.wait_with_one_more, "one worker more"),
        (load.wait_with_one_fewer, "one fewer"),
        (load.wait_with_threads, "four threads"),
    ];
    let with: Vec<String> = with
        .into_iter()
        .filter_map(|(wait, change)| Some(format!("{:.1} s with {change}", wait?)))
        .collect();
    if !with.is_empty() {
        let text = format!("a new client would wait {}", with.join(", "));
        lines.extend(output::wrapped(&text, WIDTH));
    }
    let told = view.told.iter().rev();
    lines.extend(told.map(|(at, text)| format!("{}  {text}", clock(*at))));
    lines
}

/// The queue as signs, the last that came at the left.
fn dots(view: &PoolView, limit: f64) -> Vec<String> {
    let sign = |waiting: &Waiting| match waiting {
        Waiting { has_left: true, .. } => 'x',
        waiting if view.at - waiting.since >= limit / 2.0 => '!',
        _ => 'o',
    };
    let mut signs: Vec<char> = view.queue.values().rev().map(sign).collect();
    let beyond = signs.len().saturating_sub(3 * (WIDTH - 4));
    signs.drain(..beyond);
    let mut rows: Vec<String> = signs
        .rchunks(WIDTH - 4)
        .map(|row| format!("{:>width$} ->", String::from_iter(row), width = WIDTH - 4))
        .collect();
    if beyond > 0 {
        rows.push(format!("and {beyond} more"));
    }
    rows.resize(rows.len().max(1), String::new());
    rows
}

fn of_worker(pid: u32, worker: &Worker, now: f64) -> String {
    let served = worker.served;
    let mut text = format!("worker {pid:<8}");
    // Writing to a string cannot fail.
    let _ = match worker.running.values().next() {
        None => write!(text, "{:<44}", "idle"),
        Some((request, began)) => {
            let more = match worker.running.len() {
                1 => String::new(),
                count => format!(" +{}", count - 1),
            };
            let request = match request.is_empty() {
                true => "reading",
                false => request,
            };
            let request: String = format!("{request}{more}").chars().take(34).collect();
            write!(text, "{request:<34} {:6.1} s ", (now - began).max(0.0))
        }
    };
    let _ = write!(text, "{served:>6} begun");
    text
}

fn clock(at: f64) -> String {
    let time = Timestamp::from_millisecond((at * 1000.0) as i64).unwrap_or_default();
    time.to_zoned(TimeZone::system())
        .strftime("%H:%M:%S")
        .to_string()
}

fn cut(line: &str) -> String {
    line.chars().take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> PoolView {
        let mut view = PoolView::default();
        for line in [
            r#"{"at":1.0,"kind":"born","worker":41,"age":1}"#,
            r#"{"at":1.0,"kind":"begun","request":1,"worker":41,"text":"GET /slow"}"#,
            r#"{"at":1.0,"kind":"queued","connection":1}"#,
            r#"{"at":2.0,"kind":"queued","connection":2}"#,
            r#"{"at":3.0,"kind":"left","connection":2}"#,
            r#"{"at":5.5,"kind":"queued","connection":3}"#,
            r#"{"at":6.0,"kind":"pool","waiting":3,"backlog":9,"sentence":"1 of 1 workers busy, 3 waiting (1 of them gone): a new client waits about 12 s"}"#,
            "no event",
        ] {
            view.take(line);
        }
        view
    }

    #[test]
    fn a_screen_shows_who_waits_and_who_works_in_80_columns() {
        let shown = lines(&view(), 10.0);
        assert!(
            shown.iter().all(|line| line.chars().count() <= WIDTH),
            "{shown:#?}"
        );
        let text = shown.join("\n");
        assert!(text.contains("ox! ->"), "{text}");
        assert!(text.contains("accept queue: 3 of at most 9"));
        assert!(text.contains("worker 41      GET /slow"), "{text}");
        assert!(text.contains("5.0 s      1 begun"), "{text}");
    }

    #[test]
    fn what_the_front_end_holds_is_shown_apart_from_the_queue_until_it_is_let_go() {
        let mut view = view();
        for line in [
            r#"{"at":4.0,"slot":"production","kind":"held","number":1,"text":"GET /","holding":1}"#,
            r#"{"at":5.0,"slot":"production","kind":"held","number":2,"text":"GET /","holding":2}"#,
        ] {
            view.take(line);
        }
        let shown = lines(&view, 10.0).join("\n");
        let words = "front end: 2 held until a container serves, for 2.0 s so far";
        assert!(shown.contains(words), "{shown}");
        assert!(line(&view, Duration::ZERO).ends_with("; the front end holds 2\n"));
        for line in [
            r#"{"at":7.0,"slot":"production","kind":"unanswered","number":2,"text":"GET /","why":"client-left","status":499,"took":2.0,"holding":1}"#,
            r#"{"at":8.0,"slot":"production","kind":"released","number":1,"waited":4.0,"holding":0}"#,
        ] {
            view.take(line);
        }
        let shown = lines(&view, 10.0).join("\n");
        assert!(!shown.contains("front end: "), "{shown}");
        assert!(
            shown.contains("GET /: its client left after 2.0 s (499)"),
            "{shown}"
        );
        assert!(
            shown.contains("holds no request any more, after 4.0 s"),
            "{shown}"
        );
    }

    #[test]
    fn what_others_have_written_moves_no_cursor() {
        let mut view = view();
        view.take(r#"{"at":6.0,"kind":"platform","text":"\u001b[2Jgone"}"#);
        let screen = whole(&view, 10.0);
        assert_eq!(
            screen.matches('\x1b').count(),
            2 + screen.matches("\x1b[K\n").count()
        );
    }
}
