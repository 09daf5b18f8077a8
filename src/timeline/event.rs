//! The events of a stream, one JSON object each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The slot of the site, where the platform tells of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Which pool of the slot, where one follows another: numbers are those of one pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<u32>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// This happens now.
    #[must_use]
    pub fn now(what: What) -> Self {
        Self::at(now(), what)
    }

    /// This happened then, in seconds since 1970.
    #[must_use]
    pub fn at(at: f64, what: What) -> Self {
        Self {
            at: (at * 1000.0).round() / 1000.0,
            slot: None,
            pool: None,
            what,
        }
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> f64 {
    Timestamp::now().as_duration().as_secs_f64()
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// A look at the whole pool.
    Pool(Load),
    /// The kernel has completed a connection, which waits for a worker.
    Queued {
        /// Number of the connection.
        connection: u64,
    },
    /// Its client has closed it. Whoever waits is executed all the same.
    Left {
        /// Number of the connection.
        connection: u64,
    },
    /// A worker has taken it from the queue, and has no thread free for it yet.
    Accepted {
        /// Number of the connection.
        connection: u64,
    },
    /// It is over without a request that was told.
    Dropped {
        /// Number of the connection.
        connection: u64,
    },
    /// A worker has a request in its hands.
    Begun {
        /// Number of the request.
        request: u64,
        /// The worker's process.
        worker: u32,
        /// Method and target; empty while the head is unread.
        text: String,
        /// Number of its connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<u64>,
        /// Seconds in the accept queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waited: Option<f64>,
    },
    /// The head of a request was read.
    Read {
        /// Number of the request.
        request: u64,
        /// Method and target.
        text: String,
    },
    /// A worker is done with a request.
    Ended {
        /// Number of the request.
        request: u64,
        /// What it answered, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// Requests that were too short and too many to be told one by one.
    Many {
        /// The worker's process.
        worker: u32,
        /// How many.
        count: u64,
    },
    /// A worker was forked.
    Born {
        /// Its process.
        worker: u32,
        /// Ordinal of the worker (Gunicorn's `age`), from 1.
        age: u64,
    },
    /// A worker ended.
    Died {
        /// Its process.
        worker: u32,
        /// How: `SIGKILL`, `exit code 1`.
        how: String,
        /// Who did it: `the arbiter`, `the kernel, out of memory`.
        by: String,
    },
    /// The arbiter tells nothing more: it was told to stop, or is gone.
    Over {},
    /// The front end holds a request: no container serves yet.
    Held {
        /// Number of the request at this front end.
        number: u64,
        /// Method and path.
        text: String,
        /// Requests that it holds now.
        holding: u64,
    },
    /// It has let the request go to a container.
    Released {
        /// Number of the request at this front end.
        number: u64,
        /// Seconds since it came.
        waited: f64,
        /// Requests that it holds now.
        holding: u64,
    },
    /// A request ended at the front end without an answer of the site.
    Unanswered {
        /// Its number, where it was held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
        /// Method and path.
        text: String,
        /// How it ended.
        why: Unanswered,
        /// The status of its row.
        status: u16,
        /// Seconds since it came.
        took: f64,
        /// Requests that the front end holds now.
        holding: u64,
    },
    /// Events of the front end that were too many to be told one by one.
    Untold {
        /// How many.
        count: u64,
        /// Requests that it holds now.
        holding: u64,
    },
    /// Resident memory of the workers, and what the machine loses by waiting.
    Memory {
        /// Bytes of all workers.
        resident: u64,
        /// Percent of the last 10 s in which a task waited for memory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_pressure: Option<f64>,
        /// The same for a processor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        processor_pressure: Option<f64>,
    },
    /// Somebody pulled a lever of the page.
    Lever {
        /// Which.
        name: String,
        /// What came of it.
        said: String,
        /// Seconds that a new client was predicted to wait after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        predicted: Option<f64>,
        /// Why nothing was predicted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unpredicted: Option<String>,
    },
    /// The platform logged something, or the stream has something to say of itself.
    Platform {
        /// Its words.
        text: String,
    },
}

/// How a request ended that the site did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unanswered {
    /// The client left first (499).
    ClientLeft,
    /// The front end's limit passed: 230 to 240 s on the platform.
    Limit,
    /// It was held for a start that failed, or did not end in time.
    StartFailed,
    /// The container took no connection.
    Refused,
    /// The container closed the connection without an answer.
    NoAnswer,
    /// The site is stopped, blocked or not ready, or the front end has no descriptor left.
    TurnedAway,
    /// The front end was stopped.
    FrontEndStopped,
}

impl Unanswered {
    /// In a few words, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ClientLeft => "its client left",
            Self::Limit => "the front end's limit passed",
            Self::StartFailed => "the start that it was held for failed or took too long",
            Self::Refused => "the container took no connection",
            Self::NoAnswer => "the container closed the connection",
            Self::TurnedAway => "the site is stopped, blocked or not ready",
            Self::FrontEndStopped => "the front end was stopped",
        }
    }
}

/// The pool at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// `sync`, `gthread` or `async`.
    pub class: String,
    /// Workers that the arbiter wants.
    pub wanted: usize,
    /// Workers that there are.
    pub alive: usize,
    /// Workers that have something in their hands.
    pub busy: usize,
    /// Requests in their hands.
    pub in_flight: usize,
    /// Requests that one worker serves at the same time.
    pub at_once: usize,
    /// Connections in the accept queue, as the kernel counts them; nothing where it does not.
    pub waiting: Option<u32>,
    /// How many may be there.
    pub backlog: Option<u32>,
    /// Those of them whose client has left.
    pub left: usize,
    /// Seconds that a request takes, on average of the last ones.
    pub service: Option<f64>,
    /// Seconds that a client would wait that comes now.
    pub wait: Option<f64>,
    /// The same with one worker more.
    pub wait_with_one_more: Option<f64>,
    /// The same with one worker fewer; nothing where one is all there is.
    pub wait_with_one_fewer: Option<f64>,
    /// The same with four threads in each worker.
    pub wait_with_threads: Option<f64>,
    /// The same with workers that serve one connection at a time.
    pub wait_with_sync: Option<f64>,
    /// All of it in one sentence.
    pub sentence: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object_and_reads_back() {
        let event = Event::at(
            12.3456,
            What::Died {
                worker: 7,
                how: "SIGKILL".to_owned(),
                by: "the arbiter".to_owned(),
            },
        );
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"at":12.346,"kind":"died","worker":7,"how":"SIGKILL","by":"the arbiter"}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        let load = r#"{"at":1.0,"kind":"pool","wanted":2,"waiting":23}"#;
        let Event {
            what: What::Pool(load),
            ..
        } = serde_json::from_str(load).unwrap()
        else {
            panic!("a look at the pool");
        };
        assert_eq!((load.wanted, load.waiting), (2, Some(23)));
    }
}
