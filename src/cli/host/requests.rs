//! The verbs for a running emulator.

use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{ConnectionWord, ControlOptions, HostRequest, SettingsRequest, SiteOptions, client};
use crate::cli::exit::Exit;
use crate::cli::{output, settings as swap_gate};
use crate::host::control::{NEXT_OFFSET, StartupCommand, Swap, Wait};
use crate::host::{Comparison, ConnectionKind, Setting, SettingKind};

/// Between two looks at a table that is followed.
const FOLLOW_PERIOD: Duration = Duration::from_millis(200);

pub(super) fn run(request: &HostRequest) -> anyhow::Result<Exit> {
    match request {
        HostRequest::Status { control } => {
            let status = client::json(&client::ask(control, "GET", "/status", None)?)?;
            show(
                control,
                &status,
                &status["slots"],
                &["slot", "state", "url", "starts", "container", "address"],
            )
        }
        HostRequest::Settings(request) => settings(request),
        HostRequest::Swap {
            control,
            source,
            preview,
            complete,
            cancel,
        } => {
            let (path, body) = match (complete, cancel) {
                (true, _) => ("/swap/complete", None),
                (_, true) => ("/swap/cancel", None),
                _ => {
                    let swap = Swap {
                        source: *source,
                        preview: *preview,
                    };
                    ("/swap", Some(serde_json::to_value(swap)?))
                }
            };
            client::ask(control, "POST", path, body.as_ref())?;
            done(control, "swap: done")
        }
        HostRequest::Restart { site } => order(site, "restart", None),
        HostRequest::Stop { site } => order(site, "stop", None),
        HostRequest::Deploy { site, command } => {
            let command = StartupCommand {
                command: command.clone(),
            };
            order(
                site,
                "startup-command",
                Some(serde_json::to_value(command)?),
            )
        }
        HostRequest::Logs {
            control,
            table,
            follow,
        } => logs(control, table, *follow),
        HostRequest::Query { control, name } => {
            let path = format!("/query/{}", encoded(name));
            let rows = client::json(&client::ask(control, "GET", &path, None)?)?;
            show(control, &rows, &rows, &[])
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn order(site: &SiteOptions, verb: &str, body: Option<Value>) -> anyhow::Result<Exit> {
    let path = format!("/slots/{}/{verb}", site.slot);
    client::ask(&site.control, "POST", &path, body.as_ref())?;
    wait(site)?;
    done(&site.control, &format!("{verb}: done"))
}

fn wait(site: &SiteOptions) -> anyhow::Result<()> {
    if site.wait > 0.0 {
        let wait = serde_json::to_value(Wait { seconds: site.wait })?;
        let path = format!("/slots/{}/wait", site.slot);
        client::ask(&site.control, "POST", &path, Some(&wait))?;
    }
    Ok(())
}

fn done(control: &ControlOptions, text: &str) -> anyhow::Result<Exit> {
    match control.json {
        true => output::data("{\"done\":true}\n")?,
        false => output::message(&format!("{text}\n")),
    }
    Ok(Exit::Success)
}

fn settings(request: &SettingsRequest) -> anyhow::Result<Exit> {
    let path = |site: &SiteOptions| format!("/slots/{}/settings", site.slot);
    match request {
        SettingsRequest::List { site } => {
            let list = client::json(&client::ask(&site.control, "GET", &path(site), None)?)?;
            show(
                &site.control,
                &list,
                &list,
                &["name", "value", "sticky", "kind"],
            )
        }
        SettingsRequest::Set {
            site,
            sticky,
            connection,
            settings,
        } => {
            let kind = connection.map_or(SettingKind::App, |word| {
                SettingKind::Connection(match word {
                    ConnectionWord::Sqlserver => ConnectionKind::SqlServer,
                    ConnectionWord::Sqlazure => ConnectionKind::SqlAzure,
                    ConnectionWord::Mysql => ConnectionKind::MySql,
                    ConnectionWord::Postgresql => ConnectionKind::PostgreSql,
                    ConnectionWord::Custom => ConnectionKind::Custom,
                })
            });
            let settings: Vec<Setting> = settings
                .iter()
                .map(|(name, value)| Setting {
                    sticky: *sticky,
                    kind,
                    ..Setting::app(name, value)
                })
                .collect();
            let body = serde_json::to_value(settings)?;
            client::ask(&site.control, "PUT", &path(site), Some(&body))?;
            wait(site)?;
            done(&site.control, "settings: set")
        }
        SettingsRequest::Remove { site, names } => {
            client::ask(&site.control, "DELETE", &path(site), Some(&json!(names)))?;
            wait(site)?;
            done(&site.control, "settings: removed")
        }
        SettingsRequest::Diff {
            control,
            source,
            intended,
        } => {
            let path = format!("/comparison?source={source}&intended={}", encoded(intended));
            let answer = client::json(&client::ask(control, "GET", &path, None)?)?;
            let comparison: Comparison =
                serde_json::from_value(answer).context("the emulator answers otherwise")?;
            swap_gate::show(&comparison, control.json)
        }
    }
}

/// Print rows: as JSON, or as a table with these columns, or with those that the first row has.
fn show(
    control: &ControlOptions,
    whole: &Value,
    rows: &Value,
    columns: &[&str],
) -> anyhow::Result<Exit> {
    if control.json {
        output::data(&output::json(whole)?)?;
        return Ok(Exit::Success);
    }
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let own: Vec<&str> = match (columns, rows.first().and_then(Value::as_object)) {
        ([], Some(first)) => first.keys().map(String::as_str).collect(),
        _ => columns.to_vec(),
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(own.iter().map(|name| name.to_uppercase()));
    for row in rows {
        table.add_row(own.iter().map(|name| cell(&row[*name])));
    }
    let lines: Vec<String> = table
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    output::data(&format!("{}\n", lines.join("\n")))?;
    Ok(Exit::Success)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn logs(control: &ControlOptions, table: &str, follow: bool) -> anyhow::Result<Exit> {
    let mut from = 0_u64;
    loop {
        let path = format!("/logs/{}?from={from}", encoded(table));
        let answer = client::ask(control, "GET", &path, None)?;
        let next = answer
            .headers
            .get(NEXT_OFFSET)
            .and_then(|text| text.to_str().ok()?.parse().ok())
            .unwrap_or(from);
        output::data(&String::from_utf8_lossy(&answer.body))?;
        let more = next > from;
        from = next;
        if more {
            continue;
        }
        if !follow {
            return Ok(Exit::Success);
        }
        std::thread::sleep(FOLLOW_PERIOD);
    }
}
