//! The threads that serve the connections of front ends.
//!
//! Each has an event loop of its own, and a connection is served by one of them to its end, together
//! with the connection to the container: what passes between two loops has to wake a thread, which
//! takes longer than to pass a request on.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Above this the kernel's side of a connection is the bottleneck on any machine.
const MOST: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// The threads. Dropped, they end, and with them what they still serve.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Lane {
    loop_of: Handle,
    /// Dropped, it ends the loop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lanes {
    /// One for each processor.
    ///
    /// # Errors
    /// When a thread or its event loop cannot be had.
    pub fn for_this_machine() -> io::Result<Self> {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::start(processors.min(MOST))
    }

    /// So many.
    ///
    /// # Errors
    /// When a thread or its event loop cannot be had.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        Ok(Self {
            lanes: (0..count.get())
                .map(Lane::start)
                .collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// The event loop whose turn it is.
    pub(super) fn next(&self) -> &Handle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        &self.lanes[number % self.lanes.len()].loop_of
    }
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let loop_of = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(format!("front-end-{number}"))
            .spawn(move || {
                // The sender never sends: it is dropped.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            loop_of,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A loop that panicked has ended as well.
            let _ = thread.join();
        }
    }
}
