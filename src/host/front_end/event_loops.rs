//! The event loops that a front end's connections stay on.
//!
//! Each is one thread. A request's bytes, its connection to the site and the memory of both stay with
//! it: threads that share their work wake each other for a part of nearly every request, and take from
//! each other what it needs.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A timer that is set for a time before all others wakes its loop, in tokio by a system call: with
/// this one no timer of a request is.
const SOON: Duration = Duration::from_secs(1);

/// The loops of one front end. They end when this is dropped.
#[derive(Debug)]
pub(super) struct EventLoops(Vec<EventLoop>);

#[derive(Debug)]
struct EventLoop {
    handle: Handle,
    /// Has one more owner for each connection.
    connections: Arc<()>,
    /// The thread ends when it is dropped.
    _running: oneshot::Sender<()>,
}

impl EventLoops {
    /// One for each core, or as many as can be had.
    pub(super) fn start() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self((0..cores).map_while(|_| EventLoop::start().ok()).collect())
    }

    /// The first of those with the fewest connections, and what a connection has to hold as long as it
    /// is open. Where there is none, the caller's own runtime.
    pub(super) fn least_busy(&self) -> (Handle, Arc<()>) {
        let connections = |event_loop: &&EventLoop| Arc::strong_count(&event_loop.connections);
        match self.0.iter().min_by_key(connections) {
            Some(least) => (least.handle.clone(), Arc::clone(&least.connections)),
            None => (Handle::current(), Arc::default()),
        }
    }
}

impl EventLoop {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("front end".to_owned());
        thread.spawn(move || runtime.block_on(run_until(ended)))?;
        Ok(Self {
            handle,
            connections: Arc::default(),
            _running: running,
        })
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
