//! Where checks run: a thread with an event loop of its own, made when it is first needed.
//!
//! The event loop of a sync worker stands still between two requests, and every thread of a
//! gthread worker has another. A client's connection has to live longer than a request.

use std::future::Future;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};

/// The thread, once it is there. It ends with its process.
#[derive(Debug, Default)]
pub(in crate::app) struct CheckRuntime {
    handle: Mutex<Option<Handle>>,
}

impl CheckRuntime {
    /// Run `work` there and wait for it. `None` when there is no thread to be had.
    ///
    /// The work goes on where the caller gives up, so that what it finds is kept for the next.
    pub(in crate::app) async fn run<T, W>(&self, work: W) -> Option<T>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        self.handle()?.spawn(work).await.ok()
    }

    /// The event loop's handle, for work that nobody waits for.
    pub(in crate::app) fn handle(&self) -> Option<Handle> {
        self.handle_from(start)
    }

    /// Descriptors and threads that run out come back: whoever asks next tries again.
    fn handle_from(&self, start: impl FnOnce() -> Option<Handle>) -> Option<Handle> {
        let mut handle = self.handle.lock();
        if handle.is_none() {
            *handle = start();
        }
        handle.clone()
    }
}

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new().name("readiness".to_owned());
    let started = thread.spawn(move || runtime.block_on(std::future::pending::<()>()));
    started.is_ok().then_some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_failed_is_tried_again_and_one_that_succeeded_is_the_only_one() {
        let runtime = CheckRuntime::default();
        assert!(runtime.handle_from(|| None).is_none());
        let handle = runtime.handle().unwrap();
        let (done, answer) = std::sync::mpsc::channel();
        handle.spawn(async move { done.send(true) });
        assert_eq!(answer.recv(), Ok(true));
        assert!(runtime.handle_from(|| panic!("it is there")).is_some());
    }
}
