//! Why a request head is refused, and how Gunicorn answers it.

use crate::serve::python::repr;

/// A request that Gunicorn refuses to hand to the application, with what it quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The request line is not three words, or its target is empty.
    RequestLine(String),
    /// The method is no token, too short or long, or in lower case.
    Method(String),
    /// The version is not `HTTP/d.d`.
    VersionText(String),
    /// The version is well formed but not 1.x.
    VersionNumber(u8, u8),
    /// A header line, or a header that governs the length of the body, is malformed.
    Header {
        /// What is quoted: the line, or the header's name.
        quoted: String,
        /// The request line was accepted before: the refusal appears in the access log.
        framing: bool,
    },
    /// A header name is no token.
    HeaderName(String),
    /// A header continues on the next line (obs-fold, RFC 9112 section 5.2).
    Folding(String),
    /// The request line is longer than `limit_request_line`.
    LineTooLong(usize, usize),
    /// Too many or too long headers; which limit.
    HeadersTooLarge(&'static str),
    /// A transfer coding that is not known.
    TransferCoding(String),
    /// Two headers of a trusted proxy contradict each other about the client's scheme.
    SchemeHeaders,
    /// The path does not begin with what a proxy, or the environment, says is not the application's.
    ScriptName {
        /// The path.
        path: String,
        /// What it should begin with.
        script_name: String,
    },
    /// An `Expect` other than `100-continue`.
    Expectation(String),
}

impl Rejection {
    /// Status code and reason phrase. The reason of 501 is Gunicorn's own slip, kept on purpose.
    pub fn status(&self) -> (u16, &'static str) {
        match self {
            Self::HeadersTooLarge(_) => (431, "Request Header Fields Too Large"),
            Self::TransferCoding(_) => (501, "Bad Request"),
            // The reason is Gunicorn's slip here too.
            Self::ScriptName { .. } => (500, "Bad Request"),
            Self::Expectation(_) => (417, "Expectation Failed"),
            _ => (400, "Bad Request"),
        }
    }

    /// The error as Gunicorn logs it: `Invalid request from ip=...: TEXT`.
    pub fn text(&self) -> String {
        match self {
            Self::RequestLine(line) => format!("Invalid HTTP request line: {}", repr(line)),
            Self::Method(method) => format!("Invalid HTTP method: {}", repr(method)),
            Self::VersionText(text) => format!("Invalid HTTP Version: {}", repr(text)),
            Self::VersionNumber(major, minor) => {
                format!("Invalid HTTP Version: ({major}, {minor})")
            }
            Self::Header { quoted, .. } => format!("Invalid HTTP Header: {}", repr(quoted)),
            Self::HeaderName(name) => format!("Invalid HTTP header name: {}", repr(name)),
            Self::Folding(name) => {
                format!("Obsolete line folding is unacceptable: {}", repr(name))
            }
            Self::LineTooLong(size, limit) => {
                format!("Request Line is too large ({size} > {limit})")
            }
            Self::HeadersTooLarge(limit) => (*limit).to_owned(),
            Self::TransferCoding(coding) => {
                format!("Unsupported transfer coding: {}", repr(coding))
            }
            Self::SchemeHeaders => "Contradictory scheme headers".to_owned(),
            Self::ScriptName { path, script_name } => format!(
                "Configuration problem: Request path {} does not start with SCRIPT_NAME {}",
                repr(path),
                repr(script_name)
            ),
            Self::Expectation(value) => {
                format!("Unable to comply with expectation: {}", repr(value))
            }
        }
    }

    /// The message inside the error page, before HTML escaping.
    pub fn page_message(&self) -> String {
        let text = self.text();
        match self {
            Self::RequestLine(_) => format!("Invalid Request Line '{text}'"),
            Self::Method(_) => format!("Invalid Method '{text}'"),
            Self::VersionText(_) | Self::VersionNumber(..) => {
                format!("Invalid HTTP Version '{text}'")
            }
            Self::HeadersTooLarge(_) => format!("Error parsing headers: '{text}'"),
            _ => text,
        }
    }
}
