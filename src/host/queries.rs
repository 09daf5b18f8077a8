//! The typed queries of the room `tables` over the rows of a run, which are never all in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::HostError;
use crate::tables::{
    ConsoleRow, HttpRow, PlatformRow, TableError, TableRow, queries, read_each, to_flat_object,
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

/// Takes an object of the answer.
type Put<'a> = dyn FnMut(Value) -> io::Result<()> + 'a;

/// A query that there is, over the tables in a folder.
#[derive(Debug)]
pub struct TableQuery {
    folder: PathBuf,
    query: queries::Query,
}

impl TableQuery {
    /// The query `name` over the tables in `folder`.
    ///
    /// # Errors
    /// When there is no such query.
    pub fn named(folder: &Path, name: &str) -> Result<Self, HostError> {
        let query = queries::Query::ALL
            .into_iter()
            .find(|query| query.name == name)
            .ok_or_else(|| HostError::Unknown {
                kind: "query",
                name: name.to_owned(),
                known: query_names().join(", "),
            })?;
        Ok(Self {
            folder: folder.to_owned(),
            query,
        })
    }

    /// Write the answer, a JSON list of objects, each as soon as it is known.
    ///
    /// # Errors
    /// When a table cannot be read or `out` takes no more.
    pub fn answer(&self, out: &mut dyn Write) -> Result<(), HostError> {
        let mut separator = "[";
        self.objects(&mut |object| {
            out.write_all(separator.as_bytes())?;
            separator = ",";
            Ok(serde_json::to_writer(&mut *out, &object)?)
        })?;
        let end = if separator == "[" { "[]" } else { "]" };
        out.write_all(end.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|source| HostError::Folder {
                path: self.folder.clone(),
                source,
            })
    }

    fn objects(&self, put: &mut Put<'_>) -> Result<(), HostError> {
        match self.query {
            queries::CONSOLE => self.select(put, Table::Console, |_: &ConsoleRow| true),
            queries::PLATFORM => self.select(put, Table::Platform, |_: &PlatformRow| true),
            queries::WORKER_ENDS => self.select(put, Table::Console, |row: &ConsoleRow| {
                let line = row.result_description.as_deref();
                line.is_some_and(queries::ends_a_worker)
            }),
            queries::LIFECYCLE => self.select(put, Table::Platform, |row: &PlatformRow| {
                let message = row.message.as_deref();
                message.and_then(queries::lifecycle).is_some()
            }),
            queries::STATUS_MIX => self.status_mix(put),
            queries::LATENCY => self.latency(put),
            _ => self.select(put, Table::Http, |_: &HttpRow| true),
        }
    }

    fn each<R: TableRow>(
        &self,
        table: Table,
        take: &mut dyn FnMut(R) -> io::Result<()>,
    ) -> Result<(), HostError> {
        let path = self.folder.join(table.file());
        let failed = |source| HostError::Folder {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(failed)?;
        let mut ended = Ok(());
        let read = read_each(file, &mut |row| {
            if ended.is_ok() {
                ended = take(row);
            }
        });
        ended.map_err(failed)?;
        match read {
            // Nothing has happened yet.
            Ok(_) | Err(TableError::Empty) => Ok(()),
            Err(source) => Err(HostError::Table { path, source }),
        }
    }

    fn select<R: TableRow>(
        &self,
        put: &mut Put<'_>,
        table: Table,
        is_wanted: impl Fn(&R) -> bool,
    ) -> Result<(), HostError> {
        self.each(table, &mut |row: R| match is_wanted(&row) {
            true => put(to_flat_object(&row)),
            false => Ok(()),
        })
    }

    fn status_mix(&self, put: &mut Put<'_>) -> Result<(), HostError> {
        let mut mix = queries::StatusMix::default();
        self.each(Table::Http, &mut |row: HttpRow| {
            let is_counted = is_of_the_site(&row);
            let status = row.sc_status.and_then(|status| u16::try_from(status).ok());
            if let (true, Some(route), Some(status)) = (is_counted, row.cs_uri_stem, status) {
                mix.add(route, status);
            }
            Ok(())
        })?;
        let objects = mix.counts().map(|count| {
            json!({"CsUriStem": count.route, "ScStatus": count.status, "Requests": count.requests})
        });
        self.put_all(put, objects)
    }

    fn latency(&self, put: &mut Put<'_>) -> Result<(), HostError> {
        let mut by_route: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        self.each(Table::Http, &mut |row: HttpRow| {
            let is_counted = is_of_the_site(&row);
            if let (true, Some(route), Some(taken)) = (is_counted, row.cs_uri_stem, row.time_taken)
            {
                by_route.entry(route).or_default().push(taken as f64);
            }
            Ok(())
        })?;
        let objects = by_route.into_iter().filter_map(|(route, taken)| {
            let spread = queries::latency(taken)?;
            Some(json!({
                "CsUriStem": route,
                "Requests": spread.count,
                "Median": spread.median,
                "P95": spread.p95,
                "Longest": spread.longest,
            }))
        });
        self.put_all(put, objects)
    }

    fn put_all(
        &self,
        put: &mut Put<'_>,
        mut objects: impl Iterator<Item = Value>,
    ) -> Result<(), HostError> {
        objects
            .try_for_each(put)
            .map_err(|source| HostError::Folder {
                path: self.folder.clone(),
                source,
            })
    }
}

/// Requests for the second host of a site, which takes deployments, are not its clients'.
fn is_of_the_site(row: &HttpRow) -> bool {
    !row.cs_host
        .as_deref()
        .is_some_and(|host| host.contains(".scm."))
}
