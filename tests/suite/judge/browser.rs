//! The report in a real browser: it opens from disk without an error, and its charts are there.

use labrat::report;

use super::incidents;
use super::reports::timed;
use crate::harness::{chromium, headless, skip_unless};

#[test]
fn the_report_opens_without_errors_and_shows_its_charts() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = timed(incidents::intermittent_5xx());
    let page = folder.path().join("report.html");
    std::fs::write(&page, report::page(&bundle.judge(), &bundle.read())).unwrap();
    // Whatever the page might ask of another host would fail, and say so.
    let output = headless(&folder.path().join("profile"), "MAP * ~NOTFOUND")
        .args(["--enable-logging=stderr", "--dump-dom"])
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
