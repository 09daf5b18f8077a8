//! The emulator's tables against exported runs, where `LABRAT_AZURE_RUNS` names a folder of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use labrat::host::{Setting, SlotConfiguration, SlotName, SlotSettings, SwapOptions};
use labrat::tables::{ConsoleRow, HttpRow, PlatformRow, TableRow, read};
use serde_json::Value;

use super::messages::templates;
use super::{PATIENCE, SERVE, Stand, until};

/// The folder, or none, which is said.
#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
fn runs() -> Option<PathBuf> {
    let folder = std::env::var_os("LABRAT_AZURE_RUNS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: LABRAT_AZURE_RUNS is not set");
    }
    folder
}

/// Every export of this kind.
fn exports(folder: &Path, kind: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for lab in std::fs::read_dir(folder).unwrap().flatten() {
        let Ok(files) = std::fs::read_dir(lab.path().join("trigger")) else {
            continue;
        };
        for file in files.flatten() {
            let name = file.file_name().into_string().unwrap();
            if name.starts_with(kind) {
                found.push((file.path(), std::fs::read(file.path()).unwrap()));
            }
        }
    }
    found
}

/// Hold every export of a table against its columns here; how many columns with a type there were.
fn hold<R: TableRow>(folder: &Path, kind: &str) -> usize {
    let mut typed = 0;
    for (path, text) in exports(folder, kind) {
        let Ok(value) = serde_json::from_slice::<Value>(&text) else {
            continue; // Some exports hold an error's text.
        };
        let type_here = |column: &str| {
            let found = R::COLUMNS.iter().find(|(name, _)| *name == column);
            found.map(|(_, kind)| kind.name())
        };
        for column in value["tables"][0]["columns"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let (name, kind) = (column["name"].as_str(), column["type"].as_str());
            assert!(kind.is_some(), "{}: {column}", path.display());
            assert_eq!(
                type_here(name.unwrap()),
                kind,
                "{}: {column}",
                path.display()
            );
            typed += 1;
        }
        // The command line's list has no types, but its texts must read as ours.
        let flat = value.get(0).and_then(Value::as_object);
        for name in flat.into_iter().flat_map(|row| row.keys()) {
            let known = name == "TableName" || type_here(name).is_some();
            assert!(known, "{}: {name}", path.display());
        }
        if let Ok(table) = read::<R>(&text) {
            assert_eq!(
                table.fault_count,
                0,
                "{}: {:?}",
                path.display(),
                table.faults
            );
        }
    }
    typed
}

#[test]
fn every_column_of_an_exported_table_exists_here_with_the_same_type() {
    let Some(folder) = runs() else { return };
    for (typed, table) in [
        (hold::<HttpRow>(&folder, "kql-http"), HttpRow::TABLE),
        (
            hold::<ConsoleRow>(&folder, "kql-console"),
            ConsoleRow::TABLE,
        ),
        (
            hold::<PlatformRow>(&folder, "kql-platform"),
            PlatformRow::TABLE,
        ),
    ] {
        assert!(typed >= 2, "{table}: {typed} columns with a type");
    }
}

/// Every message of the exports as a template.
fn recorded(folder: &Path) -> BTreeSet<String> {
    let mut recorded = BTreeSet::new();
    for (_, text) in exports(folder, "kql-platform") {
        let Ok(table) = read::<PlatformRow>(&text) else {
            continue;
        };
        let mut messages = table.rows.iter().filter_map(|row| row.message.as_deref());
        let site = messages.find_map(|message| {
            let (_, rest) = message.split_once("Details: Container ")?;
            let (site, _) = rest.split_once(" successfully created")?;
            Some(site.to_owned())
        });
        recorded.extend(templates(&table.rows, site.as_deref().unwrap_or("app-")));
    }
    recorded
}

/// A normal start, a start that fails, the mended one, and a swap.
async fn starts_and_a_swap() -> BTreeSet<String> {
    let staging = SlotName::Staging;
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.02;
        let flag = Setting::app("FEATURE_FLAG", "on");
        settings.staging = Some(SlotSettings {
            port: 0,
            configuration: SlotConfiguration::new(SERVE).with([flag]),
        });
    })
    .await;
    stand.wait(staging).await;
    let wrong = "labrat serve --bind=0.0.0.0:8000 wrong_module:app";
    stand.host.set_startup_command(staging, wrong).unwrap();
    let failed = stand.host.wait_until_warm(staging, PATIENCE).await;
    assert!(failed.is_err());
    stand.host.set_startup_command(staging, SERVE).unwrap();
    stand.wait(staging).await;
    stand.host.swap(SwapOptions::default()).await.unwrap();
    stand.wait(staging).await;
    until("the old container is gone", || {
        let rows = stand.platform();
        let mut messages = rows.iter().filter_map(|row| row.message.as_deref());
        messages
            .any(|text| text == "Site: app-labrat__staging stopped.")
            .then_some(())
    })
    .await;
    let folder = stand.host.tables_folder().to_owned();
    let _kept = stand.stop().await;
    let mut rows: Vec<PlatformRow> = super::rows(&folder, "platform.jsonl");
    for row in &mut rows {
        // The slot's name is part of the site's, in one message with two underscores.
        let message = row.message.take().unwrap_or_default();
        row.message = Some(message.replace("__staging", "").replace("_staging", ""));
    }
    templates(&rows, "app-labrat")
}

#[tokio::test]
async fn every_message_of_a_start_a_failed_start_and_a_swap_was_recorded_on_the_platform() {
    let Some(folder) = runs() else { return };
    let (recorded, written) = (recorded(&folder), starts_and_a_swap().await);
    assert!(recorded.len() > 30, "{recorded:#?}");
    assert!(written.len() > 40, "{written:#?}");
    let unrecorded: Vec<_> = written.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "{unrecorded:#?}");
}
