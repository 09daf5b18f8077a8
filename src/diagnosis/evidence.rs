//! What was read and derived, handed to every sign.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::facts::{Fact, Seen, look};
use super::scan::{Landmark, Scan};
use super::starts::{Start, starts};
use super::traffic::Traffic;
use super::view::{Source, View};
use super::window::{Windows, windows};

/// Everything that signs look at.
pub(super) struct Evidence<'b> {
    pub view: View<'b>,
    pub scan: Scan,
    pub starts: Vec<Start>,
    pub traffic: Traffic,
    pub windows: Windows,
    /// The first decisive line of each failed start and of the incident, by number of the line.
    pub first_decisive: Vec<u32>,
    known: RefCell<BTreeMap<Fact, Seen>>,
}

impl<'b> Evidence<'b> {
    pub fn of(view: View<'b>) -> Evidence<'b> {
        let scan = Scan::of(&view);
        let starts = starts(&view, &scan);
        let mut view = view;
        view.drop_settling(&starts);
        let traffic = Traffic::of(&view);
        let windows = windows(&view, &scan, &starts, &traffic);
        let mut evidence = Evidence {
            view,
            scan,
            starts,
            traffic,
            windows,
            first_decisive: Vec::new(),
            known: RefCell::new(BTreeMap::new()),
        };
        evidence.first_decisive = super::order::first_decisive(&evidence);
        evidence
    }

    /// Whether a fact is there; each is looked for once.
    pub fn fact(&self, fact: Fact) -> Seen {
        if let Some(seen) = self.known.borrow().get(&fact) {
            return seen.clone();
        }
        let seen = look(fact, self);
        self.known.borrow_mut().insert(fact, seen.clone());
        seen
    }

    pub fn has(&self, fact: Fact) -> bool {
        self.fact(fact).met == Some(true)
    }

    pub fn failed_starts(&self) -> impl Iterator<Item = &Start> {
        self.starts.iter().filter(|start| start.has_failed())
    }

    /// Numbers of the requests that came within the main window; all where none is known.
    pub fn inside(&self) -> std::ops::Range<usize> {
        let Some(window) = self.windows.main() else {
            return 0..self.view.requests.len();
        };
        let (from, to) = (self.view.second(window.from), self.view.second(window.to));
        let requests = &self.view.requests;
        let first = requests.partition_point(|request| request.start < from - 1.0);
        let last = requests.partition_point(|request| request.start <= to + 1.0);
        first..last
    }

    /// Numbers of the requests within the main window that failed or waited, in order.
    pub fn touched(&self) -> Vec<usize> {
        let inside = self.inside();
        let both = self.traffic.failed.iter().chain(&self.traffic.suffered);
        let mut touched: Vec<usize> = both.copied().filter(|at| inside.contains(at)).collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Numbers of the lines with this landmark.
    pub fn landmarks(&self, wanted: Landmark) -> impl Iterator<Item = u32> + '_ {
        self.scan
            .landmarks
            .iter()
            .filter(move |(_, landmark)| *landmark == wanted)
            .map(|(line, _)| *line)
    }

    /// Whether lines of this source can be missed: it is there, and nothing of it was lost.
    pub fn is_complete(&self, source: Source) -> bool {
        match source {
            Source::Console => {
                self.view.bundle.console.is_complete() && !self.view.bundle.console.rows.is_empty()
            }
            Source::Platform => {
                self.view.bundle.platform.is_complete()
                    && !self.view.bundle.platform.rows.is_empty()
            }
            Source::Text(_) => !self.view.bundle.texts.is_empty(),
        }
    }

    pub fn any_trouble(&self) -> bool {
        self.starts.iter().any(Start::has_failed)
            || self.traffic.failed_share() > 0.02
            || self.traffic.suffered.len() * 20 > self.traffic.total()
            || self.has(Fact::ErrorLines)
            || !self.first_decisive.is_empty()
    }
}
