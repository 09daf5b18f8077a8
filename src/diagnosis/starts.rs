//! Starts of the container: when each began, how it ended, and where its server listened.

use super::scan::{Landmark, Scan};
use super::view::{Line, Source, View};
use crate::tables::LogTime;
use crate::verdict::listening;

/// Seconds within which landmarks of a beginning belong to the same start.
const ONE_BEGINNING: f64 = 60.0;

/// Seconds within which two starts are not one after the other.
const TOGETHER: f64 = 2.0;

/// Seconds that the platform waits for an answer where no setting says otherwise.
pub(super) const USUAL_LIMIT: f64 = 230.0;

/// How a start failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    NotPulled,
    NotCreated,
    Exited,
    NoAnswer,
    Abandoned,
}

/// One start.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// Its first line and the line after its last.
    pub lines: (u32, u32),
    pub began: Option<LogTime>,
    pub ready: Option<u32>,
    /// Every way in which it failed, with the line that says so.
    pub failures: Vec<(u32, Failure)>,
    /// Whether the platform reaches what its server listens at, and the line that says so.
    pub reach: Option<(u32, bool)>,
}

impl Start {
    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Whether it began with another, and not after its end.
    pub fn began_with(&self, other: &Start) -> bool {
        match (self.began, other.began) {
            (Some(one), Some(other)) => one.seconds_since(other).abs() < TOGETHER,
            _ => false,
        }
    }

    /// Whether one of its lines says that the container exited, and not only that it is gone.
    fn tells_an_exit(&self, view: &View<'_>) -> bool {
        const WORDS: [&str; 3] = ["exit code", "has exited", "exited unexpectedly"];
        let lines = view.lines.get(self.lines.0 as usize..self.lines.1 as usize);
        let mut lines = lines.unwrap_or_default().iter();
        lines.any(|line| WORDS.iter().any(|words| line.text.contains(words)))
    }

    /// A pull that failed is not the end: where there is a local copy, the start goes on with it.
    fn may_go_on(&self) -> bool {
        let pull = |(_, failure): &(u32, Failure)| *failure == Failure::NotPulled;
        self.failures.iter().all(pull)
    }

    pub fn failed_as(&self, failure: Failure) -> bool {
        self.failures.iter().any(|(_, one)| *one == failure)
    }

    /// The line that tells its failure first.
    pub fn failed_at(&self) -> Option<u32> {
        self.failures.iter().map(|(line, _)| *line).min()
    }
}

/// All starts, in the order of time.
pub(super) fn starts(view: &View<'_>, scan: &Scan) -> Vec<Start> {
    let mut starts: Vec<Start> = Vec::new();
    let mut last_begin: Option<LogTime> = None;
    let mut server_began = false;
    for (number, landmark) in &scan.landmarks {
        let Some(line) = view.lines.get(*number as usize) else {
            continue;
        };
        let failure = match landmark {
            Landmark::Begin | Landmark::Banner => {
                // The server's own first line, a second time, is another start.
                let is_server = line.text.contains("] Starting gunicorn");
                let again = is_server && server_began;
                let near = match (last_begin, line.time) {
                    (Some(last), Some(time)) => time.seconds_since(last) < ONE_BEGINNING,
                    _ => false,
                };
                let open = starts
                    .last()
                    .is_some_and(|start| start.ready.is_none() && start.may_go_on());
                if !(open && near) || again {
                    starts.push(begun(*number, line.time));
                    server_began = false;
                }
                server_began |= is_server;
                last_begin = line.time;
                continue;
            }
            Landmark::Ready => {
                if starts.is_empty() {
                    starts.push(begun(*number, line.time));
                }
                if let Some(start) = starts.last_mut().filter(|start| start.ready.is_none()) {
                    start.ready = Some(*number);
                }
                continue;
            }
            Landmark::Exited | Landmark::Working => Failure::Exited,
            Landmark::NotCreated => Failure::NotCreated,
            Landmark::NotPulled => Failure::NotPulled,
            Landmark::NoAnswer => Failure::NoAnswer,
            Landmark::Abandoned => Failure::Abandoned,
            Landmark::Stopping | Landmark::Swap | Landmark::Unhealthy => continue,
        };
        if starts.is_empty() {
            starts.push(begun(0, line.time));
        }
        if let Some(start) = starts.last_mut() {
            start.failures.push((*number, failure));
        }
    }
    close(&mut starts, view);
    for start in &mut starts {
        settle(start, view);
    }
    tell_who_ended(&mut starts, view);
    starts
}

/// A start that ends without an exit code, where others before it got no answer in time, was ended by
/// whoever lost patience: the platform has the same words for it as for a container that exits.
fn tell_who_ended(starts: &mut [Start], view: &View<'_>) {
    let mut waited = false;
    for start in starts {
        if waited && start.failed_as(Failure::Exited) && !start.tells_an_exit(view) {
            for (_, failure) in &mut start.failures {
                if *failure == Failure::Exited {
                    *failure = Failure::Abandoned;
                }
            }
        }
        waited |= start.failed_as(Failure::NoAnswer) && !start.failed_as(Failure::Exited);
    }
}

fn begun(line: u32, time: Option<LogTime>) -> Start {
    Start {
        lines: (line, u32::MAX),
        began: time,
        ready: None,
        failures: Vec::new(),
        reach: None,
    }
}

/// Each ends where the next begins. What stands before the first belongs to it where it failed.
fn close(starts: &mut [Start], view: &View<'_>) {
    let all = u32::try_from(view.lines.len()).unwrap_or(u32::MAX);
    let begins: Vec<u32> = starts.iter().map(|start| start.lines.0).collect();
    for (at, start) in starts.iter_mut().enumerate() {
        start.lines.1 = begins.get(at + 1).copied().unwrap_or(all);
    }
}

/// Where its server listened; and what failed on the way to a good start is no failure: a warm-up
/// that took long, a pull in whose place a local copy was taken.
fn settle(start: &mut Start, view: &View<'_>) {
    let port = listening::platform_port(view.bundle);
    for number in start.lines.0..start.lines.1 {
        let Some(line) = view.lines.get(number as usize) else {
            break;
        };
        if line.source == Source::Console
            && let Some(reached) = listening::reached(&line.text, port)
            && start.reach.is_none_or(|(_, before)| !before)
        {
            start.reach = Some((number, reached));
        }
    }
    if let Some(ready) = start.ready {
        start
            .failures
            .retain(|(line, failure)| *line > ready || *failure == Failure::Exited);
    }
}

/// Seconds that the platform waits, by a setting or a `docker run`.
pub(super) fn limit(view: &View<'_>) -> Option<(f64, Option<u32>)> {
    const NAME: &str = "WEBSITES_CONTAINER_START_TIME_LIMIT";
    let in_line = view
        .lines
        .iter()
        .position(|line: &Line<'_>| line.source == Source::Platform && line.text.contains(NAME));
    if let Some(at) = in_line {
        let (_, rest) = view.lines[at].text.split_once(NAME)?;
        let digits: String = rest
            .trim_start_matches('=')
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        return Some((digits.parse().ok()?, u32::try_from(at).ok()));
    }
    let settings = view.bundle.settings.iter().flat_map(|one| &one.settings);
    let mut named = settings.filter(|setting| setting.name == NAME);
    Some((named.next()?.value.parse().ok()?, None))
}
