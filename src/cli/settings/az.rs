//! What az prints of a slot: its settings and its identity.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::encoding::line;
use crate::host::{Identity, Setting};

/// Bytes of a file of settings: App Service allows a few hundred settings of some kilobytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// The settings of a slot as az prints them.
pub(super) fn settings(path: &Path) -> anyhow::Result<Vec<Setting>> {
    let settings: Vec<AzSetting> = read(path, "az webapp config appsettings list")?;
    Ok(settings.into_iter().map(Setting::from).collect())
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

/// The identities of a slot as az prints them.
pub(super) fn identity(path: &Path) -> anyhow::Result<Identity> {
    let identity: Option<AzIdentity> = read(path, "az webapp identity show")?;
    Ok(identity.map(Identity::from).unwrap_or_default())
}

/// The identities as they are printed; nothing where it has none.
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
