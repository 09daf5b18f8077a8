//! Files count by what is in them: under any name, in folders and zips, several of one table merged,
//! and what is not read is named.

use std::io::Write as _;
use std::path::Path;

use labrat::evidence::bundle::{FileState, TextEvent};
use labrat::evidence::{self, Bundle};

use labrat::verdict::Outcome;

use super::builder::criterion;
use super::exports::{LINES, csv};
use super::incidents;

fn put(folder: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn note<'b>(bundle: &'b Bundle, path: &str) -> &'b evidence::bundle::FileNote {
    bundle.files.iter().find(|file| file.path == path).unwrap()
}

fn texts(rows: &[TextEvent]) -> Vec<&str> {
    rows.iter().map(|row| &*row.text).collect()
}

#[test]
fn files_count_by_what_is_in_them_under_any_name_and_in_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "Downloads/query_data (2).csv",
        csv("TimeGenerated", ',', [LINES[0].0, LINES[1].0]),
    );
    put(
        folder.path(),
        "LogFiles/a/b/2026_11_21_x_docker.log",
        "2026-11-21T20:01:00.000Z INFO  - Starting container for site\n",
    );
    put(folder.path(), "notes/what happened.txt", "it was slow");
    put(
        folder.path(),
        "picture.png",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0",
    );
    put(
        folder.path(),
        "start.sh",
        "#!/bin/sh\nexec gunicorn app:app\n",
    );
    put(
        folder.path(),
        "app-settings.json",
        r#"[{"name":"FLAG","slotSetting":true,"value":"v1"}]"#,
    );
    put(
        folder.path(),
        "config.json.txt",
        r#"{"alwaysOn": false, "appCommandLine": "gunicorn app:app"}"#,
    );
    let bundle = evidence::read(folder.path()).unwrap();
    assert_eq!(texts(&bundle.console.rows), [LINES[0].1, LINES[1].1]);
    assert_eq!(
        texts(&bundle.platform.rows),
        ["Starting container for site"]
    );
    assert_eq!(bundle.scripts[0].name, "start.sh");
    assert_eq!(bundle.settings[0].settings[0].sticky, Some(true));
    assert_eq!(bundle.commands[0].text, "gunicorn app:app");
    assert_eq!(bundle.files.len(), 7);
    assert_eq!(
        note(&bundle, "notes/what happened.txt").state,
        FileState::NotUsed
    );
    assert!(
        note(&bundle, "notes/what happened.txt")
            .words()
            .contains("it was slow")
    );
    assert_eq!(note(&bundle, "picture.png").words(), "not a text");
    assert_eq!(
        note(&bundle, "Downloads/query_data (2).csv").words(),
        "2 rows of AppServiceConsoleLogs (CSV)"
    );
}

#[test]
fn figures_over_time_and_texts_without_times_are_kept_for_who_asks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "console.log",
        "2026-11-21T20:01:00.998000000Z a line\n",
    );
    put(
        folder.path(),
        "plan-metrics.csv",
        "TimeStamp,MemoryPercentage,CpuPercentage\n2026-11-21T20:01:00Z,42,12\n",
    );
    put(folder.path(), "deployment.log", "Running pip install...\n");
    let bundle = evidence::read(folder.path()).unwrap();
    let metrics: Vec<_> = bundle
        .metrics
        .iter()
        .map(|metric| (metric.name.as_str(), metric.values[0].1))
        .collect();
    assert_eq!(
        metrics,
        [("MemoryPercentage", 42.0), ("CpuPercentage", 12.0)]
    );
    assert_eq!(bundle.texts[0].name, "deployment.log");
    let words = note(&bundle, "plan-metrics.csv").words();
    assert!(
        words.starts_with("figures over time: MemoryPercentage"),
        "{words}"
    );
}

#[test]
fn an_export_that_failed_leaves_a_gap_and_says_which_command_would_help() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "console.json",
        "ERROR: AADSTS700082: the refresh token has expired",
    );
    put(
        folder.path(),
        "http.jsonl",
        "{\"TimeGenerated\":\"2026-11-21T20:01:01Z\",\"ScStatus\":200}\n{\"TimeGen",
    );
    let bundle = evidence::read(folder.path()).unwrap();
    assert!(!bundle.console.is_readable() && !bundle.http.is_complete());
    assert_eq!(bundle.console.gaps[0].file, "console.json");
    assert!(
        bundle.http.gaps[0].reason.contains("cut"),
        "{:?}",
        bundle.http.gaps
    );
    assert!(bundle.platform.gaps.is_empty());
    let help = note(&bundle, "console.json").help.as_deref().unwrap();
    assert!(
        help.contains("AppServiceConsoleLogs") && help.contains("--output json"),
        "{help}"
    );
}

#[test]
fn a_page_that_cannot_be_read_is_no_proof_that_nothing_was_in_it() {
    let without = incidents::startup_failed().table(
        "console",
        &[incidents::console_row(25.0, "Booting worker with pid: 11")],
    );
    assert_eq!(without.judge().outcome, Outcome::NotReproduced);
    let with_a_gap = without.text("tables/console-1.json", "[{\"TimeGenerated\":\"2026-");
    let verdict = with_a_gap.judge();
    assert_eq!(
        verdict.outcome,
        Outcome::Inconclusive,
        "{}",
        verdict.headline
    );
    let observed = &criterion(&verdict, "import-failure").observed;
    assert!(observed.contains("tables/console-1.json: "), "{observed}");
}

#[test]
fn rows_of_one_moment_that_are_alike_all_count_and_those_of_two_files_once() {
    let row =
        "{\"TimeGenerated\":\"2026-11-21T20:01:01.1234567Z\",\"ResultDescription\":\"same\"}\n";
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "one.jsonl", format!("{row}{row}"));
    put(folder.path(), "two.jsonl", format!("{row}{row}{row}"));
    // The portal drops what is below a millisecond.
    put(
        folder.path(),
        "three.csv",
        "TimeGenerated [UTC],ResultDescription\n\"11/21/2026, 8:01:01.123 PM\",same\n",
    );
    // A log's line and the table's row of it are a moment apart.
    put(
        folder.path(),
        "four.log",
        "2026-11-21T20:01:00.998000000Z same\n",
    );
    let bundle = evidence::read(folder.path()).unwrap();
    assert_eq!(bundle.console.rows.len(), 3);
    assert_eq!(bundle.console.files.len(), 4);
    assert!(
        note(&bundle, "four.log")
            .words()
            .contains("1 in another file too")
    );
}

#[test]
fn a_date_that_may_be_two_follows_the_file_whose_dates_are_one() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "http.csv",
        "TimeGenerated [UTC],CsUriStem,ScStatus\n\"4/5/2026, 5:55:06.467 AM\",/a,200\n",
    );
    let bundle = evidence::read(folder.path()).unwrap();
    assert_eq!(
        bundle.http.rows[0].time.to_string(),
        "2026-04-05T05:55:06.467Z"
    );
    assert!(
        note(&bundle, "http.csv")
            .words()
            .contains("read as month/day")
    );
    // Another file was exported by the same person from a day that is no month.
    put(
        folder.path(),
        "platform.csv",
        "TimeGenerated [UTC],Message\n\"24/5/2026, 5:55:06.467 AM\",Site started.\n",
    );
    let bundle = evidence::read(folder.path()).unwrap();
    assert_eq!(
        bundle.http.rows[0].time.to_string(),
        "2026-05-04T05:55:06.467Z"
    );
}

#[test]
fn times_of_another_clock_are_moved_by_what_the_console_shows() {
    let folder = tempfile::tempdir().unwrap();
    let times = ["11/21/2026, 9:01:01.123 PM", "11/21/2026, 9:02:31.500 PM"];
    put(
        folder.path(),
        "a.csv",
        csv("TimeGenerated [Local Time]", ',', times),
    );
    put(
        folder.path(),
        "b.csv",
        "TimeGenerated [Local Time],CsUriStem,ScStatus\n\"11/21/2026, 9:01:20.123 PM\",/a,503\n",
    );
    let bundle = evidence::read(folder.path()).unwrap();
    assert_eq!(bundle.console.rows[0].time.to_string(), LINES[0].0);
    assert_eq!(
        bundle.http.rows[0].time.to_string(),
        "2026-11-21T20:01:20.123Z"
    );
    std::fs::remove_file(folder.path().join("a.csv")).unwrap();
    let bundle = evidence::read(folder.path()).unwrap();
    assert!(
        note(&bundle, "b.csv")
            .words()
            .contains("the exporter's own clock")
    );
}

fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, content) in files {
        zip.start_file(*path, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_zip_is_read_as_the_folder_that_it_is() {
    let log = "2026-11-21T20:01:00.000Z INFO  - Starting container for site\n";
    let zip = zipped(&[
        ("LogFiles/2026_11_21_x_docker.log", log),
        ("deployments/temp/status.xml", "<xml/>"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "webapp_logs.zip", &zip);
    let alone = evidence::read(&folder.path().join("webapp_logs.zip")).unwrap();
    assert_eq!(alone.platform.files, ["LogFiles/2026_11_21_x_docker.log"]);
    let within = evidence::read(folder.path()).unwrap();
    assert_eq!(
        within.platform.files,
        ["webapp_logs.zip/LogFiles/2026_11_21_x_docker.log"]
    );
    assert_eq!(within.platform.rows.len(), 1);
    assert_eq!(within.files.len(), 2);
}

#[test]
fn links_and_pipes_in_a_folder_are_named_and_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "console.log",
        "2026-11-21T20:01:00.998000000Z a line\n",
    );
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("http.csv")).unwrap();
    nix::unistd::mkfifo(
        &folder.path().join("platform.json"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let bundle = evidence::read(folder.path()).unwrap();
    assert_eq!(bundle.console.rows.len(), 1);
    assert!(note(&bundle, "http.csv").words().contains("a link"));
    assert!(
        note(&bundle, "platform.json")
            .words()
            .contains("neither a file nor a folder")
    );
}
