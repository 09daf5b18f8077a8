//! What is made of the metrics: promtool reads a scrape, the alert rules and their tests, and the
//! dashboard's queries; and nothing there names a metric that is not declared.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use labrat::metrics::declared;
use regex::Regex;
use serde_json::Value;

use super::Figures;
use crate::harness::{Kind, Launch, root, skip_unless, with_probe_server};

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const CONFIGURATION: &str = "deploy/prometheus/prometheus.yml";
const DASHBOARD: &str = "deploy/grafana/labrat.json";

fn promtool() -> Result<PathBuf, String> {
    let output = Command::new(root().join("tests/metrics/setup.sh"))
        .output()
        .map_err(|error| format!("tests/metrics/setup.sh cannot run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(PathBuf::from(text(&output.stdout))),
        false => Err(text(&output.stderr)),
    }
}

/// Run promtool in the project's folder, with this on its standard input.
fn check(promtool: &Path, arguments: &[&str], input: &str) {
    let mut child = Command::new(promtool)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "promtool {arguments:?}: {said}\n{input}"
    );
}

#[test]
fn promtool_finds_no_fault_with_a_scrape_the_rules_their_tests_and_the_dashboard() {
    let promtool = promtool();
    if skip_unless(promtool.as_ref().map(|_| ()).map_err(Clone::clone)) {
        return;
    }
    let promtool = promtool.expect("it is there");
    let (server, probes) = with_probe_server(Launch::new(Kind::Labrat, "--workers 1"));
    assert_eq!(server.get("/fast").status(), Some(200));
    check(&promtool, &["check", "metrics"], &Figures::of(&probes).0);
    check(
        &promtool,
        &["check", "config", "--syntax-only", CONFIGURATION],
        "",
    );
    check(&promtool, &["check", "rules", ALERTS], "");
    check(
        &promtool,
        &["test", "rules", "deploy/prometheus/alerts.test.yml"],
        "",
    );
    // promtool reads queries as those of rules.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dashboard.yml");
    let rules: String = queries()
        .iter()
        .enumerate()
        .map(|(number, query)| {
            format!(
                "      - record: panel:{number}\n        expr: {}\n",
                Value::from(query.as_str())
            )
        })
        .collect();
    std::fs::write(
        &path,
        format!("groups:\n  - name: dashboard\n    rules:\n{rules}"),
    )
    .unwrap();
    check(&promtool, &["check", "rules", path.to_str().unwrap()], "");
}

/// Every query of the dashboard, with Grafana's variables filled in.
fn queries() -> Vec<String> {
    let text = std::fs::read_to_string(root().join(DASHBOARD)).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            queries.push(query.replace("$__rate_interval", "1m"));
        }
    }
    assert!(queries.len() > 10);
    queries
}

#[test]
fn rules_and_dashboard_name_declared_metrics_and_the_dashboard_shows_all_of_them() {
    let name = Regex::new(r"\b(labrat|http_server)_[a-z_]+").unwrap();
    let declared: BTreeSet<&str> = declared::ALL.iter().map(|metric| metric.name).collect();
    let named = |text: &str| -> BTreeSet<String> {
        let names = name.find_iter(text).map(|found| {
            let found = found.as_str();
            let ends = ["_bucket", "_count", "_sum"];
            let base = ends.iter().find_map(|end| found.strip_suffix(end));
            base.unwrap_or(found).to_owned()
        });
        names.collect()
    };
    let alerts = std::fs::read_to_string(root().join(ALERTS)).expect("the rules");
    let expressions: String = alerts
        .lines()
        .filter(|line| line.trim_start().starts_with("expr:") || line.starts_with("            "))
        .collect();
    for found in named(&expressions) {
        assert!(declared.contains(found.as_str()), "{ALERTS} names {found}");
    }
    let shown = named(&queries().join("\n"));
    let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
    assert_eq!(shown, declared, "the dashboard and what is declared");
}
