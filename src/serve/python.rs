//! How Python writes a string in a message: `repr()`, which Gunicorn puts into its error pages and
//! into what it says of settings.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Python's `repr()` of a string: single quotes unless only single quotes are inside, control
/// characters and what Latin-1 cannot print as `\xNN`.
pub fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_unprintable(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Whether Python's `str.isprintable` is false for a Latin-1 character.
fn is_unprintable(character: char) -> bool {
    let code = u32::from(character);
    code < 0x20 || (0x7f..=0xa0).contains(&code) || code == 0xad
}

/// Bytes as Latin-1 text, one character a byte, as Gunicorn decodes a request head.
pub fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Latin-1 text as the bytes that it was decoded from; `?` for a character that is not of it.
pub fn latin1_bytes(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    text.chars()
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_python_quotes_it() {
        assert_eq!(repr("garbage"), "'garbage'");
        assert_eq!(repr("it's"), "\"it's\"");
        assert_eq!(repr("a\\b\n"), r"'a\\b\n'");
        assert_eq!(repr("both ' and \""), "'both \\' and \"'");
        assert_eq!(repr("a\0b\r"), "'a\\x00b\\r'");
        assert_eq!(repr("\u{a0}\u{e9}"), "'\\xa0é'");
    }

    #[test]
    fn every_byte_is_one_latin1_character() {
        assert_eq!(latin1(&[0x47, 0xff]), "Gÿ");
    }
}
