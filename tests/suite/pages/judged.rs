//! Whether a started program takes the words that a page gives it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use clap::ArgMatches;
use clap::error::ErrorKind;
use labrat::scenario::catalogue;
use labrat::serve::settings::{self, words};

use super::found::{Given, Kind};
use super::given;
use super::started::{Nowhere, Words};
use crate::harness::{in_parallel, root, skip_unless};

/// Scripts that say with `--dry-run` what they would do, and so read their words in earnest.
const WITH_DRY_RUN: [&str; 6] = ["collect", "deploy", "fix", "teardown", "trigger", "verify"];

/// A word that stands for another: `SCENARIO`, `FIX`.
fn is_placeholder(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What is wrong with the words of a program.
fn complaint(started: &Words, kind: Kind) -> Result<(), String> {
    let (program, rest) = started.split_first().ok_or("nothing is started")?;
    for word in started {
        nested(word)?;
        exists(word)?;
    }
    match program.as_str() {
        "labrat" => match rest.first().map(String::as_str) {
            Some("serve") => serve(&rest[1..]),
            // For any of them.
            Some("COMMAND") => Ok(()),
            _ => of_labrat(started, kind),
        },
        _ => of_script(program, rest),
    }
}

/// A startup command, or a chain of commands, within a word.
fn nested(word: &str) -> Result<(), String> {
    match word.strip_prefix("labrat serve ") {
        Some(line) => {
            let words = words::split(line).map_err(|error| error.to_string())?;
            serve(&words)
        }
        None => Ok(()),
    }
}

/// A path of the project that a word names.
fn exists(word: &str) -> Result<(), String> {
    let path = word.trim_start_matches('@');
    let folders = ["bicep/", "deploy/", "scripts/"];
    let path = path.split(' ').next().unwrap_or_default();
    if folders.iter().any(|folder| path.starts_with(folder)) && !root().join(path).exists() {
        return Err(format!("there is no {path}"));
    }
    Ok(())
}

/// The words behind `labrat serve`.
fn serve(words: &[String]) -> Result<(), String> {
    let nothing: [(&str, &str); 0] = [];
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    match settings::resolve(&words, &nothing) {
        Ok(resolved) if resolved.warnings.is_empty() => Ok(()),
        Ok(resolved) => Err(format!("labrat serve: {}", resolved.warnings[0])),
        Err(error) => Err(format!("labrat serve: {}", error.text().trim())),
    }
}

/// The words of every other command, by the parser that reads them.
fn of_labrat(words: &Words, kind: Kind) -> Result<(), String> {
    let matches = match labrat::cli::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            let incomplete = [
                ErrorKind::MissingRequiredArgument,
                ErrorKind::MissingSubcommand,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ];
            let fine = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind());
            // A mention may end with an option that takes a value.
            let ends = error.kind() == ErrorKind::InvalidValue
                && error.to_string().contains("none was supplied");
            let mentioned = kind == Kind::Mention && (ends || incomplete.contains(&error.kind()));
            return match fine || mentioned {
                true => Ok(()),
                false => Err(error.to_string()),
            };
        }
    };
    matches.subcommand().map_or(Ok(()), |(_, of)| names(of))
}

/// The scenario and the fix that are named.
fn names(matches: &ArgMatches) -> Result<(), String> {
    let word = |id: &str| {
        let value = matches.try_get_one::<String>(id).ok().flatten();
        value.filter(|value| !is_placeholder(value))
    };
    let Some(name) = word("scenario").or_else(|| word("name")) else {
        return Ok(());
    };
    let example = root().join(format!("docs/examples/{name}.toml"));
    let own = match std::fs::read_to_string(&example) {
        Ok(text) => Some(catalogue::read(name, &text).map_err(|fault| fault.to_string())?),
        Err(_) => None,
    };
    let known = own.as_ref().or_else(|| catalogue::find(name));
    let scenario = known.ok_or_else(|| format!("there is no scenario {name}"))?;
    let mut variations = scenario.fixes.iter().chain(&scenario.variants);
    match word("fix") {
        Some(fix) if !variations.any(|variation| variation.name == *fix) => {
            Err(format!("{name} has no fix {fix}"))
        }
        _ => Ok(()),
    }
}

/// A script's words: its options are those of its own help, and what it plays is in the catalogue.
fn of_script(program: &str, words: &[String]) -> Result<(), String> {
    let Some(name) = program.strip_prefix("scripts/") else {
        return Ok(());
    };
    let text = std::fs::read_to_string(root().join(program)).map_err(|error| error.to_string())?;
    // What follows the first look's name is for the server.
    if name == "first-look.sh" {
        return serve(words);
    }
    for word in words.iter().filter(|word| word.starts_with("--")) {
        if !text.contains(word.as_str()) && word != "--help" {
            return Err(format!("{program} has no option {word}"));
        }
    }
    Ok(())
}

/// What a piece of shell starts, or what is wrong with it.
fn judge(nowhere: &Nowhere, given: &Given) -> Result<Vec<Words>, String> {
    let at = |why: String| format!("{}: {}: {why}", given.place, given.text.trim());
    let file = given.kind == Kind::Mention && !given.text.trim().contains(' ');
    if file && given.text.starts_with("scripts/") {
        // A file that is spoken of, which nobody need be able to run.
        exists(given.text.trim()).map_err(at)?;
        return Ok(Vec::new());
    }
    let mut started = nowhere.starts(&given.text).map_err(at)?;
    for words in &mut started {
        // Of what a block exports, this is what a command reads in place of an option.
        if words.get(1).is_some_and(|word| word == "migrate")
            && given.text.contains("DATABASE_URL=")
        {
            words.push("--database=sqlite:orders.db".to_owned());
        }
        complaint(words, given.kind).map_err(at)?;
    }
    Ok(started)
}

/// The words with a scenario and a fix in place of the placeholders, and of which kind they are:
/// the same script with the same options, whatever the scenario.
fn tried(words: &Words) -> Option<(String, Words)> {
    let name = words[0].strip_prefix("scripts/")?.strip_suffix(".sh")?;
    if !WITH_DRY_RUN.contains(&name) || words.len() < 2 {
        return None;
    }
    let mut words = words.clone();
    let mut kind = words.clone();
    if is_placeholder(&words[1]) {
        words[1] = "intermittent-5xx".to_owned();
    }
    if let Some(scenario) = catalogue::find(&words[1]) {
        kind[1] = "SCENARIO".to_owned();
        let fixes: Vec<&str> = scenario.fixes.iter().map(|fix| fix.name.as_str()).collect();
        for at in 2..words.len() {
            if words[at] == "FIX" || fixes.contains(&words[at].as_str()) {
                kind[at] = "FIX".to_owned();
                words[at].replace_range(.., fixes.first().copied().unwrap_or_default());
            }
        }
    }
    Some((kind.join(" "), words))
}

/// Run a script with `--dry-run`, or labrat; what it said where it failed.
fn run(words: &Words) -> Option<String> {
    let labrat = env!("CARGO_BIN_EXE_labrat");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("docs"), folder.path().join("docs")).unwrap();
    let mut command = match words[0].as_str() {
        "labrat" => Command::new(labrat),
        script => Command::new(root().join(script)),
    };
    command.args(&words[1..]);
    if words[0] != "labrat" {
        command.arg("--dry-run");
    }
    let output = command
        .env("LABRAT", labrat)
        .env_remove("LABRAT_RESOURCE_GROUP")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then(|| format!("{}: {said}", words.join(" ")))
}

#[test]
fn every_command_of_the_pages_is_taken_by_the_program_that_it_starts() {
    let nowhere = Nowhere::new();
    let given = given();
    let (mut wrong, mut programs) = (Vec::new(), BTreeMap::<String, usize>::new());
    for given in &given {
        match judge(&nowhere, given) {
            Err(why) => wrong.push(why),
            Ok(started) => {
                for words in started {
                    *programs.entry(words[0].clone()).or_default() += 1;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let of_labrat = programs["labrat"];
    let of_scripts: usize = programs
        .iter()
        .filter(|(name, _)| name.starts_with("scripts/"))
        .map(|(_, count)| count)
        .sum();
    println!("{} pieces of shell start {programs:?}", given.len());
    assert!(of_labrat >= 150, "only {of_labrat} commands of labrat");
    assert!(of_scripts >= 80, "only {of_scripts} scripts");
}

#[test]
fn every_kind_of_command_that_shows_or_plans_runs_as_the_pages_give_it() {
    let jq = Command::new("jq").arg("--version").output();
    if skip_unless(jq.map(|_| ()).map_err(|error| format!("jq: {error}"))) {
        return;
    }
    let nowhere = Nowhere::new();
    let mut kinds = BTreeMap::new();
    for given in given() {
        let Ok(started) = nowhere.starts(&given.text) else {
            continue;
        };
        for words in started {
            if let Some((kind, words)) = tried(&words) {
                kinds.entry(kind).or_insert(words);
            }
            let shown = words.get(1).is_some_and(|word| word == "scenarios");
            let long = words
                .iter()
                .any(|word| word == "--check" || is_placeholder(word));
            if words[0] == "labrat" && shown && !long {
                kinds.insert(words.join(" "), words);
            }
        }
    }
    assert!(kinds.len() >= 12, "only {kinds:?}");
    let runs: Vec<Words> = kinds.into_values().collect();
    let mut failed = Vec::new();
    for some in runs.chunks(4) {
        failed.extend(in_parallel(some, run).into_iter().flatten());
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    println!("{} kinds were run", runs.len());
}

#[test]
fn a_planted_wrong_command_is_found_in_a_fence_and_in_a_span() {
    let nowhere = Nowhere::new();
    let refused = |text: &str, why: &str| {
        for (page, kind) in [
            (format!("```sh\n{text}\n```\n"), "fence"),
            (format!("| step | `{text}` |\n"), "span"),
        ] {
            let found = super::found::commands("docs/scenarios/planted.md", &page);
            assert_eq!(found.len(), 1, "{kind} {text}");
            let said = judge(&nowhere, &found[0]).expect_err(text);
            assert!(said.contains(why), "{kind} {text}: {said}");
        }
    };
    refused("labrat rehaerse startup-failed", "unrecognized subcommand");
    refused("labrat host --staging-prot 1", "unexpected argument");
    refused("labrat verdict", "required arguments");
    refused("labrat host --pace fast", "invalid value");
    refused("labrat rehearse start-failed", "no scenario start-failed");
    refused("labrat rehearse startup-failed --fix no-fix", "has no fix");
    refused("labrat serve --wrokers=2 app:app", "--wrokers");
    refused(
        "labrat host deploy \"labrat serve --timeot=1 a:a\"",
        "--timeot",
    );
    refused("scripts/deploi.sh startup-failed", "No such file");
    refused(
        "scripts/deploy.sh startup-failed --fastt",
        "no option --fastt",
    );
    refused(
        "scripts/first-look.sh --worker-klass=async",
        "--worker-klass",
    );
    refused(
        "labrat scenarios x >a && scripts/fix.sh @bicep/none",
        "no scenario x",
    );
    // The words of a script that reads them in earnest are run.
    let word = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Words>();
    assert!(run(&word(&["scripts/fix.sh", "startup-failed", "no-fix"])).is_some());
    assert!(run(&word(&["labrat", "scenarios", "startup-faild"])).is_some());
}
