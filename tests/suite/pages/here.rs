//! The runbook's column for this machine, played to its end by the words of the page: only ports
//! are replaced, for others may be in use, and the pace, for nobody would wait.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Output, Stdio};

use labrat::scenario::catalogue;
use labrat::scenario::shape::{Scenario, Step};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::found::commands;
use crate::harness::{in_parallel, root, skip_unless, start_and_read};

/// The code spans of a page's runbook for this machine, by the row's first words.
fn row_of(scenario: &str, step: &str) -> Vec<String> {
    let mut rows = rows_of(scenario).into_iter();
    let row = rows.find(|(name, _)| name == step);
    row.unwrap_or_else(|| panic!("no row {step}")).1
}

/// Every row of a page's runbook: its first words, and the code spans for this machine.
fn rows_of(scenario: &str) -> Vec<(String, Vec<String>)> {
    let page = root().join(format!("docs/scenarios/{scenario}.md"));
    let page = fs::read_to_string(page).unwrap();
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| set up |"));
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let spans = cells[2].split('`').skip(1).step_by(2);
        (cells[0].to_owned(), spans.map(str::to_owned).collect())
    })
    .collect()
}

fn row(step: &str) -> Vec<String> {
    row_of("slot-swap-drift", step)
}

/// A terminal of the reader: a folder, a labrat on the path, and an emulator that the page started.
struct Terminal {
    folder: tempfile::TempDir,
    emulator: Child,
    started: Value,
}

impl Terminal {
    fn open(set_up: &str) -> Self {
        Self::open_at_full_pace(&format!("{set_up} --pace 0.1"))
    }

    fn open_at_full_pace(set_up: &str) -> Self {
        let folder = folder();
        let free = set_up.replace("--staging-port 8081", "--staging-port 0");
        let line = format!("exec {free} --port 0 --control 127.0.0.1:0");
        let (emulator, started) = start_and_read(bash(&folder, &line).stderr(Stdio::null()));
        Self {
            folder,
            emulator,
            started,
        }
    }

    /// Type a line of the page.
    fn type_in(&self, line: &str) -> Output {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let slots = &self.started["slots"];
        let line = line
            .replace("http://127.0.0.1:8080", &text(&slots["production"]))
            .replace("http://127.0.0.1:8081", &text(&slots["staging"]));
        bash(&self.folder, &line)
            .env("LABRAT_HOST_CONTROL", text(&self.started["control"]))
            .output()
            .unwrap()
    }

    /// Type a line that has to succeed; what it printed.
    fn do_it(&self, line: &str) -> String {
        let output = self.type_in(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ctrl-C where the emulator runs.
    fn interrupt(&mut self) {
        let pid = i32::try_from(self.emulator.id()).unwrap();
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        let _ = self.emulator.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.interrupt();
    }
}

/// The reader's folder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    symlink(root().join("scripts"), folder.path().join("scripts")).unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    let labrat = folder.path().join("bin/labrat");
    symlink(env!("CARGO_BIN_EXE_labrat"), labrat).unwrap();
    folder
}

fn bash(folder: &tempfile::TempDir, line: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = folder.path().join("bin");
    let mut command = Command::new("/bin/bash");
    command
        .args(["-c", line])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", own.display()))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .stdin(Stdio::null());
    command
}

/// The lines with which the emulator's page tells a running one what to do.
fn verbs_of_the_page() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/host.md")).unwrap();
    let given = commands("docs/host.md", &page);
    let block = given
        .iter()
        .find(|given| given.text.starts_with("labrat host --staging-port"));
    let lines = block.unwrap().text.lines().skip(1);
    let verbs = lines.filter(|line| line.starts_with("labrat host "));
    verbs.map(|line| line.replace(" --follow", "")).collect()
}

#[test]
fn the_runbook_here_runs_from_its_first_line_to_its_last() {
    let jq = Command::new("jq").arg("--version").output();
    if skip_unless(jq.map(|_| ()).map_err(|error| format!("jq: {error}"))) {
        return;
    }
    let mut terminal = Terminal::open(&row("set up")[0]);
    let load = row("play the load and the changes, keep the evidence");
    terminal.do_it(&format!("{} --pace 0.1", load[0]));
    let judge = row("collect the log tables and judge");
    assert_eq!(judge.len(), 2);
    terminal.do_it(&judge[0]);
    let verdict = terminal.do_it(&judge[1]);
    assert!(
        verdict.contains("reproduced: all 4 criteria met"),
        "{verdict}"
    );
    assert!(
        terminal
            .folder
            .path()
            .join("run/tables/http.jsonl")
            .exists()
    );

    let fix = row("fix: `sticky`");
    assert_eq!(fix.len(), 2);
    for line in fix {
        terminal.do_it(&line);
    }
    let verbs = verbs_of_the_page();
    assert!(verbs.len() >= 6, "{verbs:?}");
    for line in verbs {
        let output = terminal.type_in(&line);
        // The gate says no by its exit code; nothing else does.
        let gate = line.contains("settings diff") && output.status.code() == Some(1);
        assert!(output.status.success() || gate, "{line}: {output:?}");
    }
    terminal.interrupt();
    let clean = row("clean up");
    terminal.do_it(&clean[1]);
    let left = fs::read_dir(terminal.folder.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "more than bin and scripts is left: {left:?}");
}

#[test]
fn the_fix_is_tried_with_the_same_load_on_the_target_that_it_was_made_on() {
    let row = |step: &str| row_of("intermittent-5xx", step);
    // The pace of /slow is the target's own.
    let set_up = format!(
        "{} --setting LAB_SLOW_MIN_SECONDS=0.5 --setting LAB_SLOW_MAX_SECONDS=1.5",
        row("set up")[0]
    );
    let mut terminal = Terminal::open(&set_up);
    let load = row("play the load and the changes, keep the evidence");
    terminal.do_it(&format!("{} --pace 0.1", load[0]));
    let judge = row("collect the log tables and judge");
    terminal.do_it(&judge[0]);
    let verdict = terminal.do_it(&judge[1]);
    assert!(
        verdict.contains("reproduced: all 4 criteria met"),
        "{verdict}"
    );

    terminal.do_it(&row("fix: `gthread`")[0]);
    let again = row("the same load again, against what the fix left: healthy");
    assert_eq!(again.len(), 3, "{again:?}");
    terminal.do_it(&format!(
        "{} --pace 0.1",
        again[0].replace("FIX", "gthread")
    ));
    terminal.do_it(&again[1]);
    let output = terminal.type_in(&again[2]);
    let verdict = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(10), "{verdict}");
    assert!(
        verdict.contains("as expected of `gthread`: healthy"),
        "{verdict}"
    );
    terminal.interrupt();
    terminal.do_it(&row("clean up")[1]);
}

const AGAIN: &str = "the same load again, against what the fix left: healthy";

/// A reader who plays the page's column for this machine as it stands: the symptom, and then each
/// fix on a target that had it, and the control. What did not come out as the page says.
fn every_row(scenario: &str) -> Vec<String> {
    let rows = rows_of(scenario);
    let row = |step: &str| row_of(scenario, step);
    let wrong = std::cell::RefCell::new(Vec::new());
    let expect = |terminal: &Terminal, line: &str, words: &str| {
        let output = terminal.type_in(line);
        let said = String::from_utf8_lossy(&output.stdout);
        if !said.contains(words) {
            let why = String::from_utf8_lossy(&output.stderr);
            wrong.borrow_mut().push(format!("{line}\n{said}\n{why}"));
        }
    };
    if rows.is_empty() {
        return by_one_command(scenario);
    }
    let judge = row("collect the log tables and judge");
    let set_up = row("set up");
    let mut terminal = Terminal::open_at_full_pace(&set_up[0]);
    terminal.do_it(&row("play the load and the changes, keep the evidence")[0]);
    terminal.do_it(&judge[0]);
    expect(&terminal, &judge[1], "reproduced: all");
    let again = rows.iter().find(|(name, _)| name == AGAIN);
    let again = again.map_or(&[][..], |(_, spans)| spans);
    let fixes = rows.iter().filter_map(|(step, spans)| {
        let name = step.strip_prefix("fix: `")?.strip_suffix('`')?;
        (!spans.is_empty()).then_some((name, spans))
    });
    for (count, (fix, spans)) in fixes.enumerate() {
        if count > 0 {
            terminal.interrupt();
            terminal.do_it(&row("clean up")[1]);
            terminal = Terminal::open_at_full_pace(&set_up[0]);
        }
        spans.iter().for_each(|line| drop(terminal.do_it(line)));
        let Some((last, before)) = again.split_last() else {
            continue;
        };
        for line in before {
            terminal.do_it(&line.replace("FIX", fix));
        }
        let words = format!("as expected of `{fix}`: healthy");
        expect(&terminal, &last.replace("FIX", fix), &words);
    }
    let control = row("negative control: healthy");
    expect(&terminal, &control[0], "healthy");
    terminal.interrupt();
    terminal.do_it(&row("clean up")[1]);
    wrong.into_inner()
}

/// What has more around it than a site is played by one line of its page.
fn by_one_command(scenario: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join(format!("docs/scenarios/{scenario}.md"))).unwrap();
    let line = format!("labrat rehearse {scenario}");
    assert!(
        page.contains(&format!("by one command: `{line}`.")),
        "{scenario}"
    );
    let output = bash(&folder(), &line).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    match said.contains("reproduced: all") {
        true => Vec::new(),
        false => vec![format!("{line}\n{said}\n{output:?}")],
    }
}

/// Whether nothing happens in it for so long that nobody would wait at full pace.
fn waits_for_long(scenario: &Scenario) -> bool {
    let long = |step: &Step| matches!(step, Step::Wait { seconds, .. } if *seconds > 300.0);
    scenario.steps.iter().any(long)
}

/// Play a page and say what did not come out as it says.
fn play(scenario: &&Scenario) {
    let wrong = every_row(scenario.name());
    assert!(
        wrong.is_empty(),
        "{}: {}",
        scenario.name(),
        wrong.join("\n")
    );
}

#[test]
fn every_row_of_every_page_comes_out_as_the_page_says_at_full_pace() {
    let mut scenarios = catalogue::all();
    scenarios.retain(|scenario| !scenario.needs_box() && !waits_for_long(scenario));
    in_parallel(&scenarios, play);
}

#[test]
fn every_row_of_the_pages_with_a_memory_box_comes_out_as_the_page_says_at_full_pace() {
    let mut scenarios = catalogue::all();
    scenarios.retain(|scenario| scenario.needs_box());
    scenarios.iter().for_each(play);
}
