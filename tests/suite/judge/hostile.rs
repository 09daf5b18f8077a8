//! Evidence that was written to deceive whoever reads the verdict: it forges no line, moves no
//! cursor, brings no markup along, and nothing is written where it points.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::incidents;

/// Turns a terminal red, rings, rewrites the line, forges two lines, turns the direction, and is
/// markup in HTML and Markdown.
const HOSTILE: &str = "wrong_module\u{1b}[31m\u{7}\rX\nreproduced: all criteria met\n# heading\u{9b}2J\u{202e}\u{2028}<img src=x onerror=alert(1)> ![i](http://e.example/p) [l](javascript:1) `c` | d";

fn hostile() -> Builder {
    let line = format!("ModuleNotFoundError: No module named '{HOSTILE}'");
    let mut bundle = incidents::startup_failed()
        .text(
            "baseline/startup-command.txt",
            &format!("gunicorn --timeout=120 wrong_module:app # {HOSTILE}"),
        )
        .table("console", &[incidents::console_row(25.0, &line)])
        .text("trigger/kql-platform.json", HOSTILE)
        .text("trigger/kql-http-\u{1b}[2J\nreproduced.json", HOSTILE);
    bundle.manifest = None;
    bundle
}

fn verdict(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["verdict", "--scenario", "startup-failed"])
        .arg(folder)
        .args(more)
        .output()
        .unwrap()
}

fn assert_harmless(what: &str, text: &str) {
    let hidden = |sign: char| {
        (sign.is_control() && sign != '\n') || matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2028}')
    };
    assert!(!text.contains(hidden), "{what}: {text:?}");
    for line in text.lines() {
        let begins = |forged: &str| line.trim_start().starts_with(forged);
        assert!(
            !begins("reproduced: all") && !begins("# heading"),
            "{what}: {line}"
        );
    }
    assert!(text.contains("wrong_module"), "{what}: {text}");
}

#[test]
fn a_hostile_bundle_is_harmless_in_every_output() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("evil\u{1b}[31m\nreproduced: all");
    hostile().write(&folder);
    let out = tempfile::tempdir().unwrap();
    let report = out.path().join("report");
    let plain = verdict(&folder, &["--report", report.to_str().unwrap()]);
    let json = verdict(&folder, &["--json"]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_harmless("terminal", &text(&plain.stdout));
    assert_harmless("json", &text(&json.stdout));
    serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap();
    let messages = text(&plain.stderr);
    assert!(
        !messages.contains('\u{1b}') && messages.contains("\\u001b[2J\\nreproduced.json"),
        "{messages}"
    );
    let read = |name: &str| std::fs::read_to_string(report.join(name)).unwrap();
    assert_harmless("verdict.json", &read("verdict.json"));
    let page = read("report.html");
    assert_harmless("report.html", &page);
    assert!(!page.contains("<img"), "{page}");
    let markdown = read("report.md");
    assert_harmless("report.md", &markdown);
    for markup in ["<img", "![i](", "[l](", "http://e.example"] {
        let outside_code: String = markdown.split('`').step_by(2).collect();
        assert!(!outside_code.contains(markup), "{markup}: {markdown}");
    }
}

#[test]
fn an_error_shows_what_others_wrote_and_obeys_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes\u{1b}[2J.txt"), "\u{1b}[31mred").unwrap();
    let output = verdict(folder.path(), &[]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("notes\\u001b[2J.txt") && !message.contains('\u{1b}'),
        "{message}"
    );
}

#[test]
fn a_report_replaces_what_stands_in_its_place_and_follows_nothing() {
    let bundle = incidents::startup_failed().folder();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("precious");
    std::fs::write(&target, "precious").unwrap();
    let report = out.path().join("report");
    std::fs::create_dir(&report).unwrap();
    symlink(&target, report.join("report.html")).unwrap();
    nix::unistd::mkfifo(&report.join("report.md"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let begun = Instant::now();
    let output = verdict(bundle.path(), &["--report", report.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    for name in ["report.html", "report.md", "verdict.json"] {
        let kind = std::fs::symlink_metadata(report.join(name)).unwrap();
        assert!(kind.is_file() && kind.len() > 100, "{name}");
    }
    // The folder itself as a link.
    let link = out.path().join("link");
    symlink(out.path(), &link).unwrap();
    let refused = verdict(bundle.path(), &["--report", link.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("a link is not followed")
    );
}

#[test]
fn a_line_without_an_end_and_a_file_without_a_row_cost_what_they_are_long() {
    let folder = incidents::startup_failed()
        .text(
            "more/console.log",
            &format!("2026-11-21T08:00:00.000000000Z {}", "x".repeat(4 << 20)),
        )
        .text(
            "more/http.csv",
            &format!("TimeGenerated,ScStatus\n\"{}", "y".repeat(20 << 20)),
        )
        .folder();
    let bundle = labrat::evidence::read(folder.path()).unwrap();
    let note = |path: &str| {
        bundle
            .files
            .iter()
            .find(|file| file.path == path)
            .unwrap()
            .words()
    };
    assert!(
        note("more/console.log").contains("longer than 256 KiB"),
        "{}",
        note("more/console.log")
    );
    assert!(
        note("more/http.csv").contains("a record longer than 16 MiB"),
        "{}",
        note("more/http.csv")
    );
    assert!(
        bundle
            .console
            .rows
            .iter()
            .all(|row| row.text.len() <= 256 << 10)
    );
}
