//! JSON as Python writes it: keys sorted, everything outside printable ASCII escaped.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CharEscape, Formatter, Serializer};

/// The body of `flask.jsonify`: compact, with a final newline.
pub(super) fn jsonify(value: &Value) -> Vec<u8> {
    let mut bytes = dumps(value);
    bytes.push(b'\n');
    bytes
}

/// The text of `json.dumps(value, sort_keys=True, separators=(",", ":"))`.
pub(super) fn dumps(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = Serializer::with_formatter(&mut bytes, PythonFormatter);
    // A `Value` has only string keys and finite numbers, and a `Vec` takes every write.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok());
    bytes
}

/// Differs from serde_json's compact form in one way: text outside printable ASCII is escaped as
/// UTF-16 units. Keys are sorted because `serde_json::Map` is.
struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(start) = rest.find(|character: char| !matches!(character, ' '..='~')) {
            writer.write_all(&rest.as_bytes()[..start])?;
            let mut following = rest[start..].chars();
            if let Some(character) = following.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = following.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let short: &[u8] = match escape {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04x}"),
        };
        writer.write_all(short)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn keys_are_sorted_whatever_their_order_in_the_source() {
        let value = json!({"b": 1, "<unknown>": 2, "a": [1, 2], "Z": null});
        assert_eq!(
            text(jsonify(&value)),
            "{\"<unknown>\":2,\"Z\":null,\"a\":[1,2],\"b\":1}\n"
        );
    }

    #[test]
    fn text_outside_printable_ascii_is_escaped_as_python_does() {
        let value = json!({"s": "h\u{e9}\u{1f600}\u{7f}/\"\\\n\u{1}é"});
        assert_eq!(
            text(jsonify(&value)),
            "{\"s\":\"h\\u00e9\\ud83d\\ude00\\u007f/\\\"\\\\\\n\\u0001\\u00e9\"}\n"
        );
    }

    #[test]
    fn numbers_drop_trailing_zeros_as_pythons_do() {
        assert_eq!(
            text(jsonify(&json!([0.32, 9.316, 5.0, 7]))),
            "[0.32,9.316,5.0,7]\n"
        );
    }
}
