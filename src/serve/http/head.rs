//! Reading a request head with Gunicorn's rules.
//!
//! The parser is fed what the connection gave so far and says one of three things: not enough
//! yet, refused, or a complete head. It judges the request line as soon as that line is there,
//! as Gunicorn does, so a bad line is answered before any header arrives.

use std::borrow::Cow;

use super::headers::{
    BlockKind, HeaderBlock, ParsedHeaders, body_framing, field_limit, field_size_limit, is_token,
    line_end,
};
pub use super::headers::{BodyFraming, parse_trailers};
use super::rejection::Rejection;
use super::target;
use crate::serve::python::latin1;
use crate::serve::settings::{HeadLimits, HeadRules};

/// Largest request line that Gunicorn can be told to accept.
const LARGEST_LINE: usize = 8190;
/// The header by which a proxy says which part of the path is not the application's.
pub const SCRIPT_NAME: &str = "SCRIPT_NAME";

/// A complete, accepted request head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Method, always upper case.
    pub method: String,
    /// Request target as it was sent.
    pub target: String,
    /// Major and minor version: 1 and 0 to 9.
    pub version: (u8, u8),
    /// Header names (upper case, as WSGI has them) and values, in order; of names with an
    /// underscore those that [`HeadRules`] lets pass.
    pub headers: Vec<(String, String)>,
    /// How the body is framed.
    pub body: BodyFraming,
    /// A trusted proxy says that its client used TLS.
    pub is_encrypted: bool,
    /// Nothing can follow the body on this connection, whatever the client says.
    pub must_close: bool,
    /// The client wants `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Bytes of the input that the head took; the body begins there.
    pub consumed: usize,
}

impl Head {
    /// First value of a header; the name in upper case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the client lets the connection stay open (RFC 9112 section 9.3, as Gunicorn reads
    /// it: the first `Connection` header decides, else the version).
    pub fn keeps_alive(&self) -> bool {
        if self.must_close {
            return false;
        }
        match self
            .header("CONNECTION")
            .map(|value| value.trim_matches([' ', '\t']).to_ascii_lowercase())
        {
            Some(value) if value == "close" => false,
            Some(value) if value == "keep-alive" => true,
            _ => self.version > (1, 0),
        }
    }

    /// Path of the target, still percent-encoded; it may be empty or begin without a slash.
    pub fn path(&self) -> Cow<'_, str> {
        target::split(&self.target).map_or(Cow::Borrowed(""), |target| target.path)
    }

    /// Query of the target, without its question mark.
    pub fn query(&self) -> Cow<'_, str> {
        target::split(&self.target).map_or(Cow::Borrowed(""), |target| target.query)
    }

    /// Path and query of the target behind `script_name`: what the application routes. The path
    /// begins with a slash or is empty.
    ///
    /// # Errors
    /// When the path does not begin with `script_name`.
    pub fn path_and_query(&self, script_name: &str) -> Result<Cow<'_, str>, Rejection> {
        let is_plain =
            self.target.starts_with('/') && !self.target.contains(['#', '\t', '\r', '\n']);
        if is_plain && script_name.is_empty() {
            return Ok(Cow::Borrowed(&self.target));
        }
        let path = self.path();
        let Some(below) = path.strip_prefix(script_name) else {
            return Err(Rejection::ScriptName {
                path: path.into_owned(),
                script_name: script_name.to_owned(),
            });
        };
        let slash = match below.is_empty() || below.starts_with('/') {
            true => "",
            false => "/",
        };
        let query = self.query();
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(Cow::Owned(format!("{slash}{below}{mark}{query}")))
    }
}

/// What [`HeadParser::parse`] makes of the bytes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The head is complete.
    Complete(Head),
}

/// A refusal and, where the request line had been accepted, method, target and version for the
/// logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub rejection: Rejection,
    /// Method, target and version, once known.
    pub request: Option<(String, String, (u8, u8))>,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            request: None,
        }
    }
}

/// Judges the bytes that a connection sends, as they come: what was searched once is not searched
/// again, and the request line is parsed once.
#[derive(Debug, Default)]
pub struct HeadParser {
    line: Option<RequestLine>,
    /// Bytes that hold no end of the line, or behind the line no end of the head.
    searched: usize,
}

#[derive(Debug)]
struct RequestLine {
    method: String,
    target: String,
    version: (u8, u8),
    /// Bytes of the line, its end included.
    length: usize,
}

impl HeadParser {
    /// Judge the bytes so far: the same as before and what has come since. `is_trusted` says that
    /// the client may speak for others (`--forwarded-allow-ips`).
    ///
    /// # Errors
    /// With the refusal that Gunicorn would answer.
    pub fn parse(
        &mut self,
        input: &[u8],
        rules: &HeadRules,
        is_trusted: bool,
    ) -> Result<Progress, Refused> {
        let limits = rules.limits;
        let line = match self.line.take() {
            Some(line) => line,
            None => match self.read_line(input, limits)? {
                Some(line) => line,
                None => return Ok(Progress::Partial),
            },
        };
        let rest = &input[line.length..];
        let (headers_length, separator) = if rest.starts_with(b"\r\n") {
            (0, 2)
        } else {
            match head_end(rest, self.searched) {
                Some(end) => (end, 4),
                None => {
                    if rest.len() > header_buffer_limit(limits) {
                        return Err(Rejection::HeadersTooLarge("max buffer headers").into());
                    }
                    self.searched = rest.len().saturating_sub(3);
                    self.line = Some(line);
                    return Ok(Progress::Partial);
                }
            }
        };
        let parsed = if headers_length == 0 {
            ParsedHeaders::default()
        } else {
            HeaderBlock {
                rules,
                version: line.version,
                kind: BlockKind::Head { is_trusted },
            }
            .parse(&rest[..headers_length])?
        };
        let framing = body_framing(&parsed.headers, line.version);
        let consumed = line.length + headers_length + separator;
        let (body, must_close) = framing.map_err(|rejection| Refused {
            rejection,
            request: Some((line.method.clone(), line.target.clone(), line.version)),
        })?;
        Ok(Progress::Complete(Head {
            method: line.method,
            target: line.target,
            version: line.version,
            headers: parsed.headers,
            body,
            is_encrypted: parsed.is_encrypted,
            must_close,
            expects_continue: parsed.expects_continue,
            consumed,
        }))
    }

    /// The request line, once it is whole.
    fn read_line(
        &mut self,
        input: &[u8],
        limits: HeadLimits,
    ) -> Result<Option<RequestLine>, Rejection> {
        let limit = limits.line.min(LARGEST_LINE);
        let Some(end) = line_end(input, self.searched) else {
            if limit > 0 && input.len().saturating_sub(2) > limit {
                return Err(Rejection::LineTooLong(input.len(), limit));
            }
            self.searched = input.len().saturating_sub(1);
            return Ok(None);
        };
        if limit > 0 && end > limit {
            return Err(Rejection::LineTooLong(end, limit));
        }
        let (method, target, version) = parse_request_line(&input[..end])?;
        self.searched = 0;
        Ok(Some(RequestLine {
            method,
            target,
            version,
            length: end + 2,
        }))
    }
}

/// Bytes of unfinished headers that are held at most: fields x (size + 2) + 4.
fn header_buffer_limit(limits: HeadLimits) -> usize {
    field_limit(limits) * (field_size_limit(limits) + 2) + 4
}

/// Where an empty line follows the end of a line for the first time.
fn head_end(input: &[u8], searched: usize) -> Option<usize> {
    let mut from = searched;
    loop {
        let at = line_end(input, from)?;
        if input[at + 2..].starts_with(b"\r\n") {
            return Some(at);
        }
        from = at + 2;
    }
}

fn parse_request_line(line: &[u8]) -> Result<(String, String, (u8, u8)), Rejection> {
    let malformed = || Rejection::RequestLine(latin1(line).into_owned());
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(malformed());
    };
    let conventional = (3..=20).contains(&method.len())
        && !method
            .iter()
            .any(|byte| byte.is_ascii_lowercase() || *byte == b'#');
    if !conventional || !is_token(method) {
        return Err(Rejection::Method(latin1(method).into_owned()));
    }
    if target.is_empty() {
        return Err(malformed());
    }
    let target = latin1(target);
    // Only what does not begin with a slash may have an authority that is refused.
    if !target.starts_with('/') && target::split(&target).is_none() {
        return Err(malformed());
    }
    let version = parse_version(version)?;
    Ok((latin1(method).into_owned(), target.into_owned(), version))
}

fn parse_version(text: &[u8]) -> Result<(u8, u8), Rejection> {
    let (major, minor) = match text.strip_prefix(b"HTTP/") {
        Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit() => {
            (major - b'0', minor - b'0')
        }
        _ => return Err(Rejection::VersionText(latin1(text).into_owned())),
    };
    if major != 1 {
        return Err(Rejection::VersionNumber(major, minor));
    }
    Ok((major, minor))
}

#[cfg(test)]
#[path = "head_tests.rs"]
pub(super) mod tests;
