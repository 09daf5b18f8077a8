//! When the trouble was: rows that fail, wait or complain, in groups that lie apart.

use serde::Serialize;

use super::scan::Scan;
use super::starts::Start;
use super::traffic::Traffic;
use super::view::View;
use crate::tables::LogTime;

/// Seconds without trouble that part two windows.
const APART: f64 = 1_800.0;

/// Seconds before a window in which its cause may stand, and after it.
const BEFORE: f64 = 900.0;
const AFTER: f64 = 300.0;

/// One group of troubles.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TroubleWindow {
    /// Its first moment.
    #[schemars(with = "String")]
    pub from: LogTime,
    /// Its last.
    #[schemars(with = "String")]
    pub to: LogTime,
    /// Requests that failed or waited.
    pub requests: usize,
    /// Starts that failed.
    pub failed_starts: usize,
}

/// All of them, and the one that is explained.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows {
    pub all: Vec<TroubleWindow>,
    pub main: Option<usize>,
}

impl Windows {
    pub fn main(&self) -> Option<&TroubleWindow> {
        self.all.get(self.main?)
    }

    /// True where no window is known, or the moment lies within the main one or shortly around it.
    pub fn around_main(&self, time: LogTime) -> bool {
        self.main().is_none_or(|window| {
            time >= window.from.plus_seconds(-BEFORE) && time <= window.to.plus_seconds(AFTER)
        })
    }
}

/// Find them.
pub(super) fn windows(
    view: &View<'_>,
    _scan: &Scan,
    starts: &[Start],
    traffic: &Traffic,
) -> Windows {
    let mut troubles: Vec<(LogTime, LogTime, bool)> = Vec::new();
    let touched = traffic.failed.iter().chain(&traffic.suffered);
    for at in touched {
        if let Some(request) = view.requests.get(*at) {
            troubles.push((view.moment(request.start), view.moment(request.end), false));
        }
    }
    for start in starts.iter().filter(|start| start.has_failed()) {
        let time_of = |number: u32| view.lines.get(number as usize)?.time;
        let failed = start.failures.last().and_then(|(line, _)| time_of(*line));
        if let Some(to) = failed.or(start.began) {
            troubles.push((start.began.unwrap_or(to), to, true));
        }
    }
    troubles.sort_by_key(|(from, ..)| *from);
    let mut all: Vec<TroubleWindow> = Vec::new();
    for (from, to, is_start) in troubles {
        let near = all
            .last()
            .is_some_and(|last| from.seconds_since(last.to) <= APART);
        if !near {
            all.push(TroubleWindow {
                from,
                to,
                requests: 0,
                failed_starts: 0,
            });
        }
        if let Some(last) = all.last_mut() {
            last.to = last.to.max(to);
            match is_start {
                true => last.failed_starts += 1,
                false => last.requests += 1,
            }
        }
    }
    let weight = |window: &TroubleWindow| window.requests + 10 * window.failed_starts;
    let main = (0..all.len()).max_by_key(|at| weight(&all[*at]));
    Windows { all, main }
}
