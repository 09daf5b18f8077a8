//! A thread that asks a pool ten times a second what is new, and puts it into a feed.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use super::control_client::{ExchangeError, exchange};
use super::{Event, Feed, What};

/// Between two questions.
const PERIOD: Duration = Duration::from_millis(100);

/// A connection to a pool that several may ask over, one after the other.
#[derive(Debug)]
pub struct Line(Mutex<UnixStream>);

impl Line {
    /// Over this connection.
    #[must_use]
    pub fn over(stream: UnixStream) -> Self {
        Self(Mutex::new(stream))
    }

    /// Ask and wait for the answer.
    ///
    /// # Errors
    /// When the pool is gone or refuses.
    pub fn ask(&self, command: &str) -> Result<Value, ExchangeError> {
        exchange(&mut *self.0.lock(), command)
    }
}

/// Where a pool's events come from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The slot of the site, where there are slots.
    pub slot: Option<String>,
    /// Which pool of the run, where one follows another.
    pub pool: Option<u32>,
}

/// A thread that does something again and again; dropped, it is told to stop and waited for.
#[derive(Debug)]
pub struct Background {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Whether the thread is to stop.
#[derive(Debug)]
pub struct Stop(mpsc::Receiver<()>);

impl Stop {
    /// Wait for so long, or until it is to stop; whether it is.
    #[must_use]
    pub fn comes_within(&self, pause: Duration) -> bool {
        self.0.recv_timeout(pause) != Err(RecvTimeoutError::Timeout)
    }
}

impl Background {
    /// Start it. It asks for its stop between what it does.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(name: &str, work: impl FnOnce(&Stop) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&Stop(stopped)))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has panicked, which it does not, or ends within one round.
            let _ = thread.join();
        }
    }
}

/// Follow the pool at the other end of this connection until it is gone, or nobody asks any more: its
/// slot has another pool, or none.
///
/// # Errors
/// When no thread can be started.
pub fn start(feed: Arc<Feed>, origin: Origin, line: Arc<Line>) -> io::Result<Background> {
    Background::start("timeline", move |stop| {
        let mut from = 0;
        while let Some(next) = follow(&line, from, &feed, &origin) {
            from = next;
            if stop.comes_within(PERIOD) {
                break;
            }
        }
        feed.push(&origin.mark(Event::now(What::Over {})));
    })
}

/// Take what is new; returns where to go on, or nothing where the pool has gone or knows no such
/// question, as the real Gunicorn does not.
fn follow(line: &Line, from: u64, feed: &Feed, origin: &Origin) -> Option<u64> {
    let answer = line.ask(&format!("show timeline {from}")).ok()?;
    for event in answer["events"].as_array()? {
        // What a later release tells is passed by.
        if let Ok(event) = serde_json::from_value::<Event>(event.clone()) {
            feed.push(&origin.mark(event));
        }
    }
    answer["next"].as_u64()
}

impl Origin {
    fn mark(&self, event: Event) -> Event {
        Event {
            slot: self.slot.clone(),
            pool: self.pool,
            ..event
        }
    }
}
