//! What others wrote is shown, and can do nothing; what looks like a credential is not shown.

use super::{folder, labrat};

const HOSTILE: &str = "2023-05-02T10:00:04.000Z ERROR - Image pull failed \u{1b}[31m<script>alert(1)</script> ![x](http://e) \u{202e} DOCKER_REGISTRY_SERVER_PASSWORD=hunter2hunter2 https://user:tops3cret@reg.example/v2/\n";

fn outputs() -> Vec<(&'static str, String)> {
    let input = folder(&[("docker.log", HOSTILE)]);
    let out = tempfile::tempdir().unwrap();
    let report = out.path().join("report");
    let path = input.path().to_str().unwrap();
    let text = labrat(&[path, "--report", report.to_str().unwrap()]);
    let json = labrat(&["--json", path]);
    let read = |name: &str| std::fs::read_to_string(report.join(name)).unwrap();
    vec![
        ("terminal", String::from_utf8(text.stdout).unwrap()),
        ("json", String::from_utf8(json.stdout).unwrap()),
        ("html", read("report.html")),
        ("markdown", read("report.md")),
    ]
}

#[test]
fn secrets_of_a_row_are_shown_nowhere() {
    for (sink, text) in outputs() {
        assert!(text.contains("Image pull failed"), "{sink}: {text}");
        for secret in ["hunter2hunter2", "tops3cret"] {
            assert!(!text.contains(secret), "{sink}: {text}");
        }
    }
}

#[test]
fn a_row_moves_no_cursor_and_is_no_markup() {
    for (sink, text) in outputs() {
        assert!(!text.contains('\u{1b}'), "{sink}");
        assert!(!text.contains('\u{202e}'), "{sink}");
        // Within a span of code Markdown lets nothing be markup.
        let outside = match sink {
            "markdown" => text.split('`').step_by(2).collect(),
            "html" => text,
            _ => continue,
        };
        assert!(!outside.contains("<script>alert"), "{sink}: {outside}");
    }
}
