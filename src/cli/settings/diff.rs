//! `labrat settings diff`: the gate before a swap.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};

use super::az::{identity, settings};
use super::objections::objections;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::encoding::line;
use crate::host::{Comparison, SlotConfiguration, compare, intended};

/// Words of `labrat settings diff`.
#[derive(Debug, Args)]
pub(super) struct DiffOptions {
    /// Settings of the slot that would be swapped in: `az webapp config appsettings list`
    source: PathBuf,
    /// Settings of the slot that it would be swapped into
    target: PathBuf,
    /// Identity of the source: `az webapp identity show`
    #[arg(long, value_name = "FILE", requires = "target_identity")]
    source_identity: Option<PathBuf>,
    /// Identity of the target
    #[arg(long, value_name = "FILE", requires = "source_identity")]
    target_identity: Option<PathBuf>,
    /// Path of the health check: a warm-up that asks it is shallow
    #[arg(long, value_name = "PATH")]
    health_path: Option<String>,
    /// What is meant to differ, joined with commas: settings that move with the code, `identity`
    #[arg(long, value_name = "NAMES", default_value = "")]
    intended: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Compare, print and judge.
///
/// # Errors
/// When a file cannot be read or is not what az prints.
pub(super) fn run(options: &DiffOptions) -> anyhow::Result<Exit> {
    let slot = |path: &Path| -> anyhow::Result<SlotConfiguration> {
        let mut slot = SlotConfiguration::new("").with(settings(path)?);
        slot.health_path.clone_from(&options.health_path);
        Ok(slot)
    };
    let (source, target) = (slot(&options.source)?, slot(&options.target)?);
    let identities = match (&options.source_identity, &options.target_identity) {
        (Some(source), Some(target)) => Some((identity(source)?, identity(target)?)),
        _ => None,
    };
    let identities = identities.as_ref().map(|(source, target)| [source, target]);
    let intended = intended(&options.intended);
    show(
        &compare(&source, &target, &intended, identities),
        options.json,
    )
}

/// Print a comparison, and say by the exit code whether the swap is blocked.
///
/// # Errors
/// When standard output is gone.
pub(in crate::cli) fn show(comparison: &Comparison, json: bool) -> anyhow::Result<Exit> {
    output::data(&match json {
        true => output::json(comparison)?,
        false => text(comparison),
    })?;
    Ok(match comparison.is_blocked() {
        true => Exit::Failure,
        false => Exit::Success,
    })
}

fn text(comparison: &Comparison) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(output::width());
    table.set_header(["SETTING", "EFFECT", "SOURCE", "TARGET"]);
    for row in &comparison.settings {
        let value = |value: &Option<String>| {
            let shown = value.as_deref().map(line);
            shown.map_or_else(|| "-".to_owned(), |shown| shown.into_owned())
        };
        table.add_row([
            line(&row.name).into_owned(),
            row.effect.as_str().to_owned(),
            value(&row.source),
            value(&row.target),
        ]);
    }
    let mut text: String = table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    text.push_str(&objections(&comparison.objections));
    if !comparison.is_blocked() {
        text.push_str("\nnothing blocks the swap\n");
    }
    text
}
