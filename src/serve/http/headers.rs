//! Header lines with Gunicorn's rules, and what they say of the body.

use super::rejection::Rejection;
use crate::serve::python::latin1;
use crate::serve::settings::{HeadLimits, HeadRules, HeaderMap};

/// Largest number of header fields that Gunicorn can be told to accept.
const LARGEST_FIELDS: usize = 32_768;
/// Gunicorn's header size where the setting says 0.
const DEFAULT_FIELD_SIZE: usize = 8190;

/// Most digits of a number that Python reads (`sys.int_info.default_max_str_digits`).
const MOST_DIGITS: usize = 4300;

/// How the body of a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// This many bytes follow.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
}

/// Judge the trailers of a chunked body, of which nothing is kept.
///
/// # Errors
/// With the refusal that Gunicorn would answer.
pub fn parse_trailers(block: &[u8], rules: &HeadRules) -> Result<(), Rejection> {
    let trailers = HeaderBlock {
        rules,
        version: (1, 1),
        kind: BlockKind::Trailers,
    };
    trailers.parse(block).map(drop)
}

/// What the lines of a block say.
#[derive(Debug, Default)]
pub(super) struct ParsedHeaders {
    pub headers: Vec<(String, String)>,
    pub expects_continue: bool,
    pub is_encrypted: bool,
}

/// Where header lines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Head { is_trusted: bool },
    Trailers,
}

/// The lines behind the request line, or behind a chunked body.
pub(super) struct HeaderBlock<'a> {
    pub rules: &'a HeadRules,
    pub version: (u8, u8),
    pub kind: BlockKind,
}

impl HeaderBlock<'_> {
    pub(super) fn parse(&self, block: &[u8]) -> Result<ParsedHeaders, Rejection> {
        let is_trusted = self.kind == BlockKind::Head { is_trusted: true };
        let mut parsed = ParsedHeaders::default();
        let mut is_encrypted = None;
        // Lines that are dropped do not count, as with Gunicorn.
        let mut rest = Some(block);
        while let Some(current) = rest {
            let line = match line_end(current, 0) {
                Some(end) => {
                    rest = Some(&current[end + 2..]);
                    &current[..end]
                }
                None => {
                    rest = None;
                    current
                }
            };
            if parsed.headers.len() >= field_limit(self.rules.limits) {
                return Err(Rejection::HeadersTooLarge("limit request headers fields"));
            }
            let (name, value) = self.parse_line(line, rest)?;
            if name == "EXPECT" && self.kind != BlockKind::Trailers {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Rejection::Expectation(latin1(value).into_owned()));
                }
                parsed.expects_continue |= self.version >= (1, 1);
            }
            if is_trusted
                && let Some(says) = says_encrypted(&name, value)
                && *is_encrypted.get_or_insert(says) != says
            {
                return Err(Rejection::SchemeHeaders);
            }
            if self.is_kept(&name, is_trusted)? {
                parsed.headers.push((name, latin1(value).into_owned()));
            }
        }
        parsed.is_encrypted = is_encrypted == Some(true);
        Ok(parsed)
    }

    /// Whether a header counts: a name with an underscore cannot be told from one with a dash in
    /// WSGI.
    fn is_kept(&self, name: &str, is_trusted: bool) -> Result<bool, Rejection> {
        let is_forwarders = |forwarder: &String| forwarder == name || forwarder == "*";
        if !name.contains('_')
            || is_trusted && self.rules.forwarder_headers.iter().any(is_forwarders)
        {
            return Ok(true);
        }
        match self.rules.header_map {
            HeaderMap::Drop => Ok(false),
            HeaderMap::Dangerous => Ok(true),
            HeaderMap::Refuse => Err(Rejection::HeaderName(name.to_owned())),
        }
    }

    /// Name, in upper case, and value of a line; `rest` is what follows it.
    fn parse_line<'a>(
        &self,
        line: &'a [u8],
        rest: Option<&[u8]>,
    ) -> Result<(String, &'a [u8]), Rejection> {
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
        if line.len() + 2 > field_size_limit(self.rules.limits) {
            return Err(Rejection::HeadersTooLarge(
                "limit request headers fields size",
            ));
        }
        Ok((name, value))
    }
}

/// What a proxy says of the client's scheme in this header (Gunicorn's `secure_scheme_headers`);
/// `None` where it says nothing.
fn says_encrypted(name: &str, value: &[u8]) -> Option<bool> {
    let encrypted: &[u8] = match name {
        "X-FORWARDED-PROTOCOL" => b"ssl",
        "X-FORWARDED-PROTO" => b"https",
        "X-FORWARDED-SSL" => b"on",
        _ => return None,
    };
    Some(value == encrypted)
}

/// Without the spaces and tabs around it.
fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// How the body is framed, and whether the connection cannot go on after it.
pub(super) fn body_framing(
    headers: &[(String, String)],
    version: (u8, u8),
) -> Result<(BodyFraming, bool), Rejection> {
    let malformed = |name: &str| Rejection::Header {
        quoted: name.to_owned(),
        framing: true,
    };
    let mut chunked = false;
    let mut must_close = false;
    let mut length: Option<&str> = None;
    for (name, value) in headers {
        if name == "CONTENT-LENGTH" {
            if length.replace(value).is_some() {
                return Err(malformed("CONTENT-LENGTH"));
            }
        } else if name == "TRANSFER-ENCODING" {
            for coding in value
                .split(',')
                .map(|coding| coding.trim_matches(is_python_blank).to_ascii_lowercase())
            {
                match coding.as_str() {
                    // Codings stack, and chunked must be the last one and appear once.
                    "chunked" | "identity" | "compress" | "deflate" | "gzip" if chunked => {
                        return Err(malformed("TRANSFER-ENCODING"));
                    }
                    "chunked" => chunked = true,
                    "identity" => {}
                    // Where such a body ends is not known here.
                    "compress" | "deflate" | "gzip" => must_close = true,
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
        return Ok((BodyFraming::Chunked, must_close));
    }
    match length {
        None => Ok((BodyFraming::Length(0), must_close)),
        Some(text) if (1..=MOST_DIGITS).contains(&text.len()) && is_decimal(text) => {
            // More than a u64 holds is a body that never ends; Python would wait for it.
            let length = text.parse().unwrap_or(u64::MAX);
            Ok((BodyFraming::Length(length), must_close))
        }
        Some(_) => Err(malformed("CONTENT-LENGTH")),
    }
}

/// What Python's `str.strip` strips, of Latin-1.
fn is_python_blank(character: char) -> bool {
    matches!(character, '\t'..='\r' | '\u{1c}'..=' ' | '\u{85}' | '\u{a0}')
}

fn is_decimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn field_limit(limits: HeadLimits) -> usize {
    match limits.fields {
        0 => LARGEST_FIELDS,
        fields => fields.min(LARGEST_FIELDS),
    }
}

pub(super) fn field_size_limit(limits: HeadLimits) -> usize {
    match limits.field_size {
        0 => DEFAULT_FIELD_SIZE,
        size => size,
    }
}

/// Where the first line ends, of which so many bytes are known to hold no end.
pub(super) fn line_end(input: &[u8], searched: usize) -> Option<usize> {
    let mut from = searched;
    loop {
        let at = from + input.get(from..)?.iter().position(|byte| *byte == b'\r')?;
        if input.get(at + 1) == Some(&b'\n') {
            return Some(at);
        }
        from = at + 1;
    }
}

pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-!#$%&'*+.^_`|~".contains(byte))
}
