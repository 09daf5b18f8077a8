//! The report in a real browser: it opens from disk without an error, and its charts are there.

use std::process::Command;

use labrat::report;

use super::incidents;
use super::reports::timed;
use crate::harness::{chromium, skip_unless};

#[test]
fn the_report_opens_without_errors_and_shows_its_charts() {
    let found = chromium();
    if skip_unless(found.clone().map(|_| ())) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = timed(incidents::intermittent_5xx());
    let page = folder.path().join("report.html");
    std::fs::write(&page, report::page(&bundle.judge(), &bundle.read())).unwrap();
    let output = Command::new(found.unwrap())
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        // Whatever the page might ask of another host would fail, and say so.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .collect();
    assert_eq!(complaints, [""; 0]);
    let dom = String::from_utf8_lossy(&output.stdout);
    for id in ["requests-title", "mix-title", "workers-title"] {
        assert!(
            dom.contains(&format!("aria-labelledby=\"{}", id)),
            "{id} is not in the page\n{said}"
        );
    }
}
