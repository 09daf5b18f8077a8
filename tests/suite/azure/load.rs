//! The distributed load: Locust with a master and two workers sends what the trigger sends.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use labrat::machine::reserved_port::ReservedPort;
use labrat::scenario::apply::Variant;
use labrat::scenario::catalogue;
use labrat::scenario::plan::planned;
use serde_json::json;

use crate::harness::{PATIENCE, poll, root, skip_unless};

fn locust() -> Result<(), String> {
    let output = Command::new(root().join("tests/load/setup.sh"))
        .output()
        .map_err(|error| format!("tests/load/setup.sh cannot run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "no locust: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// A process that ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).unwrap();
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _ = self.0.wait();
    }
}

/// A target that answers everything soon, and writes who asked for what.
fn target(folder: &Path) -> (Running, String) {
    let console = fs::File::create(folder.join("console")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args([
            "serve",
            "--bind=127.0.0.1:0",
            "--workers=2",
            "--worker-class=async",
        ])
        .args(["--no-control-socket", "--access-logfile"])
        .arg(folder.join("access"))
        .arg("app:app")
        .env("LAB_SLOW_MIN_SECONDS", "0.01")
        .env("LAB_SLOW_MAX_SECONDS", "0.05")
        .stderr(console)
        .spawn()
        .unwrap();
    let running = Running(child);
    let url = poll(PATIENCE, || {
        let text = fs::read_to_string(folder.join("console")).unwrap_or_default();
        let line = text.lines().find(|line| line.contains("Listening at: "))?;
        let url = line.split("Listening at: ").nth(1)?;
        url.split_whitespace().next().map(str::to_owned)
    });
    (running, url.unwrap())
}

/// How often this user agent asked for a path.
fn counts(folder: &Path, agent: &str) -> Vec<(String, usize)> {
    let log = fs::read_to_string(folder.join("access")).unwrap();
    let ending = format!("\"{agent}\"");
    let mut paths: Vec<&str> = log
        .lines()
        .filter(|line| line.trim_end().ends_with(&ending))
        .filter_map(|line| line.split("\"GET ").nth(1)?.split(' ').next())
        .collect();
    paths.sort_unstable();
    let groups = paths.chunk_by(|a, b| a == b);
    groups
        .map(|group| (group[0].to_owned(), group.len()))
        .collect()
}

/// Play a scenario by Locust with a master and two workers; what each worker said.
fn play_by_locust(scenario: &str, url: &str, folder: &Path) -> Vec<String> {
    let scenario = catalogue::find(scenario).unwrap();
    let plan = folder.join("plan.json");
    fs::write(&plan, planned(scenario, Variant::Symptom).to_string()).unwrap();
    let reserved = ReservedPort::choose().unwrap();
    let port = reserved.number().to_string();
    let locust = |words: &[&str], log: &Path| {
        Command::new(root().join("target/locust/bin/locust"))
            .arg("-f")
            .arg(root().join("scripts/load/locustfile.py"))
            .args(words)
            .env("LABRAT_PLAN", &plan)
            .env("LABRAT_PACE", "0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(log).unwrap())
            .spawn()
            .unwrap()
    };
    let logs = ["worker-1", "worker-2"].map(|name| folder.join(name));
    let _workers = logs
        .each_ref()
        .map(|log| Running(locust(&["--worker", "--master-port", &port], log)));
    let words = [
        "--headless",
        "--host",
        url,
        "--master",
        "--expect-workers",
        "2",
    ];
    let bind = [
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        &port,
    ];
    let log = folder.join("master");
    let mut master = Running(locust(&[&words[..], &bind].concat(), &log));
    let ended = master.0.wait().unwrap();
    let said = fs::read_to_string(log).unwrap();
    assert!(ended.success(), "{said}");
    logs.map(|log| fs::read_to_string(log).unwrap()).to_vec()
}

fn the_same_counts(scenario: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (_target, url) = target(folder.path());
    let said = play_by_locust(scenario, &url, folder.path());
    for worker in &said {
        assert!(worker.contains("this worker's share is sent"), "{said:?}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args([
            "trigger",
            scenario,
            "--url",
            &url,
            "--pace",
            "0.1",
            "--assume-done",
            "--out",
        ])
        .arg(folder.path().join("run"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let by_locust = counts(folder.path(), "labrat-locust");
    let by_trigger = counts(
        folder.path(),
        &format!("labrat/{}", env!("CARGO_PKG_VERSION")),
    );
    assert!(!by_trigger.is_empty());
    assert_eq!(by_locust, by_trigger, "{scenario}");
}

#[test]
fn a_master_and_two_workers_send_exactly_the_burst_that_the_trigger_sends() {
    if skip_unless(locust()) {
        return;
    }
    the_same_counts("intermittent-5xx");
}

#[test]
fn one_phase_follows_the_other_and_a_status_ends_one_early() {
    if skip_unless(locust()) {
        return;
    }
    the_same_counts("startup-failed");
}

#[test]
fn the_shares_of_any_number_of_workers_make_up_every_scenarios_load() {
    if skip_unless(locust()) {
        return;
    }
    let scenarios = catalogue::all().into_iter();
    let plans: Vec<_> = scenarios
        .map(|scenario| planned(scenario, Variant::Symptom))
        .collect();
    let mut child = Command::new(root().join("target/locust/bin/python"))
        .arg(root().join("tests/load/shares.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!(plans).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let held: usize = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap();
    assert!(held >= plans.len(), "only {held} groups were held");
}
