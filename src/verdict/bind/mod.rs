//! Where the application listens, and whether the platform looks there.
//!
//! What the console says of it decides; the startup command is read where the console is silent, as
//! a shell and the server would read it. What is not understood is no evidence.

mod address;
mod console;
mod flags;
mod servers;
mod shell;

use std::collections::BTreeMap;

use super::quote::{Quote, quote_file, quote_text};
use super::text::cut;
use super::window::fix_moment;
use crate::evidence::Bundle;
use crate::evidence::bundle::{CommandCapture, TextEvent};
use crate::evidence::criteria::Moment;
use address::{Address, Place};

/// The port that the platform looks at, where nothing says otherwise.
const PORT: u16 = 8000;

/// Settings that name another port, the first that is there.
const PORT_SETTINGS: [&str; 2] = ["WEBSITES_PORT", "PORT"];

/// The manifest's path, where it is quoted.
const MANIFEST: &str = "manifest.json";

/// Whether the platform reaches the application, and by which evidence.
pub(super) struct Reach {
    /// `None` where nothing that was understood tells.
    pub in_reach: Option<bool>,
    /// What was seen.
    pub observed: String,
    /// Where.
    pub quotes: Vec<Quote>,
}

/// Whether the platform reached the application at that moment.
pub(super) fn reach(bundle: &Bundle, moment: Moment) -> Reach {
    let port = platform_port(bundle);
    let line = last_line(bundle, moment);
    let listened = line.and_then(|line| Some((line, console::listening(&line.text)?)));
    if let Some((line, addresses)) = &listened
        && let Some(in_reach) = judged(addresses, port)
    {
        return Reach {
            in_reach: Some(in_reach),
            observed: format!("`{}`", cut(line.text.trim())),
            quotes: vec![quote_text(&bundle.console, line)],
        };
    }
    match recorded_command(bundle, moment) {
        Some(command) => by_command(bundle, command, port),
        None => Reach {
            in_reach: None,
            observed: "the startup command was not captured".to_owned(),
            quotes: Vec::new(),
        },
    }
}

/// Whether the platform reaches the addresses that a line of the console names.
pub(super) fn reached(line: &str, port: u16) -> Option<bool> {
    judged(&console::listening(line)?, port)
}

/// Whether the startup command binds where the platform looks, and what it says.
pub(super) fn command_reaches(bundle: &Bundle, moment: Moment) -> Option<(bool, String)> {
    let command = recorded_command(bundle, moment)?;
    let reach = by_command(bundle, command, platform_port(bundle));
    Some((reach.in_reach?, command.0.to_owned()))
}

/// The startup command of that moment, and the file that tells it.
pub(super) fn recorded_command(bundle: &Bundle, moment: Moment) -> Option<(&str, &str)> {
    match bundle.command(moment) {
        Some(CommandCapture { text, file, .. }) => Some((text, file)),
        None if moment == Moment::Before => bundle
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.topology.startup_command.as_deref())
            .map(|command| (command, MANIFEST)),
        None => None,
    }
}

fn by_command(bundle: &Bundle, (command, file): (&str, &str), port: u16) -> Reach {
    let surroundings = Surroundings::of(bundle, port);
    let shown = cut(command);
    let (in_reach, observed) = match servers::listening(command, &surroundings).0 {
        Ok(addresses) => {
            let listed: Vec<String> = addresses.iter().map(Address::to_string).collect();
            let in_reach = judged(&addresses, port);
            (
                in_reach,
                format!("`{shown}` listens at {}", listed.join(" and ")),
            )
        }
        Err(reason) => (
            None,
            format!("`{shown}` does not tell where it listens: {reason}"),
        ),
    };
    Reach {
        in_reach,
        observed,
        quotes: vec![quote_file(file, command)],
    }
}

/// Whether any of these addresses is reached: a server answers at each of them.
fn judged(addresses: &[Address], port: u16) -> Option<bool> {
    let places = || addresses.iter().map(|address| address.place(port));
    if places().any(|place| place == Place::Reached) {
        return Some(true);
    }
    let all_known = places().all(|place| place == Place::OutOfReach);
    (all_known && !addresses.is_empty()).then_some(false)
}

/// A startup command, read before it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupCommand {
    /// The port that the platform asks.
    pub port: u16,
    /// Where its server listens, or why that is not known.
    pub listens: Result<Vec<String>, String>,
    /// Whether the platform reaches it there.
    pub in_reach: Option<bool>,
    /// The arguments of its Gunicorn; `None` where it starts none, or where only a shell knows them.
    pub gunicorn: Option<Vec<String>>,
    /// What its Gunicorn finds in its environment, as far as the command and the settings tell.
    pub environment: BTreeMap<String, String>,
}

/// Read a command as a container of that slot would run it: `settings` by name, and the scripts of the
/// package by file name and text.
pub(super) fn startup_command(
    command: &str,
    settings: &BTreeMap<String, String>,
    scripts: Vec<(&str, &str)>,
) -> StartupCommand {
    let by_setting = port_of_settings(|name| settings.get(name).map(String::as_str));
    let port = by_setting.unwrap_or(PORT);
    let mut variables = settings.clone();
    variables.insert("PORT".to_owned(), port.to_string());
    let surroundings = Surroundings { variables, scripts };
    let (listens, gunicorn) = servers::listening(command, &surroundings);
    let in_reach = listens
        .as_ref()
        .ok()
        .and_then(|addresses| judged(addresses, port));
    let (words, environment) = gunicorn
        .map(|one| (one.words, one.environment))
        .unwrap_or_default();
    let is_known = !words.is_empty() && words.iter().all(|word| !word.open);
    let words = words.into_iter().map(|word| word.text).collect();
    StartupCommand {
        port,
        listens: listens.map(|all| all.iter().map(Address::to_string).collect()),
        in_reach,
        gunicorn: is_known.then_some(words),
        environment,
    }
}

/// The last line before or after the fix in which a server says where it listens.
fn last_line(bundle: &Bundle, moment: Moment) -> Option<&TextEvent> {
    let fixed = fix_moment(bundle);
    let belongs = |event: &&TextEvent| match (moment, fixed) {
        (Moment::Before, None) => true,
        (Moment::After, None) => false,
        (Moment::Before, Some(fixed)) => event.time < fixed,
        (Moment::After, Some(fixed)) => event.time >= fixed,
    };
    bundle
        .console
        .rows
        .iter()
        .rev()
        .filter(belongs)
        .find(|event| console::listening(&event.text).is_some())
}

/// The port that the platform looks at: a setting's, or that of the container's own start.
pub(super) fn platform_port(bundle: &Bundle) -> u16 {
    let settings = settings(bundle);
    let by_setting = port_of_settings(|name| settings.get(name).copied());
    let by_start = || {
        let starts = bundle.platform.rows.iter().rev();
        starts
            .filter(|event| event.text.contains("docker run"))
            .find_map(|event| port_of_start(&event.text))
    };
    by_pings(bundle)
        .or(by_setting)
        .or_else(by_start)
        .unwrap_or(PORT)
}

/// The port that a slot's settings name.
fn port_of_settings<'s>(value: impl Fn(&str) -> Option<&'s str>) -> Option<u16> {
    let mut names = PORT_SETTINGS.iter();
    names.find_map(|name| value(name)?.parse().ok())
}

/// The port that the platform says it asked in vain.
fn by_pings(bundle: &Bundle) -> Option<u16> {
    const WORDS: &str = "respond to HTTP pings on port: ";
    bundle.platform.rows.iter().rev().find_map(|event| {
        let (_, rest) = event.text.split_once(WORDS)?;
        digits(rest).parse().ok()
    })
}

/// The port in a `docker run` that the platform logged: a variable's, or the one that is mapped.
fn port_of_start(text: &str) -> Option<u16> {
    let by_variable = PORT_SETTINGS.iter().find_map(|name| {
        let (_, rest) = text.split_once(&format!("-e {name}="))?;
        digits(rest).parse().ok()
    });
    let mapped = || {
        let (_, rest) = text.split_once(" -p ")?;
        digits(rest.split_once(':')?.1).parse().ok()
    };
    let exposed = || digits(text.split_once("--expose=")?.1).parse().ok();
    by_variable.or_else(mapped).or_else(exposed)
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    let end = text.find(|sign: char| !sign.is_ascii_digit());
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// Application settings of production, as far as they are known.
fn settings(bundle: &Bundle) -> BTreeMap<&str, &str> {
    let by_manifest = bundle
        .manifest
        .iter()
        .flat_map(|manifest| &manifest.topology.settings);
    let by_file = bundle.settings.iter().flat_map(|capture| &capture.settings);
    by_manifest
        .chain(by_file)
        .filter(|setting| matches!(setting.slot.as_deref(), None | Some("production")))
        .map(|setting| (setting.name.as_str(), setting.value.as_str()))
        .collect()
}

/// What a command finds where it runs.
struct Surroundings<'b> {
    variables: BTreeMap<String, String>,
    scripts: Vec<(&'b str, &'b str)>,
}

impl<'b> Surroundings<'b> {
    fn of(bundle: &'b Bundle, port: u16) -> Surroundings<'b> {
        let known = settings(bundle).into_iter();
        let mut variables: BTreeMap<String, String> = known
            .filter(|(_, value)| !value.starts_with("<redacted"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        variables.insert("PORT".to_owned(), port.to_string());
        Surroundings {
            variables,
            scripts: bundle
                .scripts
                .iter()
                .map(|script| (script.name.as_str(), script.text.as_str()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
