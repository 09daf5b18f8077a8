//! A command as a shell takes it apart: simple commands, their assignments and words, variables
//! expanded as far as they are known.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Bytes of a command or script beyond which it is not read.
const LONGEST: usize = 1 << 20;

/// A word after expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// Something in it is known to the shell alone.
    pub open: bool,
}

/// One simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub assignments: Vec<(String, Word)>,
    pub words: Vec<Word>,
}

/// The simple commands of a text, in their order, whatever joins them. Assignments that stand alone
/// and exports hold for those that follow.
pub(super) fn commands(text: &str, variables: &mut BTreeMap<String, String>) -> Vec<Simple> {
    let text = text.get(..LONGEST).unwrap_or(text);
    let mut lexer = Lexer {
        signs: text.chars().peekable(),
        simple: Simple::default(),
        word: None,
        found: Vec::new(),
        drop_next: false,
    };
    lexer.run(variables);
    lexer.found
}

struct Lexer<'t> {
    signs: Peekable<Chars<'t>>,
    simple: Simple,
    word: Option<Word>,
    found: Vec<Simple>,
    /// The next word is the file of a redirection.
    drop_next: bool,
}

impl Lexer<'_> {
    fn run(&mut self, variables: &mut BTreeMap<String, String>) {
        while let Some(sign) = self.signs.next() {
            match sign {
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' | ';' | '|' | '(' | ')' => self.end_command(variables),
                '&' if self.signs.peek() == Some(&'>') => self.end_word(),
                '&' => self.end_command(variables),
                '#' if self.word.is_none() => self.skip_line(),
                '>' | '<' => self.redirection(),
                '\\' => match self.signs.next() {
                    Some('\n') | None => {}
                    Some(sign) => self.push(sign),
                },
                '\'' => self.single_quoted(),
                '"' => self.double_quoted(variables),
                '$' => self.dollar(variables),
                '`' => self.skip_to('`'),
                sign => self.push(sign),
            }
        }
        self.end_command(variables);
    }

    fn push(&mut self, sign: char) {
        self.word.get_or_insert_default().text.push(sign);
    }

    fn skip_line(&mut self) {
        while self.signs.peek().is_some_and(|sign| *sign != '\n') {
            self.signs.next();
        }
    }

    /// What a program would print: nobody knows it.
    fn skip_to(&mut self, end: char) {
        self.word.get_or_insert_default().open = true;
        for sign in self.signs.by_ref() {
            if sign == end {
                return;
            }
        }
    }

    /// `> file`, `2>&1`: the descriptor before it is part of it, the file follows.
    fn redirection(&mut self) {
        if let Some(word) = &self.word
            && word.text.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.word = None;
        }
        self.end_word();
        while self
            .signs
            .peek()
            .is_some_and(|sign| matches!(sign, '>' | '&' | '|'))
        {
            self.signs.next();
        }
        self.drop_next = true;
    }

    fn single_quoted(&mut self) {
        let word = self.word.get_or_insert_default();
        for sign in self.signs.by_ref() {
            if sign == '\'' {
                return;
            }
            word.text.push(sign);
        }
    }

    fn double_quoted(&mut self, variables: &BTreeMap<String, String>) {
        self.word.get_or_insert_default();
        while let Some(sign) = self.signs.next() {
            match sign {
                '"' => return,
                '\\' => match self.signs.next() {
                    Some(sign @ ('"' | '\\' | '$' | '`')) => self.push(sign),
                    Some('\n') | None => {}
                    Some(sign) => {
                        self.push('\\');
                        self.push(sign);
                    }
                },
                '$' => self.dollar(variables),
                '`' => self.skip_to('`'),
                sign => self.push(sign),
            }
        }
    }

    fn dollar(&mut self, variables: &BTreeMap<String, String>) {
        match self.signs.peek() {
            Some('(') => {
                let mut depth = 0_usize;
                for sign in self.signs.by_ref() {
                    match sign {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
                self.word.get_or_insert_default().open = true;
            }
            Some('{') => {
                self.signs.next();
                let inner: String = self
                    .signs
                    .by_ref()
                    .take_while(|sign| *sign != '}')
                    .collect();
                self.expand(&inner, variables);
            }
            Some(sign) if sign.is_ascii_alphabetic() || *sign == '_' => {
                let mut name = String::new();
                while let Some(sign) = self
                    .signs
                    .peek()
                    .filter(|sign| sign.is_ascii_alphanumeric() || **sign == '_')
                {
                    name.push(*sign);
                    self.signs.next();
                }
                self.expand(&name, variables);
            }
            _ => self.push('$'),
        }
    }

    /// `NAME`, `NAME:-default`, `NAME:=default`, `NAME-default`
    fn expand(&mut self, inner: &str, variables: &BTreeMap<String, String>) {
        let end = inner
            .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
            .unwrap_or(inner.len());
        let (name, rest) = inner.split_at(end);
        let default = [":-", ":=", "-", "="]
            .iter()
            .find_map(|operator| rest.strip_prefix(operator));
        let word = self.word.get_or_insert_default();
        match (variables.get(name), default) {
            (Some(value), _) if rest.is_empty() || default.is_some() => word.text.push_str(value),
            (None, Some(default)) if !default.contains('$') => {
                word.text.push_str(default.trim_matches(['"', '\'']));
            }
            _ => word.open = true,
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if std::mem::take(&mut self.drop_next) {
            return;
        }
        if self.simple.words.is_empty()
            && let Some((name, value)) = word.text.split_once('=')
            && is_name(name)
        {
            let value = Word {
                text: value.to_owned(),
                open: word.open,
            };
            self.simple.assignments.push((name.to_owned(), value));
            return;
        }
        self.simple.words.push(word);
    }

    fn end_command(&mut self, variables: &mut BTreeMap<String, String>) {
        self.end_word();
        self.drop_next = false;
        let mut simple = std::mem::take(&mut self.simple);
        // Words of the shell's own grammar stand before commands.
        while simple.words.first().is_some_and(|word| {
            matches!(
                word.text.as_str(),
                "then" | "do" | "else" | "{" | "}" | "!" | "if" | "while"
            )
        }) {
            simple.words.remove(0);
        }
        let is_export = simple
            .words
            .first()
            .is_some_and(|word| word.text == "export");
        let exported = simple.words.iter().skip(1).filter_map(|word| {
            let (name, value) = word.text.split_once('=')?;
            let value = Word {
                text: value.to_owned(),
                open: word.open,
            };
            Some((name.to_owned(), value))
        });
        let set: Vec<(String, Word)> = match (is_export, simple.words.is_empty()) {
            (true, _) => exported.collect(),
            (false, true) => std::mem::take(&mut simple.assignments),
            (false, false) => Vec::new(),
        };
        for (name, value) in set {
            match value.open {
                true => variables.remove(&name),
                false => variables.insert(name, value.text),
            };
        }
        if !is_export && !simple.words.is_empty() {
            self.found.push(simple);
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
