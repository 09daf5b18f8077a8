//! Stop flag and in-flight request of a worker, shared by its main and its signal thread.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::app::AppState;
use crate::machine::sys;
use crate::serve::console::{ErrorLog, LogEvent};
use crate::serve::http::head::Head;
use crate::serve::listener::{Connection, Listener};

/// The one connection that a sync worker is serving.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    pub connection: Arc<Connection>,
    pub peer: Option<SocketAddr>,
    /// The request, once its head is read.
    pub head: Option<Arc<Head>>,
    pub since: Instant,
}

/// What the main thread and the signal thread share.
#[derive(Debug)]
pub(super) struct WorkerState {
    alive: AtomicBool,
    leaving: AtomicBool,
    wake: EventFd,
    /// The same for a main thread that is an event loop.
    stopped: Notify,
    in_flight: Mutex<Option<InFlight>>,
    state: OnceLock<Arc<AppState>>,
    log: Arc<ErrorLog>,
}

impl WorkerState {
    /// The state of a worker that begins.
    pub fn new(log: Arc<ErrorLog>) -> io::Result<Self> {
        Ok(Self {
            alive: AtomicBool::new(true),
            leaving: AtomicBool::new(false),
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            stopped: Notify::new(),
            in_flight: Mutex::new(None),
            state: OnceLock::new(),
            log,
        })
    }

    /// Whether the worker should take another connection.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Take no further connection, and wake the main thread if it waits for one.
    pub fn stop(&self) {
        self.alive.store(false, Ordering::Release);
        // The counter of an eventfd cannot overflow by ones.
        let _ = self.wake.write(1);
        self.stopped.notify_one();
    }

    /// Wait to be told to stop.
    pub async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// The application's state, once it is loaded.
    pub fn adopt(&self, state: Arc<AppState>) {
        // Set once, by the one boot of this worker.
        let _ = self.state.set(state);
    }

    /// The application's state, if it is loaded.
    pub fn state(&self) -> Option<&Arc<AppState>> {
        self.state.get()
    }

    /// A connection is about to be served.
    pub fn set_in_flight(&self, in_flight: InFlight) {
        *self.in_flight.lock() = Some(in_flight);
    }

    /// The head of the connection's request is known.
    pub fn describe(&self, head: &Arc<Head>) {
        if let Some(in_flight) = self.in_flight.lock().as_mut() {
            in_flight.head = Some(Arc::clone(head));
        }
    }

    /// Take the connection, so that only one of main and signal thread answers it. `None` means
    /// that the other one has it.
    pub fn take_in_flight(&self) -> Option<InFlight> {
        self.in_flight.lock().take()
    }

    /// The signal thread has taken this worker's connection and will end the process: wait for that.
    pub fn wait_for_the_end(&self) -> ! {
        loop {
            std::thread::park();
        }
    }

    /// Say goodbye, once, and return the exit code. Whoever comes second waits for the end.
    pub fn leave(&self, code: i32) -> i32 {
        if self.leaving.swap(true, Ordering::AcqRel) {
            self.wait_for_the_end();
        }
        self.log.log(&LogEvent::WorkerExiting {
            pid: std::process::id(),
        });
        code
    }

    /// Leave from the signal thread: the process ends here, whatever the main thread is doing.
    pub fn leave_now(&self, code: i32) -> ! {
        let code = self.leave(code);
        sys::exit_now(code)
    }

    /// Wait until the one listener has a connection, the worker is woken, or the time is up.
    pub fn wait_for_connection(&self, listener: &Listener, at_most: Duration) -> io::Result<()> {
        self.wait(&mut [to_read(listener), to_read(&self.wake)], at_most)
    }

    /// Wait until the worker is woken or the time is up, whoever connects meanwhile.
    pub fn wait_to_be_woken(&self, at_most: Duration) -> io::Result<()> {
        self.wait(&mut [to_read(&self.wake)], at_most)
    }

    /// The same for any of several listeners; the numbers of those that have a connection.
    pub fn wait_for_connections(
        &self,
        listeners: &[Listener],
        at_most: Duration,
    ) -> io::Result<Vec<usize>> {
        let mut places: Vec<PollFd<'_>> = listeners.iter().map(to_read).collect();
        places.push(to_read(&self.wake));
        self.wait(&mut places, at_most)?;
        Ok((0..listeners.len())
            .filter(|&number| is_ready(&places[number]))
            .collect())
    }

    /// Wait for one of several descriptors, the last of which wakes the worker.
    pub fn wait(&self, places: &mut [PollFd<'_>], at_most: Duration) -> io::Result<()> {
        match poll(places, poll_timeout(at_most)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if places.last().is_some_and(is_ready) {
            self.drain_wake();
        }
        Ok(())
    }

    /// The descriptor that becomes readable when the worker is woken.
    pub fn wake_descriptor(&self) -> &EventFd {
        &self.wake
    }

    /// Wake the main thread.
    pub fn wake(&self) {
        let _ = self.wake.write(1);
    }

    /// Forget that the worker was woken.
    fn drain_wake(&self) {
        // Nothing to read means nothing to forget.
        let _ = self.wake.read();
    }
}

/// A place to wait for something to read.
pub(super) fn to_read(descriptor: &impl AsFd) -> PollFd<'_> {
    PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)
}

/// Whether there is something to read.
pub(super) fn is_ready(place: &PollFd<'_>) -> bool {
    place.any().unwrap_or(false)
}

/// A poll timeout, rounded up to whole milliseconds so that it never spins.
pub(super) fn poll_timeout(time: Duration) -> PollTimeout {
    let milliseconds = time.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}
