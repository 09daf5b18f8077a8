//! Rust source split into code and comments, line by line, so that a word in a comment or in a
//! text is never taken for code.

use std::iter::Peekable;
use std::str::Chars;

/// One file. Both parts have the same lines; what belongs to neither is blank.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) code: String,
    pub(super) comments: String,
}

impl Source {
    /// Split `text`.
    pub(super) fn new(text: &str) -> Self {
        let mut source = Self::default();
        let mut characters = text.chars().peekable();
        let mut previous = ' ';
        while let Some(character) = characters.next() {
            match (character, characters.peek()) {
                ('/', Some('/')) => source.line_comment(&mut characters),
                ('/', Some('*')) => source.block_comment(&mut characters),
                ('"', _) => source.text(&mut characters),
                ('r', Some('"' | '#')) if !is_word(previous) || matches!(previous, 'b' | 'c') => {
                    source.raw_text(&mut characters);
                }
                ('\'', _) => source.character_or_lifetime(&mut characters),
                _ => source.code(character),
            }
            previous = character;
        }
        source
    }

    fn code(&mut self, character: char) {
        self.code.push(character);
        self.comments.push(blank(character));
    }

    fn comment(&mut self, character: char) {
        self.code.push(blank(character));
        self.comments.push(character);
    }

    fn neither(&mut self, character: char) {
        self.code.push(blank(character));
        self.comments.push(blank(character));
    }

    fn line_comment(&mut self, rest: &mut Peekable<Chars<'_>>) {
        self.comment('/');
        while let Some(character) = rest.next_if(|character| *character != '\n') {
            self.comment(character);
        }
    }

    fn block_comment(&mut self, rest: &mut Peekable<Chars<'_>>) {
        self.comment('/');
        rest.next();
        self.comment('*');
        let mut depth = 1;
        while let Some(character) = rest.next() {
            self.comment(character);
            if character == '/' && rest.next_if_eq(&'*').is_some() {
                self.comment('*');
                depth += 1;
            } else if character == '*' && rest.next_if_eq(&'/').is_some() {
                self.comment('/');
                depth -= 1;
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn text(&mut self, rest: &mut Peekable<Chars<'_>>) {
        self.neither('"');
        while let Some(character) = rest.next() {
            self.neither(character);
            match character {
                '"' => return,
                '\\' => {
                    if let Some(escaped) = rest.next() {
                        self.neither(escaped);
                    }
                }
                _ => {}
            }
        }
    }

    fn raw_text(&mut self, rest: &mut Peekable<Chars<'_>>) {
        let mut hashes = 0;
        self.code('r');
        while rest.next_if_eq(&'#').is_some() {
            self.neither('#');
            hashes += 1;
        }
        if rest.next_if_eq(&'"').is_none() {
            return; // A raw identifier.
        }
        self.neither('"');
        while let Some(character) = rest.next() {
            self.neither(character);
            if character != '"' {
                continue;
            }
            let mut closing = 0;
            while closing < hashes && rest.next_if_eq(&'#').is_some() {
                self.neither('#');
                closing += 1;
            }
            if closing == hashes {
                return;
            }
        }
    }

    /// `'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn character_or_lifetime(&mut self, rest: &mut Peekable<Chars<'_>>) {
        let mut ahead = rest.clone();
        let escaped = ahead.next() == Some('\\');
        let closed = ahead.next() == Some('\'');
        if !escaped && !closed {
            self.code('\'');
            return;
        }
        self.neither('\'');
        if escaped {
            rest.next();
            self.neither('\\');
        }
        for character in rest.by_ref().take(1) {
            self.neither(character);
        }
        for character in rest.by_ref() {
            self.neither(character);
            if character == '\'' {
                return;
            }
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn blank(character: char) -> char {
    if character == '\n' { '\n' } else { ' ' }
}

/// Where `word` stands in `code` on its own, as byte offsets.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = code[..*at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

/// The number of the line at `offset`, from 1.
pub(super) fn line_number(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

#[test]
fn comments_and_texts_are_not_code() {
    let source = Source::new(
        "a /* b /* c */ d */ e // f\n\"g \\\" // h\" i r#\"j \" k\"# l 'm' '\\'' '\\u{1F600}' &'n o\nb\"p\" br\"q\" r#type",
    );
    let words: Vec<&str> = source.code.split_whitespace().collect();
    let expected = ["a", "e", "i", "r", "l", "&'n", "o", "b", "br", "r", "type"];
    assert_eq!(words, expected);
    let comments: Vec<&str> = source.comments.split_whitespace().collect();
    assert_eq!(comments, ["/*", "b", "/*", "c", "*/", "d", "*/", "//", "f"]);
    assert_eq!(source.code.matches('\n').count(), 2);
}

#[test]
fn a_word_is_found_only_where_it_stands_alone() {
    let code = "unsafe unsafe_code x_unsafe (unsafe)";
    assert_eq!(words(code, "unsafe").collect::<Vec<_>>(), [0, 29]);
    assert_eq!(line_number("a\nb\nc", 4), 3);
}
