//! The events of a run for those who watch it: numbered lines, up to a bound, and a file of them.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Event, Load, What};
use crate::encoding;
use crate::machine::own_files;

/// Bytes of a recorded stream.
pub const MOST_RECORDED: usize = 1 << 20;
/// Bytes that the last line of a full recording takes at most, with two line ends.
const LAST_LINE: usize = 256;
/// Bytes that are kept for who comes later.
const MOST_KEPT: usize = 4 << 20;

/// A stream that is being made or played. Shared by whoever writes and all who read.
#[derive(Debug)]
pub struct Feed {
    lines: Mutex<Lines>,
    next: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Arc<str>>,
    bytes: usize,
    next: u64,
    record: Option<Record>,
    /// The last look at the pool of each slot.
    looks: BTreeMap<Option<String>, Load>,
}

#[derive(Debug)]
struct Record {
    file: File,
    bytes: usize,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            lines: Mutex::default(),
            next: watch::Sender::new(0),
        }
    }
}

impl Feed {
    /// Write every event into this file as well, until it holds a mebibyte.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn record(&self, path: &Path) -> std::io::Result<()> {
        // What was asked may be anybody's secret.
        let file = own_files::private().append(true).create(true).open(path)?;
        self.lines.lock().record = Some(Record { file, bytes: 0 });
        Ok(())
    }

    /// Add an event.
    pub fn push(&self, event: &Event) {
        let Ok(line) = serde_json::to_string(event) else {
            return;
        };
        if let What::Pool(load) = &event.what {
            let mut lines = self.lines.lock();
            lines.looks.insert(event.slot.clone(), load.clone());
        }
        self.push_line(&encoding::json(line));
    }

    /// The last look at the pool of a slot, or at the only pool.
    #[must_use]
    pub fn last_look(&self, slot: Option<&str>) -> Option<Load> {
        let lines = self.lines.lock();
        lines.looks.get(&slot.map(str::to_owned)).cloned()
    }

    /// Add a line that is an event already.
    pub fn push_line(&self, line: &str) {
        let next = {
            let mut lines = self.lines.lock();
            lines.write(line);
            lines.keep(line);
            lines.next
        };
        self.next.send_replace(next);
    }

    /// The lines from that number on, and the number behind them.
    #[must_use]
    pub fn since(&self, from: u64) -> (Vec<Arc<str>>, u64) {
        let lines = self.lines.lock();
        let first = lines.next - lines.kept.len() as u64;
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (lines.kept.iter().skip(skip).cloned().collect(), lines.next)
    }

    /// Tells when there is more: the number of the next line.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }
}

impl Lines {
    fn keep(&mut self, line: &str) {
        self.bytes += line.len();
        self.kept.push_back(Arc::from(line));
        self.next += 1;
        while self.bytes > MOST_KEPT {
            match self.kept.pop_front() {
                Some(oldest) => self.bytes -= oldest.len(),
                None => break,
            }
        }
    }

    fn write(&mut self, line: &str) {
        let Some(record) = &mut self.record else {
            return;
        };
        let is_full = record.bytes + line.len() + LAST_LINE > MOST_RECORDED;
        let written = match is_full {
            true => writeln!(record.file, "{}", last_line()),
            false => writeln!(record.file, "{line}"),
        };
        record.bytes += line.len() + 1;
        // Nobody waits for a recording: a full disk ends it, and the run goes on.
        if is_full || written.is_err() {
            self.record = None;
        }
    }
}

/// What a full recording ends with.
fn last_line() -> String {
    let last = Event::now(What::Platform {
        text: "labrat: the recording is full, what comes after this is not in it".to_owned(),
    });
    serde_json::to_string(&last).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_gets_what_is_kept_and_who_follows_what_is_new() {
        let feed = Feed::default();
        let mut news = feed.news();
        for number in 0..3 {
            feed.push_line(&format!("{{\"at\":{number}}}"));
        }
        assert!(news.has_changed().unwrap());
        assert_eq!(*news.borrow_and_update(), 3);
        let (lines, next) = feed.since(1);
        assert_eq!((lines.len(), next), (2, 3));
        assert_eq!(&*lines[0], "{\"at\":1}");
        let long = "x".repeat(MOST_KEPT / 4);
        (0..5).for_each(|_| feed.push_line(&long));
        let (lines, next) = feed.since(0);
        assert_eq!((lines.len(), next), (4, 8), "the oldest made room");
    }

    #[test]
    fn a_recording_ends_at_its_bound_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timeline.jsonl");
        let feed = Feed::default();
        feed.record(&path).unwrap();
        let line = format!("{{\"at\":1,\"text\":\"{}\"}}", "x".repeat(1000));
        (0..2000).for_each(|_| feed.push_line(&line));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() <= MOST_RECORDED && text.len() > MOST_RECORDED - 2000);
        assert!(last_line().len() + 2 <= LAST_LINE);
        assert!(
            text.lines()
                .last()
                .unwrap()
                .contains("the recording is full")
        );
    }
}
