//! How words may be written, and what becomes of flags that do nothing here.

use labrat::serve::settings::arguments::{Given, read_texts};
use labrat::serve::settings::flags::{FLAGS, Flag, Meaning, Value, command};
use labrat::serve::settings::{SettingsError, Warning};
use proptest::prelude::*;

use super::resolve_line;

#[test]
fn a_value_may_be_joined_separate_or_after_an_equals_sign() {
    for line in [
        "-w4",
        "-w 4",
        "-w=4",
        "--workers 4",
        "--workers=4",
        "--workers=+4",
        "-Rw4",
    ] {
        assert_eq!(resolve_line(line).unwrap().settings.workers, 4, "{line}");
    }
}

#[test]
fn an_unambiguous_beginning_of_a_long_flag_is_that_flag() {
    let resolved = resolve_line("--prel --workers=2 --worker-cl gthread --error-l=-").unwrap();
    assert!(resolved.settings.preload);
    assert_eq!(resolved.settings.workers, 2);
}

#[test]
fn the_last_use_wins_and_only_bind_and_env_add_up() {
    let resolved = resolve_line("-w 2 --workers 3 -b :1 --bind :2 -e A=1 -e B=x=y").unwrap();
    assert_eq!(resolved.settings.workers, 3);
    assert_eq!(resolved.settings.bind.len(), 2);
    let env = [("A", "1"), ("B", "x=y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(resolved.settings.env, env);
}

#[test]
fn a_second_positional_word_is_ignored_beside_the_first_and_refused_elsewhere() {
    let resolved = resolve_line("-w 2 app:app extra").unwrap();
    assert_eq!(resolved.settings.app.module, "app");
    let error = resolve_line("app:app -w 2 extra").unwrap_err();
    assert!(
        error
            .text()
            .ends_with("labrat: error: unrecognized arguments: extra\n")
    );
}

#[test]
fn help_and_version_are_answers_and_not_failures() {
    for (line, expected) in [
        ("--help", "Help"),
        ("-h", "Help"),
        ("-v", "Version"),
        ("-Dv", "Version"),
    ] {
        let error = resolve_line(line).unwrap_err();
        assert_eq!(
            (format!("{error:?}").as_str(), error.exit_code()),
            (expected, 0),
            "{line}"
        );
    }
}

#[test]
fn a_flag_without_a_meaning_here_is_accepted_with_one_warning_that_says_why() {
    for flag in FLAGS {
        let Meaning::Ignored(reason) = flag.meaning else {
            continue;
        };
        if flag.key == "config" {
            continue; // Its file has to exist; see the refusals.
        }
        assert!(
            !reason.is_empty() && !reason.ends_with('.'),
            "{}",
            flag.long()
        );
        let words = match flag.value {
            Value::Switch | Value::OptionalAuto => flag.long().to_owned(),
            _ => format!("{0} 1 {0} 2", flag.long()),
        };
        let resolved = resolve_line(&format!("{words} app:app")).unwrap();
        let expected = Warning::NoMeaning {
            flag: flag.long(),
            reason,
        };
        assert_eq!(resolved.warnings, [expected], "{}", flag.long());
        assert_eq!(
            resolved.settings,
            resolve_line("app:app").unwrap().settings,
            "{}",
            flag.long()
        );
    }
}

#[test]
fn a_flag_with_a_meaning_is_accepted_without_a_warning() {
    for flag in FLAGS
        .iter()
        .filter(|flag| matches!(flag.meaning, Meaning::Acts(_)))
    {
        let value = match (flag.key, flag.value) {
            ("help" | "version", _) => continue,
            (_, Value::Switch) => "",
            ("bind", _) => ":0",
            ("worker_class", _) => "sync",
            ("raw_env", _) => "A=b",
            ("chdir", _) => "/",
            ("accesslog" | "errorlog", _) => "-",
            ("forwarded_allow_ips", _) => "::1",
            ("header_map", _) => "refuse",
            _ => "1",
        };
        let resolved = resolve_line(&format!("{} {value}", flag.long())).unwrap();
        assert_eq!(resolved.warnings, [], "{}", flag.long());
    }
}

#[test]
fn every_spelling_belongs_to_one_flag() {
    let mut names: Vec<&str> = FLAGS
        .iter()
        .flat_map(|flag| flag.names.iter().copied())
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    command().debug_assert();
}

/// One use of a flag and how it may be written.
fn use_of_a_flag() -> impl Strategy<Value = (&'static Flag, String, u8)> {
    let flags: Vec<&'static Flag> = FLAGS
        .iter()
        .filter(|flag| !matches!(flag.key, "help" | "version"))
        .collect();
    (proptest::sample::select(flags), 0_u32..100_000, 0_u8..3).prop_map(|(flag, number, form)| {
        let value = match flag.value {
            Value::Switch => String::new(),
            Value::AutomaticInteger => format!("0x{number:x}"),
            Value::Integer => number.to_string(),
            _ => format!("v{number}"),
        };
        (flag, value, form)
    })
}

fn written(flag: &Flag, value: &str, form: u8) -> Vec<String> {
    let short = flag.short().map(|letter| format!("-{letter}"));
    match (flag.value, form, short) {
        (Value::Switch, 0, Some(short)) => vec![short],
        (Value::Switch, _, _) => vec![flag.long().to_owned()],
        (_, 0, Some(short)) => vec![format!("{short}{value}")],
        (_, 1, Some(short)) => vec![short, value.to_owned()],
        (_, 2, _) => vec![format!("{}={value}", flag.long())],
        _ => vec![flag.long().to_owned(), value.to_owned()],
    }
}

proptest! {
    #[test]
    fn flags_written_in_any_form_are_read_back(
        uses in proptest::collection::vec(use_of_a_flag(), 0..8)
    ) {
        let words: Vec<String> =
            uses.iter().flat_map(|(flag, value, form)| written(flag, value, *form)).collect();
        let given = read_texts(&words).unwrap();
        for flag in FLAGS {
            let expected: Vec<&str> = uses
                .iter()
                .filter(|(used, _, _)| used.key == flag.key)
                .map(|(_, value, _)| value.as_str())
                .collect();
            prop_assert_eq!(given.all(flag.key).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn any_words_are_read_or_refused_and_never_lost(
        words in proptest::collection::vec("(-{0,2}[a-zA-Z=]{0,9}|-?[0-9]{1,3}|app:app|--)", 0..6)
    ) {
        match read_texts(&words) {
            Ok(given) => prop_assert!(given.positionals.len() <= words.len()),
            Err(SettingsError::Help | SettingsError::Version) => {}
            Err(error) => {
                prop_assert_eq!(error.exit_code(), 2);
                prop_assert!(error.text().contains("\nlabrat: error: "));
            }
        }
    }
}

#[test]
fn nothing_given_is_nothing_read() {
    assert_eq!(read_texts(&[]).unwrap(), Given::default());
}
