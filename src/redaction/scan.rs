//! Finds the credentials in a text: one pass from left to right over its bytes.
//!
//! What lies ahead is looked at once: where a URL, a line or a run of blanks ends is remembered, so
//! that a text of nothing but beginnings takes no longer than any other.

use std::cell::Cell;
use std::ops::Range;

use super::names::{is_secret_name, is_secret_parameter};

/// How far a key may reach to the left of its `=` or `:`; longer runs are prose.
const LONGEST_KEY: usize = 80;

/// Where the credentials are: sorted, not empty, not overlapping, on character boundaries.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        position: 0,
        inside_quotes: false,
        after_secret_name: false,
        found: Vec::new(),
        urls: [Cell::new(None), Cell::new(None)],
        stop: Cell::new(None),
        follows: Cell::new(None),
    };
    scanner.run();
    scanner.found
}

/// How an unquoted value ends, which depends on what is around its key.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// `?key=value&`: at what cannot stand in a URL.
    UrlQuery,
    /// `"key": value,`: at JSON's own punctuation.
    Json,
    /// `a=b;key=value;`: at the semicolon only.
    Semicolons,
    /// `Cookie: a=b; key=value`: with the line, since each of them may be one.
    Cookies,
    /// Anything else: before the next key.
    Loose,
}

/// A key to the left of a separator.
struct Key<'a> {
    name: &'a str,
    quoted: bool,
    /// What stands before the key.
    before: Option<u8>,
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// Whether an odd number of double quotes lies behind on this line: a quoted string is open.
    inside_quotes: bool,
    /// Whether the last `name` said that the next `value` is a credential.
    after_secret_name: bool,
    found: Vec<Range<usize>>,
    /// The URL's text that was looked at last, where a single quote is part of it and where it ends
    /// it.
    urls: [Cell<Option<UrlText>>; 2],
    /// From where the next semicolon or end of the line was looked for, and where it is.
    stop: Cell<Option<(usize, usize)>>,
    /// A run of blanks, from where it was looked at to its end, and whether a key follows it.
    follows: Cell<Option<(usize, usize, bool)>>,
}

/// The text of a URL behind its `://`.
#[derive(Clone, Copy)]
struct UrlText {
    start: usize,
    end: usize,
    last_at: Option<usize>,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        while self.position < self.bytes.len() {
            match self.bytes[self.position] {
                b':' if self.bytes[self.position..].starts_with(b"://") => self.url(),
                b'=' | b':' => self.separator(),
                b'-' if self.bytes[self.position..].starts_with(b"--") => self.flag(),
                b'b' | b'B' => self.bearer(),
                _ => self.advance_to(self.position + 1),
            }
        }
    }

    /// Go on at `target`, minding the quotes in between.
    fn advance_to(&mut self, target: usize) {
        for index in self.position..target.min(self.bytes.len()) {
            match self.bytes[index] {
                b'\n' => self.inside_quotes = false,
                b'"' if self.backslashes_before(index, 0).is_multiple_of(2) => {
                    self.inside_quotes = !self.inside_quotes;
                }
                _ => {}
            }
        }
        self.position = target;
    }

    fn blot(&mut self, secret: Range<usize>) {
        let end = secret.end;
        if !secret.is_empty() {
            self.found.push(secret);
        }
        self.advance_to(end.max(self.position + 1));
    }

    fn at(&self, index: usize) -> Option<u8> {
        self.bytes.get(index).copied()
    }

    fn backslashes_before(&self, index: usize, from: usize) -> usize {
        self.bytes[from..index]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count()
    }

    fn skip_blanks(&self, mut index: usize) -> usize {
        while matches!(self.at(index), Some(b' ' | b'\t')) {
            index += 1;
        }
        index
    }

    /// `scheme://userinfo@host`.
    fn url(&mut self) {
        let start = self.position + 3;
        let token = self.url_text(start);
        let authority = self
            .end_of_run(start, |byte| !b"/?#".contains(&byte))
            .min(token.end);
        let last_at = |range: Range<usize>| {
            let position = self.bytes[range.clone()]
                .iter()
                .rposition(|byte| *byte == b'@');
            position.map(|offset| range.start + offset)
        };
        let at = last_at(start..authority).or_else(|| {
            // A password with a bare slash in it: what follows the colon is no port.
            let colon = self.bytes[start..authority]
                .iter()
                .position(|byte| *byte == b':')?;
            let port = &self.bytes[start + colon + 1..authority];
            let is_port = port.iter().all(u8::is_ascii_digit);
            let of_token = token.last_at.filter(|at| *at >= start);
            if is_port { None } else { of_token }
        });
        match at {
            Some(at) => self.blot(start..at),
            None => self.advance_to(start),
        }
    }

    /// A URL's text. A single quote and a semicolon may stand in a password: the quote ends the URL
    /// only where one stands before it, the semicolon only before a key.
    fn url_text(&self, start: usize) -> UrlText {
        let scheme = self.bytes[..self.position]
            .iter()
            .rposition(|byte| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte));
        let quoted = scheme.is_some_and(|before| self.bytes[before] == b'\'');
        let known = &self.urls[usize::from(quoted)];
        if let Some(text) = known.get()
            && (text.start..=text.end).contains(&start)
        {
            return text;
        }
        let mut text = UrlText {
            start,
            end: start,
            last_at: None,
        };
        while let Some(byte) = self.at(text.end) {
            let ends = match byte {
                b'\'' => quoted,
                b';' => self.at(text.end + 1).is_none() || self.key_follows(text.end + 1),
                _ => byte.is_ascii_whitespace() || b"\"<>`\\".contains(&byte),
            };
            if ends {
                break;
            }
            if byte == b'@' {
                text.last_at = Some(text.end);
            }
            text.end += 1;
        }
        known.set(Some(text));
        text
    }

    fn end_of_run(&self, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        self.bytes[start..]
            .iter()
            .position(|byte| !belongs(*byte))
            .map_or(self.bytes.len(), |length| start + length)
    }

    /// `=` or `:` behind a key.
    fn separator(&mut self) {
        let key = self.key_before(self.position);
        let value_start = self.skip_blanks(self.position + 1);
        let lower = key.name.to_ascii_lowercase();
        let is_secret = match key.before {
            Some(b'?' | b'&') => is_secret_parameter(key.name),
            _ => is_secret_name(key.name),
        };
        if is_secret || (self.after_secret_name && lower.ends_with("value")) {
            self.after_secret_name = false;
            let secret = self.value(value_start, &key);
            return self.blot(secret);
        }
        if lower == "name" || lower == "key" {
            let name = self.word(value_start);
            self.after_secret_name = is_secret_name(name);
        }
        self.advance_to(self.position + 1);
    }

    /// The word that a value begins with, without quotes.
    fn word(&self, start: usize) -> &'a str {
        let start = self.end_of_run(start, |byte| b"\\\"'".contains(&byte));
        let end = self.end_of_run(start, |byte| is_key_byte(byte) && byte != b' ');
        &self.text[start..end]
    }

    fn key_before(&self, separator: usize) -> Key<'a> {
        let least = separator.saturating_sub(LONGEST_KEY);
        let mut end = separator;
        while end > least && matches!(self.bytes[end - 1], b' ' | b'\t' | b']') {
            end -= 1;
        }
        let quoted = end > least && matches!(self.bytes[end - 1], b'"' | b'\'');
        if quoted {
            end -= 1;
            end -= self.backslashes_before(end, least);
        }
        let mut start = end;
        while start > least && is_key_byte(self.bytes[start - 1]) {
            start -= 1;
        }
        Key {
            name: self.text[start..end].trim(),
            quoted,
            before: start.checked_sub(1).map(|index| self.bytes[index]),
        }
    }

    /// `--key value`, where no `=` follows.
    fn flag(&mut self) {
        let start = self.position + 2;
        let end = self.end_of_run(start, |byte| is_key_byte(byte) && byte != b' ');
        let value = self.skip_blanks(end);
        let name = &self.text[start..end];
        if value == end || !is_secret_name(name) || self.at(value) == Some(b'-') {
            return self.advance_to(end);
        }
        let secret = match self.at(value) {
            Some(b'"' | b'\'') => self.quoted(value, Style::UrlQuery),
            Some(b'=' | b':') => return self.advance_to(value),
            _ => value..self.end_of_run(value, |byte| !byte.is_ascii_whitespace()),
        };
        self.blot(secret);
    }

    /// `Bearer value`.
    fn bearer(&mut self) {
        let rest = &self.bytes[self.position..];
        let word = rest.len() > 7
            && rest[..6].eq_ignore_ascii_case(b"bearer")
            && rest[6] == b' '
            && (self.position == 0 || !self.bytes[self.position - 1].is_ascii_alphanumeric());
        if !word {
            return self.advance_to(self.position + 1);
        }
        let start = self.skip_blanks(self.position + 6);
        let end = self.end_of_run(start, |byte| {
            !byte.is_ascii_whitespace() && !b"\"',;<>\\".contains(&byte)
        });
        self.blot(start..end);
    }

    /// The value that begins at `start`: without its quotes, without trailing blanks.
    fn value(&self, start: usize, key: &Key<'_>) -> Range<usize> {
        let style = self.style(start, key);
        let slashes = self.end_of_run(start, |byte| byte == b'\\') - start;
        match self.at(start + slashes) {
            Some(b'"' | b'\'') => self.quoted(start, style),
            Some(b'{') if slashes == 0 => {
                let end = self.odbc_end(start).max(self.brackets_end(start));
                self.extended(start, end, style)
            }
            Some(b'[') if slashes == 0 && key.quoted => {
                self.extended(start, self.brackets_end(start), style)
            }
            _ => start..self.unquoted_end(start, style),
        }
    }

    fn style(&self, start: usize, key: &Key<'_>) -> Style {
        if key.quoted {
            return Style::Json;
        }
        if is_cookie(key.name) {
            return Style::Cookies;
        }
        match key.before {
            Some(b'?' | b'&') => Style::UrlQuery,
            Some(b';') => Style::Semicolons,
            _ => {
                let stop = self.stop_after(start);
                match self.at(stop) {
                    Some(b';') => Style::Semicolons,
                    _ => Style::Loose,
                }
            }
        }
    }

    /// The next semicolon or end of the line.
    fn stop_after(&self, start: usize) -> usize {
        if let Some((from, stop)) = self.stop.get()
            && (from..=stop).contains(&start)
        {
            return stop;
        }
        let stop = self.end_of_run(start, |byte| !matches!(byte, b';' | b'\n' | b'\r'));
        self.stop.set(Some((start, stop)));
        stop
    }

    /// Whether the double quote at `index` ends the string that the text is in.
    fn closes_enclosing(&self, index: usize) -> bool {
        self.inside_quotes
            && self.at(index) == Some(b'"')
            && matches!(
                self.at(index + 1),
                None | Some(
                    b',' | b':' | b'}' | b']' | b')' | b' ' | b'\t' | b'\r' | b'\n' | b'\\'
                )
            )
    }

    /// A value in quotes, without them, and whatever follows the closing one directly.
    fn quoted(&self, start: usize, style: Style) -> Range<usize> {
        let open = self.end_of_run(start, |byte| byte == b'\\') + 1;
        match self.closing_quote(start) {
            Some((inner_end, after)) if self.is_boundary(after) => open..inner_end,
            Some((_, after)) => open..self.unquoted_end(after, style),
            None => open..self.bytes.len(),
        }
    }

    /// Where the value in quotes that begins at `start` ends: before its closing quote, which may
    /// be escaped by as many backslashes as the opening one, and behind it.
    fn closing_quote(&self, start: usize) -> Option<(usize, usize)> {
        let slashes = self.end_of_run(start, |byte| byte == b'\\') - start;
        let open = start + slashes + 1;
        let quote = self.bytes[open - 1];
        let mut index = open;
        while let Some(byte) = self.at(index) {
            if byte != quote {
                index += 1;
                continue;
            }
            let escapes = self.backslashes_before(index, open);
            let closes = match slashes {
                0 => escapes.is_multiple_of(2),
                _ => escapes <= slashes,
            };
            if !closes {
                index += 1;
            } else if slashes == 0 && self.at(index + 1) == Some(quote) {
                index += 2;
            } else {
                return Some((index - escapes.min(slashes), index + 1));
            }
        }
        None
    }

    /// A bracketed value and, where more follows it directly, that as well.
    fn extended(&self, start: usize, end: usize, style: Style) -> Range<usize> {
        if self.is_boundary(end) {
            return start..end;
        }
        start..self.unquoted_end(end, style)
    }

    fn is_boundary(&self, index: usize) -> bool {
        match self.at(index) {
            None => true,
            Some(byte) => byte.is_ascii_whitespace() || b";,&)}]>/\"".contains(&byte),
        }
    }

    /// The end of `{...}` as ODBC writes it, where `}}` is a brace of the value.
    fn odbc_end(&self, start: usize) -> usize {
        let mut index = start + 1;
        while let Some(byte) = self.at(index) {
            match byte {
                b'}' if self.at(index + 1) == Some(b'}') => index += 2,
                b'}' => return index + 1,
                _ => index += 1,
            }
        }
        self.bytes.len()
    }

    /// The end of a JSON object or array.
    fn brackets_end(&self, start: usize) -> usize {
        let mut depth = 0_usize;
        let mut in_string = false;
        for index in start..self.bytes.len() {
            match self.bytes[index] {
                b'"' if self.backslashes_before(index, start).is_multiple_of(2) => {
                    in_string = !in_string
                }
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => {
                    depth -= 1;
                    if depth == 0 {
                        return index + 1;
                    }
                }
                _ => {}
            }
        }
        self.bytes.len()
    }

    fn unquoted_end(&self, start: usize, mut style: Style) -> usize {
        let mut end = start;
        while let Some(byte) = self.at(end) {
            if byte == b'\n' || byte == b'\r' || self.ends_unquoted(end, byte, style) {
                break;
            }
            if byte == b':' && is_cookie(self.key_before(end).name) {
                style = Style::Cookies;
            }
            end = match byte {
                b'=' | b':' if end > start => self.end_of_quoted_secret_within(end),
                _ => end + 1,
            };
        }
        while end > start && matches!(self.bytes[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        end
    }

    /// An unquoted value may swallow the next key; that one's quoted value is then swallowed whole.
    fn end_of_quoted_secret_within(&self, separator: usize) -> usize {
        let value = self.skip_blanks(separator + 1);
        if !is_secret_name(self.key_before(separator).name) {
            return separator + 1;
        }
        match self.at(value) {
            Some(b'"' | b'\'') => self
                .closing_quote(value)
                .map_or(self.bytes.len(), |(inner_end, _)| inner_end),
            Some(b'{') => self.odbc_end(value),
            _ => separator + 1,
        }
    }

    fn ends_unquoted(&self, index: usize, byte: u8, style: Style) -> bool {
        let enclosing = match byte {
            b'"' => self.closes_enclosing(index),
            b'\\' => self.at(index + 1) == Some(b'"') && self.closes_enclosing(index + 1),
            _ => false,
        };
        enclosing
            || match style {
                Style::UrlQuery => byte.is_ascii_whitespace() || b"&#\"'<>".contains(&byte),
                Style::Json => b",}]".contains(&byte),
                Style::Semicolons => byte == b';',
                Style::Cookies => false,
                Style::Loose => b" \t,&".contains(&byte) && self.key_follows(index + 1),
            }
    }

    /// Whether a key and its separator begin at `index`, or a command-line flag.
    fn key_follows(&self, index: usize) -> bool {
        if let Some((from, end, follows)) = self.follows.get()
            && (from..=end).contains(&index)
        {
            return follows;
        }
        let start = self.end_of_run(index, |byte| b" \t\"'".contains(&byte));
        let follows = self.key_begins(start);
        self.follows.set(Some((index, start, follows)));
        follows
    }

    fn key_begins(&self, start: usize) -> bool {
        if self.bytes[start..].starts_with(b"--") {
            return true;
        }
        let end = self.end_of_run(start, |byte| is_key_byte(byte) && byte != b' ');
        let after = self.end_of_run(end, |byte| b" \t\"'".contains(&byte));
        end > start && matches!(self.at(after), Some(b'=' | b':'))
    }
}

/// The header that holds several pairs, whatever stands before it on the line.
fn is_cookie(name: &str) -> bool {
    let last = name.rsplit(' ').next().unwrap_or(name);
    last.eq_ignore_ascii_case("cookie") || last.eq_ignore_ascii_case("set-cookie")
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-. %".contains(&byte)
}
