//! Reading a request head with Gunicorn's rules.
//!
//! The parser is fed what the connection gave so far and says one of three things: not enough
//! yet, refused, or a complete head. It judges the request line as soon as that line is there,
//! as Gunicorn does, so a bad line is answered before any header arrives.

use std::borrow::Cow;

use super::rejection::Rejection;
use crate::serve::python::latin1;
use crate::serve::settings::HeadLimits;

/// Largest request line that Gunicorn can be told to accept.
const LARGEST_LINE: usize = 8190;
/// Largest number of header fields that Gunicorn can be told to accept.
const LARGEST_FIELDS: usize = 32_768;
/// Gunicorn's header size where the setting says 0.
const DEFAULT_FIELD_SIZE: usize = 8190;

/// How the body of a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// This many bytes follow.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
}

/// A complete, accepted request head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Method, always upper case.
    pub method: String,
    /// Request target as it was sent.
    pub target: String,
    /// Major and minor version: 1 and 0 to 9.
    pub version: (u8, u8),
    /// Header names (upper case, as WSGI has them) and values, in order; names with an underscore
    /// are dropped.
    pub headers: Vec<(String, String)>,
    /// How the body is framed.
    pub body: BodyFraming,
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
    /// it: the `Connection` header decides, else the version).
    pub fn keeps_alive(&self) -> bool {
        match self
            .header("CONNECTION")
            .map(|value| value.trim().to_ascii_lowercase())
        {
            Some(value) if value == "close" => false,
            Some(value) if value == "keep-alive" => true,
            _ => self.version > (1, 0),
        }
    }

    /// Path and query of the target, always beginning with a slash: what the application routes.
    pub fn path_and_query(&self) -> Cow<'_, str> {
        let target = self.target.split('#').next().unwrap_or("");
        if target.starts_with('/') {
            return Cow::Borrowed(target);
        }
        let relative = match target.split_once("://") {
            Some((_, authority)) => authority
                .find(['/', '?'])
                .map_or("", |slash| &authority[slash..]),
            None => target,
        };
        if relative.starts_with('/') {
            Cow::Borrowed(relative)
        } else {
            Cow::Owned(format!("/{relative}"))
        }
    }
}

/// What [`parse`] makes of the bytes so far.
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

/// Judge the bytes that a connection has sent so far.
///
/// # Errors
/// With the refusal that Gunicorn would answer.
pub fn parse(input: &[u8], limits: HeadLimits) -> Result<Progress, Refused> {
    let line_limit = limits.line.min(LARGEST_LINE);
    let Some(line_end) = line_end(input) else {
        if line_limit > 0 && input.len().saturating_sub(2) > line_limit {
            return Err(Rejection::LineTooLong(input.len(), line_limit).into());
        }
        return Ok(Progress::Partial);
    };
    if line_limit > 0 && line_end > line_limit {
        return Err(Rejection::LineTooLong(line_end, line_limit).into());
    }
    let (method, target, version) = parse_request_line(&input[..line_end])?;
    let rest = &input[line_end + 2..];
    let (headers_length, separator) = if rest.starts_with(b"\r\n") {
        (0, 2)
    } else {
        match head_end(rest) {
            Some(end) => (end, 4),
            None => {
                if rest.len() > header_buffer_limit(limits) {
                    return Err(Rejection::HeadersTooLarge("max buffer headers").into());
                }
                return Ok(Progress::Partial);
            }
        }
    };
    let parsed = if headers_length == 0 {
        ParsedHeaders::default()
    } else {
        parse_headers(&rest[..headers_length], version, limits)?
    };
    let body = body_framing(&parsed.headers, version).map_err(|rejection| Refused {
        rejection,
        request: Some((method.clone(), target.clone(), version)),
    })?;
    Ok(Progress::Complete(Head {
        method,
        target,
        version,
        headers: parsed.headers,
        body,
        expects_continue: parsed.expects_continue,
        consumed: line_end + 2 + headers_length + separator,
    }))
}

/// Bytes of unfinished headers that are held at most: fields x (size + 2) + 4.
fn header_buffer_limit(limits: HeadLimits) -> usize {
    field_limit(limits) * (field_size_limit(limits) + 2) + 4
}

fn field_limit(limits: HeadLimits) -> usize {
    match limits.fields {
        0 => LARGEST_FIELDS,
        fields => fields.min(LARGEST_FIELDS),
    }
}

fn field_size_limit(limits: HeadLimits) -> usize {
    match limits.field_size {
        0 => DEFAULT_FIELD_SIZE,
        size => size,
    }
}

/// Where the first line ends.
fn line_end(input: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + input[from..].iter().position(|byte| *byte == b'\r')?;
        if input.get(at + 1) == Some(&b'\n') {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Where an empty line follows the end of a line for the first time.
fn head_end(input: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + line_end(&input[from..])?;
        if input[at + 2..].starts_with(b"\r\n") {
            return Some(at);
        }
        from = at + 2;
    }
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-!#$%&'*+.^_`|~".contains(byte))
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
    let version = parse_version(version)?;
    Ok((
        latin1(method).into_owned(),
        latin1(target).into_owned(),
        version,
    ))
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

#[derive(Debug, Default)]
struct ParsedHeaders {
    headers: Vec<(String, String)>,
    expects_continue: bool,
}

fn parse_headers(
    block: &[u8],
    version: (u8, u8),
    limits: HeadLimits,
) -> Result<ParsedHeaders, Rejection> {
    let mut parsed = ParsedHeaders::default();
    let mut rest = Some(block);
    while let Some(current) = rest {
        let line = match line_end(current) {
            Some(end) => {
                rest = Some(&current[end + 2..]);
                &current[..end]
            }
            None => {
                rest = None;
                current
            }
        };
        if parsed.headers.len() >= field_limit(limits) {
            return Err(Rejection::HeadersTooLarge("limit request headers fields"));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let Some(colon) = colon.filter(|colon| *colon > 0) else {
            return Err(Rejection::Header {
                quoted: latin1(line).into_owned(),
                framing: false,
            });
        };
        let (name, value) = (&line[..colon], trim_blanks(&line[colon + 1..]));
        if !is_token(name) {
            return Err(Rejection::HeaderName(latin1(name).into_owned()));
        }
        let name = latin1(name).to_ascii_uppercase();
        if let Some([b' ' | b'\t', ..]) = rest {
            return Err(Rejection::Folding(name));
        }
        if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(Rejection::Header {
                quoted: name,
                framing: false,
            });
        }
        if line.len() + 2 > field_size_limit(limits) {
            return Err(Rejection::HeadersTooLarge(
                "limit request headers fields size",
            ));
        }
        if name == "EXPECT" {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(Rejection::Expectation(latin1(value).into_owned()));
            }
            parsed.expects_continue |= version >= (1, 1);
        }
        // A name with an underscore cannot be told from one with a dash in WSGI: dropped.
        if !name.contains('_') {
            parsed.headers.push((name, latin1(value).into_owned()));
        }
    }
    Ok(parsed)
}

/// Without the spaces and tabs around it.
fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn body_framing(headers: &[(String, String)], version: (u8, u8)) -> Result<BodyFraming, Rejection> {
    let malformed = |name: &str| Rejection::Header {
        quoted: name.to_owned(),
        framing: true,
    };
    let mut chunked = false;
    let mut length: Option<&str> = None;
    for (name, value) in headers {
        if name == "CONTENT-LENGTH" {
            if length.replace(value).is_some() {
                return Err(malformed("CONTENT-LENGTH"));
            }
        } else if name == "TRANSFER-ENCODING" {
            for coding in value
                .split(',')
                .map(|coding| coding.trim().to_ascii_lowercase())
            {
                match coding.as_str() {
                    // Codings stack, and chunked must be the last one and appear once.
                    "chunked" | "identity" | "compress" | "deflate" | "gzip" if chunked => {
                        return Err(malformed("TRANSFER-ENCODING"));
                    }
                    "chunked" => chunked = true,
                    "identity" | "compress" | "deflate" | "gzip" => {}
                    _ => return Err(Rejection::TransferCoding(value.clone())),
                }
            }
        }
    }
    if chunked {
        if version < (1, 1) {
            return Err(malformed("TRANSFER-ENCODING"));
        }
        if length.is_some() {
            return Err(malformed("CONTENT-LENGTH"));
        }
        return Ok(BodyFraming::Chunked);
    }
    match length {
        None => Ok(BodyFraming::Length(0)),
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            // More digits than a u64 holds is a body that never ends; Python would wait for it.
            Ok(BodyFraming::Length(text.parse().unwrap_or(u64::MAX)))
        }
        Some(_) => Err(malformed("CONTENT-LENGTH")),
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
