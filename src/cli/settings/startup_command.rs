//! `labrat settings check`: a startup command before it is deployed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::az::settings;
use super::objections::objections;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::encoding::line;
use crate::host::{Objection, Severity};
use crate::redaction::redact;
use crate::serve::settings::{self as gunicorn, SettingsError, WorkerClass};
use crate::verdict::listening::{StartupCommand, startup_command};

/// Bytes beyond which a file of the package is no script of a start.
const LONGEST_SCRIPT: u64 = 1 << 20;
/// How long a front end may keep a connection to a container that nobody uses.
const FRONT_END_KEEPS: u64 = 60;
/// Words of `labrat settings check`.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// The startup command of the slot; empty for the platform's own
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    startup_command: String,
    /// Settings of the slot: `az webapp config appsettings list`
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The folder that is deployed, whose scripts the command may name
    #[arg(long, value_name = "FOLDER")]
    package: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was found of a startup command.
#[derive(Debug, Serialize)]
struct Checked {
    /// The port that the platform asks.
    port: u16,
    /// Where the server listens.
    listens: Vec<String>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    /// Whether the platform reaches it there; null where that is not known.
    in_reach: Option<bool>,
    /// What speaks against the command, the gravest first.
    objections: Vec<Objection>,
}

/// Read the command, and say what speaks against it.
///
/// # Errors
/// When a file cannot be read or is not what az prints, or standard output is gone.
pub(super) fn run(options: &CheckOptions) -> anyhow::Result<Exit> {
    let known = match &options.settings {
        Some(path) => settings(path)?,
        None => Vec::new(),
    };
    let known: BTreeMap<String, String> = known
        .into_iter()
        .map(|setting| (setting.name, setting.value))
        .collect();
    let scripts = match &options.package {
        Some(folder) => scripts(folder)?,
        None => Vec::new(),
    };
    let texts = scripts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let read = startup_command(&options.startup_command, &known, texts.collect());
    let mut found: Vec<Objection> = out_of_reach(&read).into_iter().collect();
    found.extend(line_endings(&options.startup_command, &scripts));
    found.extend(of_gunicorn(&read));
    found.sort_by_key(|one| one.severity);
    let checked = Checked {
        port: read.port,
        in_reach: read.in_reach,
        unknown: read
            .listens
            .as_ref()
            .err()
            .map(|why| redact(why).into_owned()),
        listens: read.listens.unwrap_or_default(),
        objections: found,
    };
    output::data(&match options.json {
        true => output::json(&checked)?,
        false => text(&checked),
    })?;
    let is_blocked = |one: &Objection| one.severity == Severity::Blocked;
    Ok(
        match (checked.objections.iter().any(is_blocked), checked.in_reach) {
            (true, _) => Exit::Failure,
            (false, Some(_)) => Exit::Success,
            (false, None) => Exit::Inconclusive,
        },
    )
}

/// The scripts at the top of a package.
fn scripts(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let shown = line(&folder.display().to_string()).into_owned();
    let entries = fs::read_dir(folder).with_context(|| format!("reading {shown}"))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {shown}"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_script = name.ends_with(".sh") || name.ends_with(".txt");
        let metadata = entry
            .metadata()
            .with_context(|| format!("reading {shown}"))?;
        if is_script && metadata.is_file() && metadata.len() <= LONGEST_SCRIPT {
            let bytes = fs::read(entry.path()).with_context(|| format!("reading {shown}"))?;
            found.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(found)
}

fn objection(severity: Severity, rule: &str, says: String, remedy: &str) -> Objection {
    Objection {
        severity,
        rule: rule.to_owned(),
        says: redact(&says).into_owned(),
        remedy: remedy.to_owned(),
    }
}

fn out_of_reach(read: &StartupCommand) -> Option<Objection> {
    let port = read.port;
    match (&read.listens, read.in_reach) {
        (Ok(addresses), Some(false)) => Some(objection(
            Severity::Blocked,
            "out-of-reach",
            format!(
                "the server listens at {}, and the platform asks port {port} of the container",
                addresses.join(" and ")
            ),
            &format!("--bind=0.0.0.0:{port}, or WEBSITES_PORT where another port is meant"),
        )),
        _ => None,
    }
}

/// A script that the command names and whose lines end as on Windows: the shell of the container takes
/// the carriage return for a part of the last word.
fn line_endings(command: &str, scripts: &[(String, String)]) -> Option<Objection> {
    let is_named = |name: &str| {
        let mut words = command.split(|sign: char| sign.is_whitespace() || sign == '/');
        words.any(|word| word == name)
    };
    let (name, _) = scripts
        .iter()
        .find(|(name, text)| is_named(name) && text.contains("\r\n"))?;
    Some(objection(
        Severity::Blocked,
        "script-line-endings",
        format!("the lines of {name} end as on Windows"),
        "save it with line ends of Unix, and let git keep them (.gitattributes: *.sh text eol=lf)",
    ))
}

/// What Gunicorn itself would say of its flags, and what they mean behind the platform's front end.
fn of_gunicorn(read: &StartupCommand) -> Vec<Objection> {
    let Some(words) = &read.gunicorn else {
        return Vec::new();
    };
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let resolved = match gunicorn::resolve(&words, &read.environment) {
        Ok(resolved) => resolved.settings,
        // Folders and files of the container are not here.
        Err(
            SettingsError::Chdir(_)
            | SettingsError::ConfigFile(_)
            | SettingsError::LogFile { .. }
            | SettingsError::Help
            | SettingsError::Version,
        ) => return Vec::new(),
        Err(error) => {
            let says = format!("Gunicorn refuses the command: {error}");
            let remedy = "correct the flag; labrat serve --help lists them";
            return vec![objection(Severity::Blocked, "refused", says, remedy)];
        }
    };
    let mut found = Vec::new();
    let keeps = resolved.keep_alive.as_secs();
    if resolved.worker_class != WorkerClass::Sync && (1..FRONT_END_KEEPS).contains(&keeps) {
        found.push(objection(
            Severity::Warned,
            "keep-alive-race",
            format!(
                "idle connections are closed after {keeps} s, and the front end uses them for longer"
            ),
            "--keep-alive 75, longer than the front end keeps its connections",
        ));
    }
    if resolved.worker_class == WorkerClass::Sync && resolved.workers == 1 {
        found.push(objection(
            Severity::Warned,
            "one-at-a-time",
            "one sync worker serves one request at a time, and the others wait".to_owned(),
            "--workers 2 or more, or --threads",
        ));
    }
    found
}

fn text(checked: &Checked) -> String {
    let port = checked.port;
    let first = match (&checked.unknown, checked.in_reach) {
        (Some(why), _) => format!("unknown where the server listens: {}", line(why)),
        (None, Some(true)) => format!(
            "listens at {}, where the platform asks (port {port})",
            line(&checked.listens.join(" and "))
        ),
        (None, Some(false)) => format!(
            "listens at {}, and the platform asks port {port}",
            line(&checked.listens.join(" and "))
        ),
        (None, None) => "unknown whether the platform reaches the server".to_owned(),
    };
    let first = output::wrapped(&first, output::prose_width()).join("\n");
    let mut text = format!("{first}\n{}", objections(&checked.objections));
    if checked.objections.is_empty() && checked.in_reach == Some(true) {
        text.push_str("\nnothing speaks against it\n");
    }
    text
}
