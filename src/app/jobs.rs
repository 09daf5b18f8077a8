//! Work that goes on behind answers that were given: the jobs of one worker, bounded and undone.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The jobs of one worker.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    under_way: u64,
    finished: u64,
    /// Grows with every undo: jobs that began before end at once.
    undone: u64,
}

/// Why a job was not begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoJob {
    /// As many are under way as may be.
    #[error("{0} jobs are under way, and no more are taken")]
    Full(u64),
    /// The system has no thread left.
    #[error("no thread for a job: {0}")]
    Thread(#[from] std::io::Error),
}

impl Jobs {
    /// Begin one, unless `most` are under way.
    pub(super) fn begin(self: &Arc<Self>, most: u64, lasts: Duration) -> Result<(), NoJob> {
        let began = {
            let mut counts = self.counts.lock();
            if counts.under_way >= most {
                return Err(NoJob::Full(counts.under_way));
            }
            counts.under_way += 1;
            counts.undone
        };
        let jobs = Arc::clone(self);
        let thread = thread::Builder::new().name("job".to_owned());
        if let Err(error) = thread.spawn(move || jobs.work(began, lasts)) {
            self.counts.lock().under_way -= 1;
            return Err(error.into());
        }
        Ok(())
    }

    /// The work of a job: it takes its time.
    fn work(&self, began: u64, lasts: Duration) {
        let until = Instant::now() + lasts;
        let mut counts = self.counts.lock();
        while counts.undone == began && !self.changed.wait_until(&mut counts, until).timed_out() {}
        counts.under_way -= 1;
        counts.finished += u64::from(counts.undone == began);
    }

    /// Jobs under way, and those that are finished.
    pub(super) fn counted(&self) -> (u64, u64) {
        let counts = self.counts.lock();
        (counts.under_way, counts.finished)
    }

    /// End every job there and then, and forget those that are finished.
    pub(super) fn undo(&self) {
        let mut counts = self.counts.lock();
        counts.undone += 1;
        counts.finished = 0;
        self.changed.notify_all();
    }
}
