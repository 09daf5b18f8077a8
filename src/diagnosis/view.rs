//! The evidence as a diagnosis sees it: lines in one order of time, and requests.
//!
//! Manifest, plan, client samples and the lab's own diagnostic routes are not among it: a stranger's
//! export has none of them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::evidence::Bundle;
use crate::evidence::bundle::{HttpEvent, TextEvent};
use crate::tables::LogTime;

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Console,
    Platform,
    /// A text without times; the number is its place among the bundle's texts.
    Text(usize),
}

/// One line of a log.
#[derive(Debug, Clone)]
pub(super) struct Line<'b> {
    pub source: Source,
    pub time: Option<LogTime>,
    pub text: Cow<'b, str>,
    pub row: u32,
    file: u16,
}

/// One request of the HTTP table, in seconds since the first row of the view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub start: f64,
    pub end: f64,
    pub route: u32,
    pub status: u16,
    /// Its row in the bundle's table.
    pub at: usize,
}

impl Request {
    pub fn taken(&self) -> f64 {
        self.end - self.start
    }

    pub fn gave_up(&self) -> bool {
        self.status == 499
    }

    pub fn is_failure(&self) -> bool {
        self.status == 499 || self.status >= 500 || self.status == 0
    }
}

/// From when to when, where a person says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// Nothing before this counts.
    pub from: Option<LogTime>,
    /// Nothing after this counts.
    pub to: Option<LogTime>,
}

impl Span {
    /// True if the moment lies within.
    pub fn holds(&self, time: LogTime) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
    }
}

/// What is judged.
pub(super) struct View<'b> {
    pub bundle: &'b Bundle,
    pub lines: Vec<Line<'b>>,
    pub requests: Vec<Request>,
    pub routes: Vec<&'b str>,
    /// Second 0 of the requests.
    pub origin: LogTime,
}

/// Paths that the platform itself asks for while a container starts.
const OF_THE_PLATFORM: [&str; 2] = ["/robots933456.txt", "/admin/host/ping"];

impl<'b> View<'b> {
    pub fn of(bundle: &'b Bundle, span: &Span) -> View<'b> {
        let origin = bundle
            .http
            .rows
            .iter()
            .map(HttpEvent::started)
            .filter(|time| span.holds(*time))
            .min()
            .or_else(|| bundle.console.rows.first().map(|row| row.time))
            .or_else(|| bundle.platform.rows.first().map(|row| row.time))
            .unwrap_or_else(|| LogTime::new(jiff::Timestamp::UNIX_EPOCH));
        let mut view = View {
            bundle,
            lines: lines(bundle, span),
            requests: Vec::new(),
            routes: Vec::new(),
            origin,
        };
        view.take_requests(span);
        view
    }

    fn take_requests(&mut self, span: &Span) {
        let mut numbers = HashMap::new();
        let counted = self.hosts_that_count(span);
        for (at, event) in self.bundle.http.rows.iter().enumerate() {
            let route: &str = &event.route;
            if !span.holds(event.time)
                || !event.is_of_the_site()
                || OF_THE_PLATFORM.contains(&route)
                || route.starts_with("/diag/")
                || !counted.contains(&event.host.as_deref())
            {
                continue;
            }
            let routes = &mut self.routes;
            let number = *numbers.entry(route).or_insert_with(|| {
                routes.push(route);
                u32::try_from(routes.len() - 1).unwrap_or(u32::MAX)
            });
            let end = event.time.seconds_since(self.origin);
            let taken = f64::from(event.taken_ms.unwrap_or(0)) / 1000.0;
            self.requests.push(Request {
                start: end - taken,
                end,
                route: number,
                status: event.status.unwrap_or(0),
                at,
            });
        }
        self.requests.sort_by(|a, b| a.start.total_cmp(&b.start));
    }

    /// Hosts with a fair share of the requests. A slot that hardly anybody asks is another site in the
    /// same table, and says nothing of this one.
    fn hosts_that_count(&self, span: &Span) -> Vec<Option<&'b str>> {
        let mut counts: HashMap<Option<&'b str>, usize> = HashMap::new();
        for event in &self.bundle.http.rows {
            if span.holds(event.time) && event.is_of_the_site() {
                *counts.entry(event.host.as_deref()).or_default() += 1;
            }
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let fair = counts.into_iter().filter(|(_, count)| count * 4 >= most);
        fair.map(|(host, _)| host).collect()
    }

    /// Leave out what a route answers while it is not ready yet: a few failures at once at its very
    /// beginning, with a success behind them and no start in between.
    pub fn drop_settling(&mut self, starts: &[super::starts::Start]) {
        const FEW: usize = 5;
        const SOON: f64 = 120.0;
        let begins: Vec<f64> = starts
            .iter()
            .filter_map(|start| Some(self.second(start.began?)))
            .collect();
        let mut settling = vec![false; self.requests.len()];
        for route in 0..self.routes.len() {
            let of_route = || {
                let all = self.requests.iter().enumerate();
                all.filter(move |(_, request)| request.route as usize == route)
                    .take(FEW + 1)
            };
            let failing: Vec<usize> = of_route()
                .take_while(|(_, request)| request.status == 503 && request.taken() < 0.3)
                .map(|(at, _)| at)
                .collect();
            let Some((_, success)) = of_route().nth(failing.len()) else {
                continue;
            };
            let Some(first) = failing.first().map(|at| self.requests[*at].start) else {
                continue;
            };
            let started_again = begins
                .iter()
                .any(|begin| (first..success.start).contains(begin));
            if success.start - first < SOON && !started_again && !success.is_failure() {
                failing.iter().for_each(|at| settling[*at] = true);
            }
        }
        let mut at = 0;
        self.requests.retain(|_| {
            at += 1;
            !settling[at - 1]
        });
    }

    /// The moment of a second of the requests.
    pub fn moment(&self, seconds: f64) -> LogTime {
        self.origin.plus_seconds(seconds)
    }

    /// The second of a moment.
    pub fn second(&self, time: LogTime) -> f64 {
        time.seconds_since(self.origin)
    }

    /// The file that a line stands in.
    pub fn file_of(&self, line: &Line<'_>) -> &'b str {
        match line.source {
            Source::Console => self.bundle.console.file(line.file),
            Source::Platform => self.bundle.platform.file(line.file),
            Source::Text(number) => self.bundle.texts.get(number).map(|text| text.file.as_str()),
        }
        .unwrap_or_default()
    }
}

/// The lines of all logs in one order of time, those of texts without times last.
fn lines<'b>(bundle: &'b Bundle, span: &Span) -> Vec<Line<'b>> {
    let of = |source: Source, event: &'b TextEvent, text: Cow<'b, str>| Line {
        source,
        time: Some(event.time),
        text,
        row: event.row,
        file: event.file,
    };
    let within = |event: &&'b TextEvent| span.holds(event.time);
    let platform = bundle.platform.rows.iter().filter(within);
    let platform = platform.filter(|event| !is_of_kudu(&event.text));
    let mut platform = platform
        .map(|event| of(Source::Platform, event, without_last_error(&event.text)))
        .peekable();
    let console = bundle.console.rows.iter().filter(within);
    let mut console = console
        .map(|event| of(Source::Console, event, Cow::Borrowed(&*event.text)))
        .peekable();
    let mut lines = Vec::with_capacity(bundle.console.rows.len() + bundle.platform.rows.len());
    loop {
        let platform_first = match (platform.peek(), console.peek()) {
            (Some(a), Some(b)) => a.time <= b.time,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let next = match platform_first {
            true => platform.next(),
            false => console.next(),
        };
        match next {
            Some(line) => lines.push(line),
            None => break,
        }
    }
    for (number, text) in bundle.texts.iter().enumerate() {
        lines.extend((1..).zip(text.text.lines()).map(|(row, line)| Line {
            source: Source::Text(number),
            time: None,
            text: Cow::Borrowed(line),
            row,
            file: 0,
        }));
    }
    lines
}

/// The deployment site's container stands beside the site's own in the same table.
fn is_of_kudu(text: &str) -> bool {
    text.contains("kudu") && !text.contains("KUDU")
}

/// A state row repeats the last error for as long as the site lives, also where it is long over: its
/// details count only in a row that is an error itself.
fn without_last_error(text: &str) -> Cow<'_, str> {
    let Some(at) = text.find(", LastError: ") else {
        return Cow::Borrowed(text);
    };
    if text.contains("DetailsLevel: ERR") && !text.contains("State: Started") {
        return Cow::Borrowed(text);
    }
    match text.rfind(", Details: ") {
        Some(details) if details >= at => {
            Cow::Owned(format!("{}{}", &text[..at], &text[details..]))
        }
        _ => Cow::Borrowed(&text[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_error_that_is_over_is_not_read() {
        let stale = "State: Started, Action: None, LastError: ContainerTimeout, LastErrorTimestamp: \
                     04/04/2026 05:50:00, LastErrorDetails: Container did not start within expected \
                     time limit of 230s., Details: Site started at 04/04/2026 05:55:00 (UTC), \
                     DetailsLevel: INFO";
        let shown = without_last_error(stale);
        assert!(!shown.contains("did not start"), "{shown}");
        assert!(shown.contains("Site started at"), "{shown}");
        let fresh = stale
            .replace("State: Started", "State: Stopping")
            .replace("DetailsLevel: INFO", "DetailsLevel: ERR");
        assert!(without_last_error(&fresh).contains("did not start"));
    }
}
