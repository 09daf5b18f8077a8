//! Splitting one line into words as Python's `shlex.split` does, which is how Gunicorn reads
//! `GUNICORN_CMD_ARGS`.

/// Why a line cannot be split; the words are Python's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The line ends inside quotes.
    #[error("No closing quotation")]
    Quotation,
    /// The line ends after a backslash.
    #[error("No escaped character")]
    Escape,
}

/// Split `line` at blanks, with the quotes and backslashes of a POSIX shell and nothing else of
/// one: no variables, no comments, no globs.
///
/// # Errors
/// When a quote or a backslash has nothing after it.
pub fn split(line: &str) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => single_quoted(&mut characters, word.get_or_insert_default())?,
            '"' => double_quoted(&mut characters, word.get_or_insert_default())?,
            '\\' => {
                let escaped = characters.next().ok_or(SplitError::Escape)?;
                word.get_or_insert_default().push(escaped);
            }
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), SplitError> {
    for character in rest {
        if character == '\'' {
            return Ok(());
        }
        word.push(character);
    }
    Err(SplitError::Quotation)
}

/// Inside double quotes a backslash escapes only a quote or a backslash; before anything else it
/// stays.
fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), SplitError> {
    while let Some(character) = rest.next() {
        match character {
            '"' => return Ok(()),
            '\\' => {
                let escaped = rest.next().ok_or(SplitError::Escape)?;
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            _ => word.push(character),
        }
    }
    Err(SplitError::Quotation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap()
    }

    #[test]
    fn blanks_separate_words_and_quotes_join_them() {
        assert_eq!(words("  --workers=4\t-t  9 "), ["--workers=4", "-t", "9"]);
        assert_eq!(
            words(r#"--env "A=b c" -e 'D=e "f"'"#),
            ["--env", "A=b c", "-e", r#"D=e "f""#]
        );
        assert_eq!(words(r#"a"b"'c'd"#), ["abcd"]);
        assert_eq!(words(r#"'' "" x"#), ["", "", "x"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn a_backslash_escapes_outside_quotes_and_only_quotes_inside_double_ones() {
        assert_eq!(words(r"a\ b \' \\"), ["a b", "'", r"\"]);
        assert_eq!(
            words(r#""a\"b" "c\\d" "e\nf""#),
            [r#"a"b"#, r"c\d", r"e\nf"]
        );
        assert_eq!(words(r"'a\b'"), [r"a\b"]);
    }

    #[test]
    fn an_open_quote_or_a_last_backslash_is_an_error_in_pythons_words() {
        assert_eq!(
            split("--workers \"a").unwrap_err().to_string(),
            "No closing quotation"
        );
        assert_eq!(split("'a").unwrap_err().to_string(), "No closing quotation");
        assert_eq!(
            split("a\\").unwrap_err().to_string(),
            "No escaped character"
        );
        assert_eq!(
            split("\"a\\").unwrap_err().to_string(),
            "No escaped character"
        );
    }

    proptest! {
        #[test]
        fn words_in_single_quotes_come_back_as_they_were(
            expected in proptest::collection::vec("[^\0]{0,12}", 0..6)
        ) {
            let quoted: Vec<String> = expected
                .iter()
                .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
                .collect();
            prop_assert_eq!(split(&quoted.join(" ")), Ok(expected));
        }

        #[test]
        fn any_line_either_splits_or_is_refused(line in any::<String>()) {
            let _ = split(&line);
        }
    }
}
