//! What a file holds whose name does not tell, where it is no table and no log.

use serde_json::Value;

use crate::evidence::manifest::Setting;

/// What a text is, by itself.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// The site's configuration.
    SiteConfig,
    /// Application settings, as az lists them.
    Settings,
    /// A script of a shell.
    Script,
    /// Figures over time, as `az monitor metrics list` writes them.
    Metrics,
    /// What PowerShell makes of nested values without `-Depth`: `@{...}`, `System.Object[]`.
    Flattened,
    /// Not a text at all.
    Binary,
    /// A page of HTML.
    Page,
    /// Perhaps a table or a log.
    Unknown,
}

/// Names of files that a site's startup command may name, beside scripts.
const SCRIPT_NAMES: [&str; 2] = ["startup.txt", "startup"];

/// What begins like this.
pub(super) fn kind_of(path: &str, head: &[u8]) -> Kind {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_utf_16 = head.starts_with(b"\xff\xfe")
        || head.starts_with(b"\xfe\xff")
        || matches!(head, [first, 0, third, 0, ..] | [0, first, 0, third, ..] if *first != 0 && *third != 0);
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    // A stray zero may stand in a log.
    if !is_utf_16 && zeros * 100 > head.len() {
        return Kind::Binary;
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("#!") || name.ends_with(".sh") || SCRIPT_NAMES.contains(&name) {
        return Kind::Script;
    }
    let lower = text
        .get(..200.min(text.len()))
        .unwrap_or("")
        .to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Kind::Page;
    }
    if text.starts_with(['{', '[']) {
        if text.contains("\"appCommandLine\"") {
            return Kind::SiteConfig;
        }
        if text.contains("\"slotSetting\"") {
            return Kind::Settings;
        }
        if text.contains("\"timeseries\"") {
            return Kind::Metrics;
        }
        if text.contains("\"@{") || text.contains("\"System.Object[]\"") {
            return Kind::Flattened;
        }
    }
    Kind::Unknown
}

/// The startup command in a site's configuration, however deep az put it.
pub(super) fn startup_command(config: &Value) -> Option<&str> {
    [
        Some(config),
        config.get("siteConfig"),
        config.get("properties"),
    ]
    .into_iter()
    .flatten()
    .find_map(|place| place.get("appCommandLine")?.as_str())
}

/// Application settings, as `az webapp config appsettings list` writes them.
pub(super) fn settings(list: &Value, slot: Option<&str>) -> Option<Vec<Setting>> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let settings: Vec<Setting> = list
        .as_array()?
        .iter()
        .filter_map(|entry| {
            Some(Setting {
                name: text(entry, "name")?,
                value: text(entry, "value").unwrap_or_default(),
                slot: slot.map(str::to_owned),
                sticky: entry.get("slotSetting").and_then(Value::as_bool),
                reference: None,
            })
        })
        .collect();
    Some(settings)
}
