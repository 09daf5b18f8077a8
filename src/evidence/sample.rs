//! One row per request: what the client saw, and nothing that it inferred.
//!
//! A phase's samples are one CSV file with a header, in the order of [`Sample`]'s fields:
//! `index,start,route,status,error,ttfb_seconds,total_seconds,client_limit_seconds`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::load::FailureClass;

/// The header of a samples file, in the order of the columns.
pub const COLUMNS: [&str; 8] = [
    "index",
    "start",
    "route",
    "status",
    "error",
    "ttfb_seconds",
    "total_seconds",
    "client_limit_seconds",
];

/// One request, as its client saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The how-manieth request of its phase, from 1.
    pub index: u32,
    /// When the client began to connect, UTC. Absent in exports that did not note it.
    pub start: Option<Timestamp>,
    /// Path and query as sent, for instance `/slow?seconds=7`.
    pub route: String,
    /// The status of the answer, or `000` when none came.
    pub status: Status,
    /// Why there was no answer; empty when there was one.
    pub error: Option<FailureClass>,
    /// Seconds from the start to the first byte of the answer.
    pub ttfb_seconds: Option<f64>,
    /// Seconds from the start to the end of the answer, or to giving up.
    pub total_seconds: Option<f64>,
    /// How long the client was willing to wait, in seconds.
    pub client_limit_seconds: Option<f64>,
}

impl Sample {
    /// True if the client closed the connection because its own limit had passed.
    pub fn gave_up(&self) -> bool {
        if !self.status.is_none() {
            return false;
        }
        match self.error {
            Some(class) => class == FailureClass::Timeout,
            None => match (self.total_seconds, self.client_limit_seconds) {
                (Some(total), Some(limit)) => total >= limit,
                _ => false,
            },
        }
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.route.split('?').next().unwrap_or(&self.route)
    }
}

/// An HTTP status, or `000` where no answer came: written with three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// No answer came.
    pub const NONE: Status = Status(0);

    /// The status `code`; `None` unless it is 0 or has three digits.
    pub fn new(code: u16) -> Option<Status> {
        (code == 0 || (100..=999).contains(&code)).then_some(Status(code))
    }

    /// The number; 0 where no answer came.
    pub fn code(self) -> u16 {
        self.0
    }

    /// True if no answer came.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:03}", self.0)
    }
}

/// A text that is no HTTP status.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("status `{0}` is neither three digits nor zeros only")]
pub struct StatusError(pub String);

impl FromStr for Status {
    type Err = StatusError;

    /// Any run of zeros means that no answer came: some scripts print `000000`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let fail = || StatusError(text.to_owned());
        if !text.is_empty() && text.bytes().all(|byte| byte == b'0') {
            return Ok(Status::NONE);
        }
        let code: u16 = text.parse().map_err(|_| fail())?;
        Status::new(code).ok_or_else(fail)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
