//! A bundle with a million rows is judged, and diagnosed, in seconds and in little memory, by labrat as it is
//! released.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use labrat::tables::write_json_line;

use super::builder::{Builder, log_time};
use super::incidents::{self, http_row};
use crate::harness::{processor_seconds, release_labrat};

const ROWS: usize = 1_000_000;
/// Rows that share their time.
const ROWS_A_MOMENT: usize = 100;
/// How long the requests went on, after the baseline.
const BEGIN_SECONDS: f64 = 20.0;
const SECONDS: f64 = 120.0;
const MOST_SECONDS: f64 = 3.0;
const MOST_MEGABYTES: f64 = 300.0;
/// A diagnosis weighs every cause, where a verdict weighs one.
const MOST_SECONDS_OF_A_DIAGNOSIS: f64 = 5.0;
const MOST_MEGABYTES_OF_A_DIAGNOSIS: f64 = 400.0;

/// Every row is written from one of 900, which differ in the time that they took: a debug build
/// would take longer to write a million than a release to judge them.
fn rows() -> Vec<u8> {
    const MOMENT: &str = "2026-01-01T00:00:00Z";
    let halves: Vec<(String, String)> = (0..900)
        .map(|taken| {
            let mut row = http_row(0.0, "/leak", 200, taken);
            row.time_generated = MOMENT.parse().unwrap();
            row.c_ip = Some("203.0.113.7".to_owned());
            row.cs_uri_query = Some("X-ARR-LOG-ID=00000000-0000-0000-0000-000000000000".to_owned());
            row.user_agent = Some("curl/8.5.0".to_owned());
            row.resource_id = Some(
                "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Web/sites/app".to_owned(),
            );
            row.row_type = Some("AppServiceHTTPLogs".to_owned());
            let mut line = Vec::new();
            write_json_line(&mut line, &row).unwrap();
            let line = String::from_utf8(line).unwrap();
            let (before, after) = line.split_once(MOMENT).unwrap();
            (before.to_owned(), after.to_owned())
        })
        .collect();
    let mut text = String::new();
    for moment in 0..ROWS / ROWS_A_MOMENT {
        let first = moment * ROWS_A_MOMENT;
        let time = log_time(BEGIN_SECONDS + first as f64 * SECONDS / ROWS as f64).to_string();
        for number in first..first + ROWS_A_MOMENT {
            let (before, after) = &halves[number % halves.len()];
            text.extend([before.as_str(), &time, after]);
        }
    }
    text.into_bytes()
}

fn bundle() -> Builder {
    let mut bundle = incidents::memory_pressure();
    bundle.files.insert("tables/http.jsonl".to_owned(), rows());
    bundle
}

#[test]
fn a_million_rows_take_under_three_seconds_and_300_megabytes() {
    let program = release_labrat().unwrap();
    let folder = bundle().folder();
    for (command, most_seconds, most_megabytes) in [
        ("verdict", MOST_SECONDS, MOST_MEGABYTES),
        (
            "diagnose",
            MOST_SECONDS_OF_A_DIAGNOSIS,
            MOST_MEGABYTES_OF_A_DIAGNOSIS,
        ),
    ] {
        let begun = Instant::now();
        let ended = measure(&program, command, folder.path());
        let (seconds, megabytes) = (ended.processor_seconds, ended.megabytes);
        eprintln!(
            "{command}: {ROWS} rows: {seconds:.2} s of processor, {:.2} s of wall clock, {megabytes:.0} MB",
            begun.elapsed().as_secs_f64()
        );
        // A diagnosis may leave the cause open; it has then read and weighed all the same.
        assert!(matches!(ended.code, Some(0 | 11)), "{:?}", ended.code);
        // The main thread's own time: digests are made beside it, on the second processor, so that
        // on a quiet machine this is how long it takes. Wall clock would measure the neighbours.
        assert!(seconds < most_seconds, "{command}: {seconds:.2} s");
        assert!(
            megabytes > 1.0 && megabytes < most_megabytes,
            "{command}: {megabytes:.0} MB"
        );
    }
}

fn measure(program: &Path, command: &str, folder: &Path) -> Ended {
    let child = Command::new(program)
        .args([command, "--json"])
        .arg(folder)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait(child)
}

/// What was seen of a process until it ended.
struct Ended {
    code: Option<i32>,
    processor_seconds: f64,
    megabytes: f64,
}

fn wait(mut child: std::process::Child) -> Ended {
    let status = format!("/proc/{}/status", child.id());
    let mut ended = Ended {
        code: None,
        processor_seconds: 0.0,
        megabytes: 0.0,
    };
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            ended.code = status.code();
            return ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
        ended.megabytes = ended.megabytes.max(kilobytes.unwrap_or(0.0) / 1024.0);
        let used = processor_seconds(child.id()).unwrap_or(0.0);
        ended.processor_seconds = ended.processor_seconds.max(used);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
