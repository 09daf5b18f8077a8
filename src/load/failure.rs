//! Why a request ended without a whole answer: a closed vocabulary.

use std::error::Error;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// The ways in which a request can end without a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// The client's own limit passed: it closed its socket.
    Timeout,
    /// Nobody listens at the address (`ECONNREFUSED`).
    Refused,
    /// The other side reset the connection (`ECONNRESET`, `EPIPE`).
    Reset,
    /// The other side closed the connection before the answer was whole.
    Closed,
    /// The host's name has no address.
    Dns,
    /// The TLS handshake failed; a certificate that is not valid is among these.
    Tls,
    /// Anything else: no route, an answer that is not HTTP, a body beyond the bound.
    Other,
}

impl FailureClass {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Timeout,
        Self::Refused,
        Self::Reset,
        Self::Closed,
        Self::Dns,
        Self::Tls,
        Self::Other,
    ];

    /// The word that stands in samples.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A class, and what the system said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {detail}")]
pub struct Failure {
    /// The class.
    pub class: FailureClass,
    /// What the system or the library said, for a person.
    pub detail: String,
}

impl Failure {
    /// A failure of `class`.
    pub(super) fn new(class: FailureClass, detail: impl fmt::Display) -> Self {
        Self {
            class,
            detail: detail.to_string(),
        }
    }

    /// A connect or a read that failed with `error`.
    pub(super) fn from_io(error: &io::Error) -> Self {
        Self::new(class_of_io(error), error)
    }

    /// A TLS handshake that failed with `error`. A peer that closes in the middle of the handshake
    /// counts as TLS: it did not agree to speak it.
    pub(super) fn from_handshake(error: &io::Error) -> Self {
        let class = match class_of_io(error) {
            FailureClass::Reset => FailureClass::Reset,
            _ => FailureClass::Tls,
        };
        Self::new(class, error)
    }

    /// An exchange that hyper gave up on.
    pub(super) fn from_hyper(error: &hyper::Error) -> Self {
        let detail = innermost(error);
        if let Some(io_error) = find_io(error) {
            return Self::new(class_of_io(io_error), detail);
        }
        // `canceled` is how a sender learns that its connection ended while the request waited.
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Self::new(FailureClass::Closed, detail);
        }
        Self::new(FailureClass::Other, detail)
    }
}

fn class_of_io(error: &io::Error) -> FailureClass {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureClass::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => FailureClass::Reset,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::NotConnected => FailureClass::Closed,
        io::ErrorKind::TimedOut => FailureClass::Timeout,
        _ => FailureClass::Other,
    }
}

fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut current = Some(error);
    while let Some(one) = current {
        if let Some(io_error) = one.downcast_ref::<io::Error>() {
            return Some(io_error);
        }
        current = one.source();
    }
    None
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
