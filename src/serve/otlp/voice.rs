//! What the console hears of a collector: once that it does not answer, then once a minute at most.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::messages::PartialSuccess;
use crate::redaction::redact;
use crate::serve::console::{ErrorLog, LogEvent};

/// Between two lines about the same collector.
const PAUSE: Duration = Duration::from_secs(60);
/// Characters of a collector's own words.
const MOST_WORDS: usize = 200;

/// The console lines about one kind of telemetry.
#[derive(Debug)]
pub(super) struct Voice {
    log: Arc<ErrorLog>,
    what: &'static str,
    url: String,
    dropped: Cell<u64>,
    /// How many of them the console knows of.
    told_dropped: Cell<u64>,
    /// Why the last ones did not get there.
    last_error: RefCell<String>,
    is_failing: Cell<bool>,
    told_failure: Cell<Option<Instant>>,
    told_rejection: Cell<Option<Instant>>,
}

impl Voice {
    /// Say where this goes.
    pub fn begin(log: &Arc<ErrorLog>, what: &'static str, url: String) -> Self {
        log.log(&LogEvent::ExportingTo { what, url: &url });
        Self {
            log: Arc::clone(log),
            what,
            url,
            dropped: Cell::new(0),
            told_dropped: Cell::new(0),
            last_error: RefCell::default(),
            is_failing: Cell::new(false),
            told_failure: Cell::new(None),
            told_rejection: Cell::new(None),
        }
    }

    /// So many are lost.
    pub fn drop(&self, count: u64) {
        self.dropped.set(self.dropped.get() + count);
    }

    /// The collector took nothing.
    pub fn failed(&self, error: &str) {
        error.clone_into(&mut self.last_error.borrow_mut());
        if is_due(&self.told_failure) {
            self.is_failing.set(true);
            self.tell_failure();
        }
    }

    /// Nothing more is sent: say what is lost and was not said yet.
    pub fn finish(&self) {
        if self.dropped.get() > self.told_dropped.get() {
            self.tell_failure();
        }
    }

    fn tell_failure(&self) {
        self.told_dropped.set(self.dropped.get());
        self.log.log(&LogEvent::ExportFailing {
            what: self.what,
            url: &self.url,
            error: &self.last_error.borrow(),
            dropped: self.dropped.get(),
        });
    }

    /// The collector took everything, or said what it did not take.
    pub fn took(&self, partial: Option<&PartialSuccess>) {
        if self.is_failing.take() {
            self.log.log(&LogEvent::ExportResumed {
                what: self.what,
                url: &self.url,
                dropped: self.dropped.get(),
            });
        }
        let Some(partial) = partial else { return };
        let has_news = partial.rejected != 0 || !partial.error_message.is_empty();
        if has_news && is_due(&self.told_rejection) {
            let words: String = partial.error_message.chars().take(MOST_WORDS).collect();
            self.log.log(&LogEvent::ExportRejected {
                what: self.what,
                url: &self.url,
                count: partial.rejected,
                reason: &redact(&words),
            });
        }
    }
}

/// Whether the last line is long enough ago; if so, this is the last one now.
fn is_due(told: &Cell<Option<Instant>>) -> bool {
    let now = Instant::now();
    let is_due = told.get().is_none_or(|last| now - last >= PAUSE);
    if is_due {
        told.set(Some(now));
    }
    is_due
}
