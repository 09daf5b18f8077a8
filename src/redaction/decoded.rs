//! What is written in another way is looked at as what it says: `pass%77ord`, `\u0070assword`.

use std::ops::Range;

/// A text with its escapes taken back, and where each of its bytes stood.
pub(super) struct Decoded {
    pub text: String,
    /// Where each byte of `text` began in the original; one more for the end.
    places: Vec<usize>,
}

impl Decoded {
    /// The part of the original that a part of the text was written as.
    pub(super) fn original(&self, range: &Range<usize>) -> Range<usize> {
        self.places[range.start]..self.places[range.end]
    }
}

/// The text with its escapes of ASCII taken back; `None` where it has none.
pub(super) fn decoded(text: &str) -> Option<Decoded> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\')) {
        return None;
    }
    let mut found = false;
    let mut plain = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len() + 1);
    let mut at = 0;
    while let Some(sign) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let (sign, length) = match escape(&bytes[at..]) {
            Some((byte, length)) => {
                found = true;
                (char::from(byte), length)
            }
            None => (sign, sign.len_utf8()),
        };
        places.extend(std::iter::repeat_n(at, sign.len_utf8()));
        plain.push(sign);
        at += length;
    }
    places.push(at);
    found.then_some(Decoded {
        text: plain,
        places,
    })
}

/// The character of ASCII that an escape stands for, and its length.
fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    let (digits, length) = match bytes {
        [b'%', high, low, ..] => ([*high, *low], 3),
        [b'\\', b'u', b'0', b'0', high, low, ..] => ([*high, *low], 6),
        _ => return None,
    };
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = u8::try_from(value(digits[0])? * 16 + value(digits[1])?).ok()?;
    (byte.is_ascii() && !byte.is_ascii_control()).then_some((byte, length))
}
