//! Text of others, encoded for where it goes: one function for each sink.
//!
//! A leaf: every room may use it, it uses none. What others wrote may hold control characters that
//! move a terminal's cursor, signs that turn the direction of a line, breaks that forge a line of
//! one's own, and the markup of the page around it. Each is made visible here and can do nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a sign is not seen, or changes how others are seen: C0 and C1 controls, marks of
/// direction, signs without width, separators of lines and paragraphs, tags.
fn is_hidden(sign: char) -> bool {
    sign.is_control()
        || matches!(
            u32::from(sign),
            0x061c
                | 0x180e
                | 0x200b..=0x200f
                | 0x2028..=0x202e
                | 0x2060..=0x2069
                | 0xfeff
                | 0xfff9..=0xfffb
                | 0xe0000..=0xe007f
        )
}

/// Every hidden sign but those of `kept` written as JSON writes it: `\n`, `\u001b`, `\u202e`. What is
/// a document of JSON stays the same document.
fn shown<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let hides = |sign: char| is_hidden(sign) && !kept.contains(&sign);
    let Some(first) = text.find(hides) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for sign in text[first..].chars() {
        // Writing into a text cannot fail.
        let _ = match sign {
            sign if !hides(sign) => {
                out.push(sign);
                Ok(())
            }
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            sign => {
                let mut units = [0_u16; 2];
                let units = sign.encode_utf16(&mut units);
                units
                    .iter()
                    .try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
        };
    }
    Cow::Owned(out)
}

/// One line: of a terminal, of a log, of a message. Breaks are visible, too.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, &[])
}

/// A text of several lines for a terminal: breaks and tabs stay.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    shown(text, &['\n', '\t'])
}

/// A page of HTML whose markup is escaped already.
#[must_use]
pub fn html(page: String) -> String {
    match shown(&page, &['\n', '\t']) {
        Cow::Borrowed(_) => page,
        Cow::Owned(page) => page,
    }
}

/// A text within a line or a table's cell of Markdown: no link, no image, no HTML, no heading.
#[must_use]
pub fn markdown(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut before: Option<char> = None;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        // Within a word an underscore is itself.
        let within_word = before.is_some_and(char::is_alphanumeric)
            && signs.peek().is_some_and(|next| next.is_alphanumeric());
        match sign {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '_' if within_word => out.push(sign),
            '#' if before.is_some() => out.push(sign),
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '|' | '#' | '~' => {
                out.push('\\');
                out.push(sign);
            }
            sign => out.push(sign),
        }
        before = Some(sign);
    }
    // A bare address becomes a link by itself where its scheme is whole.
    out.replace("://", ":\\//").replace("www.", "www\\.")
}

/// A text as code within a line or a table's cell of Markdown.
#[must_use]
pub fn markdown_code(text: &str) -> String {
    let text = line(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A text as a block of code in Markdown.
#[must_use]
pub fn markdown_block(text: &str) -> String {
    let text = terminal(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|sign| sign != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// Signs with which a cell becomes a formula.
const OF_A_FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// A cell of CSV, before its quotes, which carry its breaks: no formula for the spreadsheet that opens
/// it.
#[must_use]
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let text = shown(text, &['\n', '\t']);
    // A spreadsheet looks behind blanks as well.
    match text.trim_start().starts_with(OF_A_FORMULA) {
        true => Cow::Owned(format!("'{text}")),
        false => text,
    }
}

/// The text of a cell that [`csv_cell`], or whoever else guards against formulas, has written.
#[must_use]
pub fn of_csv_cell(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.trim_start().starts_with(OF_A_FORMULA) => rest,
        _ => cell,
    }
}

/// A word of a command line that somebody may paste into a shell.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "_./:@%+=,-".contains(sign);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", line(text).replace('\'', "'\\''"))),
    }
}

/// A line of a log that others read line by line. The same as [`line`], under the name of its sink.
#[must_use]
pub fn log_line(text: &str) -> Cow<'_, str> {
    line(text)
}

/// A document of JSON, in which JSON itself lets more through than a terminal should see.
#[must_use]
pub fn json(document: String) -> String {
    html(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31mb\u{7}\rc\nd\u{9b}e\u{202e}f\u{200b}g\u{2028}h\u{e0041}";

    #[test]
    fn what_is_hidden_becomes_visible_and_the_rest_stays() {
        assert_eq!(
            line(HOSTILE),
            "a\\u001b[31mb\\u0007\\rc\\nd\\u009be\\u202ef\\u200bg\\u2028h\\udb40\\udc41"
        );
        assert!(terminal(HOSTILE).contains("c\nd"));
        let plain = "Größe 漢字 🐀 – \"quoted\" 100 %";
        assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
    }

    #[test]
    fn a_cell_is_no_formula_and_reads_back_as_it_was() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://e\")", "'=HYPERLINK(\"http://e\")"),
            ("+1", "'+1"),
            ("-1+cmd", "'-1+cmd"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1", "' =1"),
            ("\t=1", "'\t=1"),
            ("\n=1", "'\n=1"),
            ("a\nb,c", "a\nb,c"),
            ("a\u{1b}b", "a\\u001bb"),
            ("GET /a=b", "GET /a=b"),
            ("'quoted'", "'quoted'"),
        ] {
            assert_eq!(csv_cell(text), cell, "{text:?}");
            assert_eq!(of_csv_cell(cell), text.replace('\u{1b}', "\\u001b"));
        }
    }

    #[test]
    fn a_word_that_is_pasted_is_one_word() {
        for (text, word) in [
            ("runs/first-1", "runs/first-1"),
            ("", "''"),
            ("a b; rm -rf $HOME", "'a b; rm -rf $HOME'"),
            ("it's\nme", r"'it'\''s\nme'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }

    #[test]
    fn markdown_lets_no_markup_through() {
        let text = "# [x](http://e) ![y](z) <img src=x> `c` *b* | _i_";
        assert_eq!(
            markdown(text),
            "\\# \\[x\\](http:\\//e) \\!\\[y\\](z) &lt;img src=x&gt; \\`c\\` \\*b\\* \\| \\_i\\_"
        );
        assert_eq!(markdown("wrong_module:app"), "wrong_module:app");
        assert_eq!(markdown_code("a`b``c"), "```a`b``c```");
        assert_eq!(markdown_code("`a"), "`` `a ``");
        assert_eq!(markdown_block("x\n```\n# y"), "````\nx\n```\n# y\n````");
    }

    #[test]
    fn json_stays_the_same_document() {
        let document = serde_json::to_string_pretty(&serde_json::json!({ "k": HOSTILE })).unwrap();
        let encoded = json(document.clone());
        assert!(!encoded.contains(|sign: char| is_hidden(sign) && sign != '\n'));
        let read: serde_json::Value = serde_json::from_str(&encoded).unwrap();
        assert_eq!(read["k"], HOSTILE);
    }
}
