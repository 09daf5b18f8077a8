//! Why a trigger ended without a run, or in the middle of one.

use crate::evidence::record::RecordError;
use crate::load::{ClientError, Failure, FailureClass};

/// Why a trigger could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The target does not answer as a web server at all.
    #[error("{}", unreachable(url, failure))]
    Unreachable {
        /// What was asked.
        url: String,
        /// How it failed.
        failure: Failure,
    },
    /// Somebody answers, who is neither labrat nor one of the labs' applications.
    #[error(
        "{url} is not a labrat target: {why}\n\nhint: start one with `labrat serve`, or check the URL"
    )]
    NotLabrat {
        /// What was asked.
        url: String,
        /// What gave it away.
        why: String,
    },
    /// The host is not this machine, and nobody said that it may be loaded.
    #[error(
        "refusing to put load on {host}, which is not this machine\n\nhint: give --yes-this-is-mine if the target is yours"
    )]
    NotLoopback {
        /// The host.
        host: String,
    },
    /// The target's fault routes are locked, and the key is missing or wrong.
    #[error(
        "the fault routes of {url} are locked, and {why}\n\nhint: give the target's key with --key or LAB_KEY"
    )]
    Locked {
        /// The target.
        url: String,
        /// Whether a key was given.
        why: &'static str,
    },
    /// The scenario has a second slot and no URL for it.
    #[error("{scenario} needs the URL of the slot {slot}\n\nhint: give it with --slot-url")]
    NoSlotUrl {
        /// The scenario.
        scenario: &'static str,
        /// The slot.
        slot: &'static str,
    },
    /// The client could not be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The bundle could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Whoever was asked to act on the platform could not.
    #[error("the action {action:?} was not done: {why}")]
    Action {
        /// What was asked for.
        action: String,
        /// Why it was not done.
        why: String,
    },
    /// The log tables could not be collected.
    #[error("the log tables were not collected: {0}")]
    Tables(String),
}

fn unreachable(url: &str, failure: &Failure) -> String {
    let detail = &failure.detail;
    match failure.class {
        FailureClass::Dns => format!("host name not found for {url}: {detail}"),
        FailureClass::Refused => format!(
            "connection refused by {url}: nothing listens there\n\nhint: start the target, or check host and port"
        ),
        FailureClass::Tls if detail.contains("certificate") => {
            format!("certificate error at {url}: {detail}")
        }
        FailureClass::Tls => format!("TLS handshake failed with {url}: {detail}"),
        FailureClass::Timeout => format!("timed out waiting for {url}: {detail}"),
        FailureClass::Reset | FailureClass::Closed => {
            format!("{url} closed the connection without an answer: {detail}")
        }
        FailureClass::Other => format!("cannot speak HTTP with {url}: {detail}"),
    }
}
