//! The typed queries of the room `tables` over the rows of a run.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::HostError;
use crate::tables::{
    ConsoleRow, HttpRow, PlatformRow, TableError, TableRow, queries, read, to_flat_list,
};

/// One of the three tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// AppServiceHTTPLogs
    Http,
    /// AppServiceConsoleLogs
    Console,
    /// AppServicePlatformLogs
    Platform,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 3] = [Self::Http, Self::Console, Self::Platform];

    /// The name of its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Http => "http.jsonl",
            Self::Console => "console.jsonl",
            Self::Platform => "platform.jsonl",
        }
    }
}

impl std::str::FromStr for Table {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let name = |table: &Self| table.file().trim_end_matches(".jsonl");
        Self::ALL
            .into_iter()
            .find(|table| name(table) == text)
            .ok_or_else(|| HostError::Unknown {
                kind: "table",
                name: text.to_owned(),
                known: Self::ALL.iter().map(name).collect::<Vec<_>>().join(", "),
            })
    }
}

/// The names of the queries.
pub fn query_names() -> Vec<&'static str> {
    queries::Query::ALL.iter().map(|query| query.name).collect()
}

fn rows<R: TableRow>(folder: &Path, table: Table) -> Result<Vec<R>, HostError> {
    let path = folder.join(table.file());
    let text = std::fs::read(&path).map_err(|source| HostError::Folder {
        path: path.clone(),
        source,
    })?;
    match read::<R>(&text) {
        Ok(read) => Ok(read.rows),
        // Nothing has happened yet.
        Err(TableError::Empty) => Ok(Vec::new()),
        Err(source) => Err(HostError::Table { path, source }),
    }
}

/// Answer the query `name` from the tables in `folder`, as a list of objects.
///
/// # Errors
/// When there is no such query or a table cannot be read.
pub fn query(folder: &Path, name: &str) -> Result<Value, HostError> {
    let http = || rows::<HttpRow>(folder, Table::Http);
    let console = || rows::<ConsoleRow>(folder, Table::Console);
    let platform = || rows::<PlatformRow>(folder, Table::Platform);
    let line = |row: &ConsoleRow| row.result_description.clone().unwrap_or_default();
    if name == queries::HTTP.name {
        return Ok(to_flat_list(&http()?));
    }
    if name == queries::CONSOLE.name {
        return Ok(to_flat_list(&console()?));
    }
    if name == queries::PLATFORM.name {
        return Ok(to_flat_list(&platform()?));
    }
    if name == queries::STATUS_MIX.name {
        let rows = http()?;
        let counts = queries::status_mix(
            rows.iter()
                .filter(is_of_the_site)
                .filter_map(route_and_status),
        );
        let list = counts.iter().map(|count| {
            json!({"CsUriStem": count.route, "ScStatus": count.status, "Requests": count.requests})
        });
        return Ok(list.collect());
    }
    if name == queries::LATENCY.name {
        return Ok(latency(&http()?));
    }
    if name == queries::WORKER_ENDS.name {
        let mut rows = console()?;
        rows.retain(|row| queries::ends_a_worker(&line(row)));
        return Ok(to_flat_list(&rows));
    }
    if name == queries::LIFECYCLE.name {
        let mut rows = platform()?;
        rows.retain(|row| {
            let message = row.message.as_deref().unwrap_or_default();
            queries::lifecycle(message).is_some()
        });
        return Ok(to_flat_list(&rows));
    }
    Err(HostError::Unknown {
        kind: "query",
        name: name.to_owned(),
        known: query_names().join(", "),
    })
}

/// Requests for the second host of a site, which takes deployments, are not its clients'.
fn is_of_the_site(row: &&HttpRow) -> bool {
    !row.cs_host
        .as_deref()
        .is_some_and(|host| host.contains(".scm."))
}

fn route_and_status(row: &HttpRow) -> Option<(&str, u16)> {
    let status = u16::try_from(row.sc_status?).ok()?;
    Some((row.cs_uri_stem.as_deref()?, status))
}

fn latency(rows: &[HttpRow]) -> Value {
    let mut by_route: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(is_of_the_site) {
        if let (Some(route), Some(taken)) = (row.cs_uri_stem.as_deref(), row.time_taken) {
            by_route.entry(route).or_default().push(taken as f64);
        }
    }
    by_route
        .into_iter()
        .filter_map(|(route, taken)| {
            let spread = queries::latency(taken)?;
            Some(json!({
                "CsUriStem": route,
                "Requests": spread.count,
                "Median": spread.median,
                "P95": spread.p95,
                "Longest": spread.longest,
            }))
        })
        .collect()
}
