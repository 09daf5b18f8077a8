//! Where a server listens, as far as a line of the console tells it, for whoever reads lines.

use std::collections::BTreeMap;

use super::bind;
pub use super::bind::StartupCommand;
use crate::evidence::Bundle;
use crate::evidence::criteria::Moment;

/// The port that the platform looks at.
#[must_use]
pub fn platform_port(bundle: &Bundle) -> u16 {
    bind::platform_port(bundle)
}

/// Whether the platform, which looks at `port`, reaches what this line says; `None` for a line of
/// anything else.
#[must_use]
pub fn reached(line: &str, port: u16) -> Option<bool> {
    bind::reached(line, port)
}

/// Whether the startup command of that moment binds where the platform looks, and what it says;
/// the console is not asked.
#[must_use]
pub fn command_reaches(bundle: &Bundle, moment: Moment) -> Option<(bool, String)> {
    bind::command_reaches(bundle, moment)
}

/// A startup command as a container with these settings would run it, with the scripts of its package by
/// file name and text.
#[must_use]
pub fn startup_command(
    command: &str,
    settings: &BTreeMap<String, String>,
    scripts: Vec<(&str, &str)>,
) -> StartupCommand {
    bind::startup_command(command, settings, scripts)
}
