//! Reading a command line with argparse's habits, which are part of what a start-up command may
//! rely on: unambiguous beginnings of a long flag, `-w4`, `-w 4`, `--workers=4`, joined short
//! switches, and a positional word only in one place.
//!
//! This is written out, and not left to the parser of the other commands, because the errors are
//! part of the contract as well: which word is reported, in which words, decides what a console
//! log shows. Nothing here knows what a flag means, only how it is spelled.

use std::ffi::OsString;

use super::error::{SettingsError, UsageError};
use super::flags::{FLAGS, Flag, Value};
use super::values::{automatic_integer, python_integer};

/// The values that were given, flag by flag, in the order of the words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    values: Vec<(&'static str, String)>,
    /// Words that belong to no flag.
    pub positionals: Vec<String>,
}

impl Given {
    /// The last value given for `key`: the one that counts.
    pub fn last(&self, key: &str) -> Option<&str> {
        self.all(key).next_back()
    }

    /// Every value given for `key`, in order.
    pub fn all(&self, key: &str) -> impl DoubleEndedIterator<Item = &str> {
        self.values
            .iter()
            .filter(move |(name, _)| *name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the switch `key` was given.
    pub fn has(&self, key: &str) -> bool {
        self.last(key).is_some()
    }
}

/// What one word turned out to be before the values are read.
#[derive(Debug, Clone)]
enum Word {
    /// A value, or a positional word.
    Plain,
    /// `--`: everything behind it is plain.
    Separator,
    /// A flag, the spelling that matched, and the value that was joined to it.
    Flag(&'static Flag, String, Option<String>),
    /// Looks like a flag and is none.
    Unknown,
}

/// Read `arguments`, without the program's name.
///
/// # Errors
/// What argparse would refuse, `--help` and `--version` among it.
pub fn read(arguments: &[OsString]) -> Result<Given, SettingsError> {
    let texts = arguments
        .iter()
        .map(|word| {
            word.to_str()
                .map(str::to_owned)
                .ok_or_else(|| UsageError::Encoding(word.clone()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    read_texts(&texts)
}

/// As [`read`], from words that are known to be text.
///
/// # Errors
/// As [`read`].
pub fn read_texts(texts: &[String]) -> Result<Given, SettingsError> {
    let words = classify_all(texts)?;
    let mut given = Given::default();
    let mut unrecognized = Vec::new();
    let mut application_read = false;
    let mut index = 0;
    while let Some(word) = words.get(index) {
        match word {
            Word::Flag(flag, spelling, joined) => {
                index = read_flag(
                    &mut given,
                    flag,
                    spelling,
                    joined.as_deref(),
                    &words,
                    texts,
                    index,
                )?;
            }
            Word::Unknown => {
                unrecognized.push(texts[index].clone());
                index += 1;
            }
            Word::Plain | Word::Separator => {
                // argparse fills its one positional list at the first place that has any; a
                // positional word at a second place is reported as unrecognized.
                let end = index
                    + words[index..]
                        .iter()
                        .take_while(|word| is_plain(word))
                        .count();
                let list = if application_read {
                    &mut unrecognized
                } else {
                    &mut given.positionals
                };
                let run = (index..end).filter(|at| matches!(words[*at], Word::Plain));
                list.extend(run.map(|at| texts[at].clone()));
                application_read = true;
                index = end;
            }
        }
    }
    if !unrecognized.is_empty() {
        return Err(UsageError::Unrecognized(unrecognized).into());
    }
    Ok(given)
}

fn is_plain(word: &Word) -> bool {
    matches!(word, Word::Plain | Word::Separator)
}

/// Read the flag at `index` and return the index of the next unread word.
///
/// Short switches may be joined, and the last of them may be a flag with a value: `-DRw4` and
/// `-DRw 4` are three flags.
fn read_flag(
    given: &mut Given,
    flag: &'static Flag,
    spelling: &str,
    joined: Option<&str>,
    words: &[Word],
    texts: &[String],
    index: usize,
) -> Result<usize, SettingsError> {
    let (switches, last, joined) = split_switches(flag, spelling, joined)?;
    let mut next = index + 1;
    let mut value = joined;
    if let Some(flag) = last {
        if value.is_none() && matches!(words.get(next), Some(Word::Plain)) {
            value = Some(&texts[next]);
            next += 1;
        }
        if flag.value == Value::OptionalAuto {
            value = value.or(Some("auto"));
        }
        if value.is_none() {
            let argument = flag.spellings();
            return Err(UsageError::ExpectedArgument { argument }.into());
        }
    }
    for switch in switches {
        match switch.key {
            "help" => return Err(SettingsError::Help),
            "version" => return Err(SettingsError::Version),
            key => given.values.push((key, String::new())),
        }
    }
    if let (Some(flag), Some(value)) = (last, value) {
        check_number(flag, value)?;
        given.values.push((flag.key, value.to_owned()));
    }
    Ok(next)
}

/// The switches that a word joins, the flag with a value that ends it if any, and what of the word
/// is left for that value.
type Joined<'a> = (Vec<&'static Flag>, Option<&'static Flag>, Option<&'a str>);

fn split_switches<'a>(
    flag: &'static Flag,
    spelling: &str,
    joined: Option<&'a str>,
) -> Result<Joined<'a>, UsageError> {
    let mut switches = Vec::new();
    let mut flag = flag;
    let mut rest = joined;
    while flag.value == Value::Switch {
        switches.push(flag);
        let Some(text) = rest else {
            return Ok((switches, None, None));
        };
        let first = text.chars().next().filter(|_| !spelling.starts_with("--"));
        let next = first.and_then(|letter| Flag::by_name(&format!("-{letter}")));
        let (Some(letter), Some(next)) = (first, next) else {
            return Err(UsageError::ExplicitArgument {
                argument: flag.spellings(),
                value: text.to_owned(),
            });
        };
        flag = next;
        rest = Some(&text[letter.len_utf8()..]).filter(|text| !text.is_empty());
    }
    Ok((switches, Some(flag), rest))
}

/// argparse converts numbers while it reads, so the first bad one is the one that is reported.
fn check_number(flag: &Flag, value: &str) -> Result<(), UsageError> {
    let (valid, kind) = match flag.value {
        Value::Integer => (python_integer(value).is_some(), "int"),
        Value::AutomaticInteger => (automatic_integer(value).is_some(), "auto_int"),
        _ => return Ok(()),
    };
    if valid {
        return Ok(());
    }
    Err(UsageError::Number {
        argument: flag.spellings(),
        kind,
        value: value.to_owned(),
    })
}

fn classify_all(texts: &[String]) -> Result<Vec<Word>, UsageError> {
    let mut words = Vec::with_capacity(texts.len());
    let mut only_plain = false;
    for text in texts {
        let word = match text.as_str() {
            _ if only_plain => Word::Plain,
            "--" => Word::Separator,
            text => classify(text)?,
        };
        only_plain |= matches!(word, Word::Separator);
        words.push(word);
    }
    Ok(words)
}

fn classify(text: &str) -> Result<Word, UsageError> {
    if !text.starts_with('-') || text.len() == 1 {
        return Ok(Word::Plain);
    }
    if let Some(flag) = Flag::by_name(text) {
        return Ok(Word::Flag(flag, text.to_owned(), None));
    }
    let (name, joined) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if joined.is_some()
        && let Some(flag) = Flag::by_name(name)
    {
        return Ok(Word::Flag(flag, name.to_owned(), joined));
    }
    if text.starts_with("--") {
        let mut candidates = beginning_with(name);
        match candidates.len() {
            0 => {}
            1 => {
                let (flag, spelling) = candidates.remove(0);
                return Ok(Word::Flag(flag, spelling.to_owned(), joined));
            }
            _ => {
                return Err(UsageError::Ambiguous {
                    option: text.to_owned(),
                    candidates: candidates
                        .into_iter()
                        .map(|(_, spelling)| spelling)
                        .collect(),
                });
            }
        }
    } else if let Some((second, _)) = text.char_indices().nth(2)
        && let Some(flag) = Flag::by_name(&text[..second])
    {
        return Ok(Word::Flag(
            flag,
            text[..second].to_owned(),
            Some(text[second..].to_owned()),
        ));
    }
    if is_negative_number(text) || text.contains(' ') {
        return Ok(Word::Plain);
    }
    Ok(Word::Unknown)
}

fn beginning_with(beginning: &str) -> Vec<(&'static Flag, &'static str)> {
    let names = FLAGS
        .iter()
        .flat_map(|flag| flag.names.iter().map(move |name| (flag, *name)));
    names
        .filter(|(_, name)| name.starts_with(beginning))
        .collect()
}

/// argparse's `^-\d+$|^-\d*\.\d+$`: no flag looks like that, so such a word is a value.
fn is_negative_number(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match text[1..].split_once('.') {
        None => digits(&text[1..]),
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !fraction.is_empty(),
    }
}
