//! The KQL of the runbooks over local tables: the same answers as the typed queries.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use labrat::host::{SlotName, TableQuery};
use labrat::tables::queries::Query;
use labrat::tables::{ConsoleRow, HttpRow, LogTime, PlatformRow, TableRow};
use serde_json::{Map, Value, json};

use super::{PATIENCE, Stand, until};
use crate::harness::{root, skip_unless};

const PRODUCTION: SlotName = SlotName::Production;
/// A worker that is held for longer than this is killed by its arbiter.
const SHORT_TIMEOUT: &str = "labrat serve --bind=0.0.0.0:8000 --workers=1 --timeout 1 app:app";
const WRONG: &str = "labrat serve --bind=0.0.0.0:8000 wrong_module:app";

/// What runs KQL here; why it does not, where it does not.
fn engine() -> Result<(), String> {
    let output = Command::new(root().join("tests/kql/setup.sh"))
        .output()
        .map_err(|error| format!("tests/kql/setup.sh cannot run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "no KQL engine: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn table<R: TableRow>(file: &str) -> (String, Value) {
    let columns: Vec<_> = R::COLUMNS
        .iter()
        .map(|(name, kind)| json!([name, kind.name()]))
        .collect();
    (
        R::TABLE.to_owned(),
        json!({ "file": file, "columns": columns }),
    )
}

/// The rows of every query of scripts/kql.
fn answers(folder: &Path) -> Value {
    let time = |text: &str| text.parse::<LogTime>().unwrap();
    let (start, end) = (time("2020-01-01T00:00:00Z"), time("2120-01-01T00:00:00Z"));
    let queries: Map<String, Value> = Query::ALL
        .iter()
        .map(|query| (query.name.to_owned(), json!(query.between(start, end))))
        .collect();
    let tables: Map<String, Value> = [
        table::<HttpRow>("http.jsonl"),
        table::<ConsoleRow>("console.jsonl"),
        table::<PlatformRow>("platform.jsonl"),
    ]
    .into_iter()
    .collect();
    let asked = json!({ "folder": folder, "tables": tables, "queries": queries });
    let mut child = Command::new(root().join("target/kql/bin/python"))
        .arg(root().join("tests/kql/run.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(asked.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A value as both sides can be compared: times to the microsecond, numbers without a fraction
/// that is none, whatever is not there as an empty text.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().unwrap().to_string(),
        other => other.to_string(),
    };
    match (text.parse::<LogTime>(), text.strip_suffix('Z')) {
        (Ok(_), Some(_)) => microseconds(&text),
        _ => match format!("{text}Z").parse::<LogTime>() {
            Ok(_) => microseconds(&format!("{text}Z")),
            Err(_) => text,
        },
    }
}

fn microseconds(time: &str) -> String {
    let (seconds, fraction) = time
        .trim_end_matches('Z')
        .split_once('.')
        .unwrap_or((time.trim_end_matches('Z'), ""));
    format!("{seconds}.{:0<6.6}", fraction)
}

/// Rows of these columns, in an order of their own.
fn rows(list: &Value, columns: &[String]) -> Vec<Vec<String>> {
    let list = list.as_array().unwrap();
    let mut rows: Vec<Vec<String>> = list
        .iter()
        .map(|row| columns.iter().map(|name| plain(&row[name])).collect())
        .collect();
    rows.sort();
    rows
}

/// A run with requests of several outcomes, workers that end in several ways, and a site that
/// starts, fails and is mended.
async fn eventful_run() -> tempfile::TempDir {
    let stand = Stand::warm(SHORT_TIMEOUT, |_| {}).await;
    for path in [
        "/health",
        "/config",
        "/nope",
        "/health",
        "/slow?seconds=0.1",
    ] {
        stand.get(path).await;
    }
    // The heartbeat stops for longer than the timeout.
    assert!(stand.get("/slow?seconds=30").await.status >= 500);
    until("the worker's end is told", || {
        let lines = stand.console();
        let told = lines.iter().any(|line| line.contains("WORKER TIMEOUT"));
        told.then_some(())
    })
    .await;
    let pid = stand.get("/diag/stats").await.json()["pid"]
        .as_i64()
        .unwrap();
    let status = stand.host.status(PRODUCTION).unwrap();
    let pid = super::outside(&status, pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    until("so is the next one's", || {
        let lines = stand.console();
        let told = lines.iter().any(|line| line.contains("was sent SIGKILL"));
        told.then_some(())
    })
    .await;
    for command in [WRONG, SHORT_TIMEOUT] {
        stand.host.set_startup_command(PRODUCTION, command).unwrap();
        let _ = stand.host.wait_until_warm(PRODUCTION, PATIENCE).await;
        stand.get("/health").await;
    }
    stand.stop().await
}

#[tokio::test]
async fn the_kql_of_the_runbooks_gives_the_numbers_of_the_typed_queries() {
    if skip_unless(engine()) {
        return;
    }
    let folder = eventful_run().await;
    let tables = folder.path().join("tables");
    let answers = answers(&tables);
    for asked in Query::ALL {
        let mut expected = Vec::new();
        let query = TableQuery::named(&tables, asked.name).unwrap();
        query.answer(&mut expected).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let answer = &answers[asked.name];
        let first = answer[0].as_object();
        let columns: Vec<String> = first
            .unwrap_or_else(|| panic!("{}: no row", asked.name))
            .keys()
            .cloned()
            .collect();
        let (expected, found) = (rows(&expected, &columns), rows(answer, &columns));
        assert!(found.len() >= 3, "{}: {found:?}", asked.name);
        assert_eq!(found, expected, "{}", asked.name);
    }
}
