//! What is missing, and the one question that would separate the first two causes best.

use super::cause::{Ask, Sign};
use super::evidence::Evidence;
use super::outcome::{Missing, Question};
use super::score::Weighed;
use super::window::Windows;

/// The open clue of the first two that could move most decides; where none is open, the first
/// cause's own question.
pub(super) fn question(weighed: &[Weighed], windows: &Windows) -> Option<Question> {
    let first_two: Vec<&Weighed> = weighed.iter().take(2).collect();
    let (first, second) = (first_two.first()?, first_two.get(1)?);
    let between = vec![first.cause.name.clone(), second.cause.name.clone()];
    let open = first_two
        .iter()
        .flat_map(|one| one.open.iter())
        .max_by(|a, b| a.2.total_cmp(&b.2));
    let by_clue =
        open.and_then(|(sign, says, could)| (*could >= 2.0).then(|| ask_of(sign, says)).flatten());
    let is_answer = |one: &Weighed| {
        matches!(
            one.cause.name.as_str(),
            "healthy" | "unknown" | "not-enough-evidence"
        )
    };
    // What is no cause has no mechanism to ask for: the other of the two has.
    let asked = match is_answer(first) && !is_answer(second) {
        true => second,
        false => first,
    };
    let mut ask = by_clue.unwrap_or_else(|| asked.cause.ask.clone());
    ask.kql = within(&ask.kql, windows);
    Some(Question { between, ask })
}

fn ask_of(sign: &Sign, says: &str) -> Option<Ask> {
    let (table, column, pattern) = match sign {
        Sign::Console(lines) => ("AppServiceConsoleLogs", "ResultDescription", &lines.matches),
        Sign::Platform(lines) => ("AppServicePlatformLogs", "Message", &lines.matches),
        _ => return None,
    };
    let kql = format!(
        "{table} | where {column} matches regex @\"{}\" | project TimeGenerated, {column}",
        pattern.replace('"', "\"\"")
    );
    let command = format!(
        "az monitor log-analytics query --workspace WORKSPACE_ID --analytics-query \"{table} | order by TimeGenerated asc\" --output json > {}.json",
        table.trim_start_matches("AppService").to_lowercase()
    );
    Some(Ask {
        question: format!("Is it so that {says}?"),
        kql,
        command,
    })
}

/// The query with the incident's window behind its table.
fn within(kql: &str, windows: &Windows) -> String {
    let Some(window) = windows.main() else {
        return kql.to_owned();
    };
    let (table, rest) = kql.split_once(" | ").unwrap_or((kql, ""));
    let from = window.from.plus_seconds(-600.0);
    let to = window.to.plus_seconds(600.0);
    format!("{table} | where TimeGenerated between (datetime({from}) .. datetime({to})) | {rest}")
}

/// Evidence that is not there, with the command that exports it.
pub(super) fn missing(evidence: &Evidence<'_>) -> Vec<Missing> {
    let bundle = evidence.view.bundle;
    let query = |table: &str, file: &str| {
        format!(
            "az monitor log-analytics query --workspace WORKSPACE_ID --analytics-query \"{table} | order by TimeGenerated asc\" --output json > {file}"
        )
    };
    let mut missing = Vec::new();
    let mut lacks = |is_missing: bool, what: &str, command: String| {
        if is_missing {
            let what = what.to_owned();
            missing.push(Missing { what, command });
        }
    };
    lacks(
        bundle.http.rows.is_empty(),
        "requests (AppServiceHTTPLogs)",
        query("AppServiceHTTPLogs", "http.json"),
    );
    lacks(
        bundle.console.rows.is_empty(),
        "the container's output (AppServiceConsoleLogs, default_docker.log)",
        query("AppServiceConsoleLogs", "console.json"),
    );
    lacks(
        bundle.platform.rows.is_empty(),
        "the platform's events (AppServicePlatformLogs, docker.log)",
        query("AppServicePlatformLogs", "platform.json"),
    );
    lacks(
        bundle.commands.is_empty() && !logs_command(evidence),
        "the startup command",
        "az webapp config show --name SITE --resource-group GROUP > app-config.json".to_owned(),
    );
    lacks(
        bundle.settings.is_empty(),
        "the settings, with which of them are slot settings",
        "az webapp config appsettings list --name SITE --resource-group GROUP > app-settings.json"
            .to_owned(),
    );
    for (table, gaps) in [
        ("AppServiceHTTPLogs", &bundle.http.gaps),
        ("AppServiceConsoleLogs", &bundle.console.gaps),
        ("AppServicePlatformLogs", &bundle.platform.gaps),
    ] {
        for gap in gaps.iter().take(3) {
            let what = format!(
                "rows of {table}: {}: {}",
                super::quote::shown(&gap.file),
                super::quote::shown(&gap.reason)
            );
            lacks(true, &what, query(table, "again.json"));
        }
    }
    missing
}

fn logs_command(evidence: &Evidence<'_>) -> bool {
    let mut lines = evidence.view.lines.iter();
    lines.any(|line| {
        line.text.contains("appCommandLine:") || line.text.contains("App Command Line not conf")
    })
}
