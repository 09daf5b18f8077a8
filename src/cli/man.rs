//! `labrat man`: the manual pages, for packages. Hidden, since readers have `--help`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap_mangen::Man;

use super::exit::Exit;
use super::output;

/// Words of `labrat man`.
#[derive(Debug, Args)]
pub(super) struct ManOptions {
    /// Write a page for each command into this folder; without it the page of labrat is printed
    folder: Option<PathBuf>,
}

/// Print or write the pages of `command`.
///
/// # Errors
/// When standard output or the folder cannot be written.
pub(super) fn run(options: &ManOptions, mut command: clap::Command) -> anyhow::Result<Exit> {
    command.build();
    let Some(folder) = &options.folder else {
        output::data(&page(&command)?)?;
        return Ok(Exit::Success);
    };
    fs::create_dir_all(folder).with_context(|| format!("making `{}`", folder.display()))?;
    write(&command, folder)?;
    Ok(Exit::Success)
}

/// The page of a command and those of the commands below it: `labrat-host-settings-diff.1`.
fn write(command: &clap::Command, folder: &Path) -> anyhow::Result<()> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    output::file(folder, &format!("{name}.1"), &page(command)?)?;
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        write(below, folder)?;
    }
    Ok(())
}

fn page(command: &clap::Command) -> anyhow::Result<String> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    Ok(String::from_utf8(text)?)
}
