//! `labrat settings diff`: the gate before a swap on App Service, from what az prints of both slots.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::exit::Exit;
use super::output;
use crate::encoding::line;
use crate::host::{Comparison, Identity, Setting, Severity, SlotConfiguration, compare, intended};

/// Bytes of a file of settings: App Service allows a few hundred settings of some kilobytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Words of `labrat settings`.
#[derive(Debug, Args)]
pub(super) struct SettingsOptions {
    #[command(subcommand)]
    request: SettingsRequest,
}

#[derive(Debug, Subcommand)]
enum SettingsRequest {
    /// Say what a swap would do to each setting and what speaks against it; fails if something does
    #[command(
        after_help = "A setting that differs and is no slot setting blocks, and so does another \
                      identity; a shallow warm-up is warned of.\n\nExample: labrat settings diff \
                      staging.json production.json\n\nwith what az webapp config appsettings list \
                      prints for each slot; scripts/settings-diff.sh asks az for it."
    )]
    Diff(DiffOptions),
}

#[derive(Debug, Args)]
struct DiffOptions {
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
pub(super) fn run(options: &SettingsOptions) -> anyhow::Result<Exit> {
    let SettingsRequest::Diff(options) = &options.request;
    let slot = |path: &Path| -> anyhow::Result<SlotConfiguration> {
        let settings: Vec<AzSetting> = read(path, "az webapp config appsettings list")?;
        let mut slot = SlotConfiguration::new("").with(settings.into_iter().map(Setting::from));
        slot.health_path.clone_from(&options.health_path);
        Ok(slot)
    };
    let (source, target) = (slot(&options.source)?, slot(&options.target)?);
    let identity = |path: &Path| -> anyhow::Result<Identity> {
        let identity: Option<AzIdentity> = read(path, "az webapp identity show")?;
        Ok(identity.map(Identity::from).unwrap_or_default())
    };
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

/// A setting as az prints it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzSetting {
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    slot_setting: bool,
}

impl From<AzSetting> for Setting {
    fn from(setting: AzSetting) -> Setting {
        Setting {
            sticky: setting.slot_setting,
            ..Setting::app(setting.name, setting.value.unwrap_or_default())
        }
    }
}

/// The identities of a slot as az prints them; nothing where it has none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzIdentity {
    principal_id: Option<String>,
    #[serde(default)]
    user_assigned_identities: Option<serde_json::Map<String, serde_json::Value>>,
}

impl From<AzIdentity> for Identity {
    fn from(identity: AzIdentity) -> Identity {
        let assigned = identity.user_assigned_identities.unwrap_or_default();
        Identity {
            principal: identity.principal_id.filter(|id| !id.is_empty()),
            // Azure does not tell ids apart by case, and prints them in both.
            assigned: assigned
                .into_iter()
                .map(|(id, _)| id.to_lowercase())
                .collect(),
        }
    }
}

/// What az printed into this file; nothing at all is what it prints of what is not there.
fn read<T: DeserializeOwned>(path: &Path, command: &str) -> anyhow::Result<T> {
    let shown = line(&path.display().to_string()).into_owned();
    let file = File::open(path).with_context(|| format!("opening {shown}"))?;
    let mut text = String::new();
    file.take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {shown}"))?;
    if text.len() as u64 > MOST_BYTES {
        bail!("{shown} is larger than {MOST_BYTES} bytes, which no slot's settings are");
    }
    let text = match text.trim_start_matches('\u{feff}').trim() {
        "" => "null",
        text => text,
    };
    serde_json::from_str(text).with_context(|| {
        format!("{shown} is not what {command} prints\n\nhint: {command} --output json > FILE")
    })
}

/// Print a comparison, and say by the exit code whether the swap is blocked.
///
/// # Errors
/// When standard output is gone.
pub(super) fn show(comparison: &Comparison, json: bool) -> anyhow::Result<Exit> {
    if json {
        output::data(&format!("{}\n", serde_json::to_string_pretty(comparison)?))?;
    } else {
        output::data(&text(comparison))?;
    }
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
    for one in &comparison.objections {
        let word = match one.severity {
            Severity::Blocked => "blocked",
            Severity::Warned => "warning",
        };
        let (says, remedy) = (line(&one.says), line(&one.remedy));
        text.push_str(&format!("\n{word}: {says} ({})\n  {remedy}\n", one.rule));
    }
    if !comparison.is_blocked() {
        text.push_str("\nnothing blocks the swap\n");
    }
    text
}
