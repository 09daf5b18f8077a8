//! A bundle with a million rows is judged in seconds and in little memory.
//!
//! Only an optimised build can say so: `cargo test --release --test suite judge::million_rows --
//! --nocapture`. Without optimisation fewer rows are judged, and the limits are generous.

use std::io::{BufWriter, Write as _};
use std::process::Command;
use std::time::Instant;

use labrat::tables::write_json_line;

use super::builder::Builder;
use super::incidents::{self, http_row};
use crate::harness::processor_seconds;

const OPTIMISED: bool = !cfg!(debug_assertions);
const ROWS: u32 = if OPTIMISED { 1_000_000 } else { 20_000 };
const MOST_SECONDS: f64 = if OPTIMISED { 3.0 } else { 30.0 };
const MOST_MEGABYTES: f64 = 300.0;

fn bundle() -> Builder {
    let mut text = BufWriter::new(Vec::new());
    for number in 0..ROWS {
        let seconds = 20.0 + f64::from(number) * 120.0 / f64::from(ROWS);
        let mut row = http_row(seconds, "/leak", 200, i64::from(number % 900));
        row.c_ip = Some("203.0.113.7".to_owned());
        row.cs_uri_query = Some("X-ARR-LOG-ID=00000000-0000-0000-0000-000000000000".to_owned());
        row.user_agent = Some("curl/8.5.0".to_owned());
        row.resource_id =
            Some("/subscriptions/0/resourceGroups/rg/providers/Microsoft.Web/sites/app".to_owned());
        row.row_type = Some("AppServiceHTTPLogs".to_owned());
        write_json_line(&mut text, &row).unwrap();
    }
    text.flush().unwrap();
    let mut bundle = incidents::memory_pressure();
    bundle
        .files
        .insert("tables/http.jsonl".to_owned(), text.into_inner().unwrap());
    bundle
}

#[test]
fn a_million_rows_take_under_three_seconds_and_300_megabytes() {
    let folder = bundle().folder();
    let begun = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["verdict", "--json"])
        .arg(folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let ended = wait(child);
    let (seconds, megabytes) = (ended.processor_seconds, ended.megabytes);
    let bytes = std::fs::metadata(folder.path().join("tables/http.jsonl"))
        .unwrap()
        .len();
    eprintln!(
        "{ROWS} rows, {} MB: {seconds:.2} s of processor, {:.2} s of wall clock, {megabytes:.0} MB",
        bytes >> 20,
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(ended.code, Some(0));
    // The main thread's own time: digests are made beside it, on the second processor, so that on a
    // quiet machine this is how long it takes. Wall clock would measure the neighbours.
    assert!(seconds < MOST_SECONDS, "{seconds:.2} s");
    assert!(
        megabytes > 1.0 && megabytes < MOST_MEGABYTES,
        "{megabytes:.0} MB"
    );
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
