//! `labrat host` as it is typed.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{SERVE, executable};
use crate::harness::{Address, PATIENCE, exchange, get, host_in, poll, start_and_read};

/// A running `labrat host`.
struct Program {
    child: Child,
    control: String,
    started: Value,
    _folder: tempfile::TempDir,
}

impl Program {
    fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, started) = start_and_read(
            host_in(folder.path())
                .args(["--pace", "0.05"])
                .args(match words.contains(&"--startup-command") {
                    true => &[][..],
                    false => &["--startup-command", SERVE][..],
                })
                .args(words)
                .stderr(Stdio::piped()),
        );
        Self {
            child,
            control: started["control"].as_str().unwrap().to_owned(),
            started,
            _folder: folder,
        }
    }

    fn ask(&self, words: &[&str]) -> Output {
        Command::new(executable())
            .arg("host")
            .args(words)
            .args(["--control", &self.control])
            .output()
            .unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.push("--json");
        let output = self.ask(&words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn interrupt(mut self) -> (Option<i32>, String) {
        kill(
            Pid::from_raw(i32::try_from(self.child.id()).unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
        let status = poll(PATIENCE, || self.child.try_wait().unwrap());
        let mut said = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (status.expect("it ends").code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn the_gate_fails_on_a_difference_without_intent(program: &Program) {
    let gate = program.ask(&["settings", "diff"]);
    assert_eq!(gate.status.code(), Some(1), "{gate:?}");
    let said = text(&gate.stdout);
    assert!(said.contains("differs without intent"), "{said}");
    assert!(said.contains("blocked: DB differs"), "{said}");
    assert!(
        program
            .ask(&["settings", "diff", "--intended", "DB"])
            .status
            .success()
    );
    for (slot, value) in [("production", "DB=one"), ("staging", "DB=two")] {
        let set = program.ask(&[
            "settings",
            "set",
            "--slot",
            slot,
            "--sticky",
            "--wait",
            "60",
            value,
            "API_KEY=secret",
        ]);
        assert!(set.status.success(), "{set:?}");
    }
    assert!(program.ask(&["settings", "diff"]).status.success());
    let list = program.json(&["settings", "list"]);
    assert_eq!(
        (&list[0]["name"], &list[0]["value"]),
        (&Value::from("API_KEY"), &Value::from("***"))
    );
    assert_eq!(list[1]["sticky"], true);
}

fn a_preview_keeps_a_second_swap_waiting(program: &Program) {
    let preview = program.ask(&["swap", "--preview"]);
    assert!(preview.status.success(), "{preview:?}");
    let second = program.ask(&["swap"]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(text(&second.stderr).contains("waits to be completed or cancelled"));
    for end in ["--cancel", "--preview", "--complete"] {
        let ended = program.ask(&["swap", end]);
        assert!(ended.status.success(), "{end}: {ended:?}");
    }
    let swap = program.ask(&["swap"]);
    assert!(swap.status.success(), "{swap:?}");
}

#[test]
fn the_verbs_change_compare_swap_and_show_and_ctrl_c_ends_it_all() {
    let program = Program::start(&[
        "--staging-port",
        "0",
        "--setting",
        "DB=one",
        "--staging-setting",
        "DB=two",
    ]);
    let waited = program.ask(&["restart", "--slot", "staging", "--wait", "60"]);
    assert!(waited.status.success(), "{waited:?}");
    let status = program.json(&["status"]);
    assert_eq!(status["slots"][0]["slot"], "production");
    assert_eq!(status["slots"][1]["state"], "started", "{status}");
    assert_eq!(
        status["slots"][0]["url"],
        program.started["slots"]["production"]
    );

    the_gate_fails_on_a_difference_without_intent(&program);
    a_preview_keeps_a_second_swap_waiting(&program);
    let deployed = program.ask(&[
        "deploy",
        "--wait",
        "60",
        "labrat serve --bind=0.0.0.0:8000 wrong_module:app",
    ]);
    assert_eq!(deployed.status.code(), Some(1));
    assert!(
        text(&deployed.stderr).contains("exit code 3"),
        "{deployed:?}"
    );
    let lifecycle = program.json(&["query", "lifecycle"]);
    assert!(lifecycle.as_array().unwrap().len() >= 5, "{lifecycle}");
    let console = program.ask(&["logs", "--table", "console"]);
    let rows = text(&console.stdout);
    assert!(
        rows.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    assert!(rows.contains("No module named 'wrong_module'"));
    let (code, said) = program.interrupt();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("production at http://127.0.0.1:"), "{said}");
}

#[test]
fn logs_are_followed_as_they_come() {
    let program = Program::start(&[]);
    let mut follower = Command::new(executable())
        .args(["host", "logs", "--follow", "--control", &program.control])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let url = program.started["slots"]["production"].as_str().unwrap();
    let probe = Command::new(executable())
        .args(["probe", &format!("{url}/health"), "--timeout", "60"])
        .output()
        .unwrap();
    assert!(probe.status.success(), "{probe:?}");
    let mut line = String::new();
    BufReader::new(follower.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    let row: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&row["CsUriStem"], &row["ScStatus"]),
        (&Value::from("/health"), &Value::from(200))
    );
}

/// Connections that are held at the same time, and the memory that the emulator may need for them:
/// what waits takes more in a build without optimisation.
const HELD: usize = 2_000;
const MOST_KILOBYTES: u64 = if cfg!(debug_assertions) { 160 } else { 100 } * 1024;

#[test]
fn two_thousand_held_requests_cost_few_megabytes_and_each_has_its_row() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let command = "labrat serve --bind=0.0.0.0:8000 --worker-class async --worker-connections 4096 --backlog 4096 app:app";
    // The pace of 0.05 makes it two minutes.
    let program = Program::start(&["--startup-command", command, "--front-end-limit", "2400"]);
    let waited = program.ask(&["restart", "--wait", "60"]);
    assert!(waited.status.success(), "{waited:?}");
    let url = program.started["slots"]["production"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let mut clients = Vec::new();
    for _ in 0..HELD {
        let mut client = TcpStream::connect(&address).unwrap();
        let request = b"GET /slow?seconds=60 HTTP/1.1\r\nHost: h\r\n\r\n";
        client.write_all(request).unwrap();
        clients.push(client);
    }
    // The one worker says how many it holds, and each came through the emulator.
    let mut held = Value::Null;
    let all = poll(PATIENCE, || {
        let asked: Address = Address::Tcp(address.parse().ok()?);
        held = get(&asked, "/diag/stats").response()?.json()?["active_slow_requests"].take();
        (held == HELD).then_some(())
    });
    assert_eq!(all, Some(()), "{held} are held at the same time");
    let kilobytes = crate::harness::resident_kilobytes(program.child.id()).unwrap();
    assert!(kilobytes < MOST_KILOBYTES, "{kilobytes} kB");
    drop(clients);
    let mut mix = Value::Null;
    let rows = poll(PATIENCE, || {
        mix = program.json(&["query", "status-mix"]);
        let left = mix.as_array()?.iter().find(|row| row["ScStatus"] == 499)?;
        (left["Requests"] == HELD).then_some(())
    });
    assert_eq!(rows, Some(()), "{mix:#}");
}

/// The most memory that a process ever had, in kilobytes: `VmHWM` of proc(5).
fn most_kilobytes_of(pid: u32) -> u64 {
    let process = procfs::process::Process::new(pid.cast_signed()).unwrap();
    process.status().unwrap().vmhwm.unwrap()
}

#[test]
fn a_query_of_a_table_larger_than_memory_should_be_is_answered_row_by_row() {
    const ROWS: u64 = 30_000;
    let agent = "A browser of many words. ".repeat(16);
    let program = Program::start(&[]);
    let table = Path::new(program.started["tables"].as_str().unwrap()).join("http.jsonl");
    let mut file = BufWriter::new(OpenOptions::new().append(true).open(&table).unwrap());
    for number in 0..ROWS {
        let route = ["/health", "/slow"][usize::from(number % 10 == 0)];
        writeln!(
            file,
            r#"{{"TimeGenerated":"2026-04-04T05:36:33Z","CsMethod":"GET","CsUriStem":"{route}","UserAgent":"{agent}","ScStatus":200,"TimeTaken":{}}}"#,
            number % 100
        )
        .unwrap();
    }
    file.flush().unwrap();
    let before = most_kilobytes_of(program.child.id());
    let rows = program.json(&["query", "http"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len() as u64, ROWS);
    assert_eq!(rows[10]["CsUriStem"], "/slow");
    let mix = program.json(&["query", "status-mix"]);
    assert_eq!(
        mix[1],
        json!({"CsUriStem": "/slow", "ScStatus": 200, "Requests": ROWS / 10})
    );
    let latency = program.json(&["query", "latency"]);
    assert_eq!(latency[0]["P95"], 95.0, "{latency:#}");
    let grown = most_kilobytes_of(program.child.id()) - before;
    let table = std::fs::metadata(&table).unwrap().len() / 1024;
    assert!(
        grown < table / 2,
        "{grown} kB more, for a table of {table} kB"
    );
}

#[test]
fn a_token_is_asked_for_by_default_and_this_users_commands_find_it() {
    let program = Program::start(&["--token", "right"]);
    // Another user has another home, and finds no token there.
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = Command::new(executable())
        .args(["host", "status", "--control", &program.control])
        .env("XDG_RUNTIME_DIR", elsewhere.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("the token is missing or wrong"),
        "{refused:?}"
    );
    assert!(
        !program
            .ask(&["status", "--token", "wrong"])
            .status
            .success()
    );
    assert!(
        program
            .ask(&["status", "--token", "right"])
            .status
            .success()
    );
    assert!(program.ask(&["status"]).status.success());
    let unasked = Program::start(&[]);
    assert!(unasked.ask(&["status"]).status.success());
    let address: Address = Address::Tcp(unasked.control.parse().unwrap());
    // The harness asks for a host by a name, which could have been pointed here by anybody.
    let renamed = get(&address, "/status");
    assert_eq!(renamed.status(), Some(421), "{renamed:?}");
    let request = format!("GET /status HTTP/1.1\r\nHost: {}\r\n\r\n", unasked.control);
    let open = exchange(&address, request.as_bytes(), PATIENCE);
    assert_eq!(open.status(), Some(401), "{open:?}");
}

#[test]
fn the_file_with_the_token_is_this_users_alone_and_gone_with_the_emulator() {
    use std::os::unix::fs::PermissionsExt as _;
    let runtime = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _) = start_and_read(
        host_in(folder.path())
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stderr(Stdio::null()),
    );
    let private = runtime.path().join("labrat");
    let files: Vec<_> = std::fs::read_dir(&private).unwrap().flatten().collect();
    assert_eq!(files.len(), 1);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&private), mode(&files[0].path())), (0o700, 0o600));
    for file in ["tables/http.jsonl", "tables/console.jsonl", "host.json"] {
        let bits = mode(&folder.path().join(file));
        assert_eq!(bits & 0o077, 0, "{file}: {bits:o}");
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    child.wait().unwrap();
    assert_eq!(std::fs::read_dir(&private).unwrap().count(), 0);
}

#[test]
fn a_verb_without_a_emulator_and_unknown_names_are_errors_with_a_hint() {
    let nobody = Command::new(executable())
        .args(["host", "status", "--control", "127.0.0.1:1"])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        text(&nobody.stderr).contains("hint: start one with labrat host"),
        "{nobody:?}"
    );
    let program = Program::start(&[]);
    let table = program.ask(&["logs", "--table", "nope"]);
    assert!(
        text(&table.stderr).contains("hint: one of http, console, platform"),
        "{table:?}"
    );
    let query = program.ask(&["query", "nope"]);
    assert!(text(&query.stderr).contains("status-mix"), "{query:?}");
    let slot = program.ask(&["restart", "--slot", "staging"]);
    assert!(
        text(&slot.stderr).contains("there is no slot staging"),
        "{slot:?}"
    );
}

#[test]
fn ctl_finds_the_pool_inside_the_container_by_itself() {
    let runtime = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _) = start_and_read(
        host_in(folder.path())
            .args(["--startup-command", SERVE])
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stderr(Stdio::null()),
    );
    let shown = poll(PATIENCE, || {
        let ctl = Command::new(executable())
            .args(["ctl", "show", "workers", "--json"])
            .env("XDG_RUNTIME_DIR", runtime.path())
            .output()
            .unwrap();
        ctl.status.success().then(|| text(&ctl.stdout))
    });
    let shown: Value = serde_json::from_str(&shown.expect("the pool answers")).unwrap();
    assert_eq!(
        shown["workers"].as_array().map(Vec::len),
        Some(1),
        "{shown}"
    );
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn the_terminal_says_in_a_line_each_what_happens() {
    let program = Program::start(&["--startup-command", "exit 3"]);
    let waited = program.ask(&["restart", "--wait", "60"]);
    assert_eq!(waited.status.code(), Some(1));
    for _ in 0..2 {
        program.ask(&["restart", "--wait", "60"]);
    }
    let stopped = program.ask(&["stop"]);
    assert!(stopped.status.success());
    let (_, said) = program.interrupt();
    for words in [
        "app-labrat did not start: container has finished running with exit code 3",
        "app-labrat is blocked until ",
        "app-labrat is stopped",
    ] {
        let lines = said.lines().filter(|line| line.contains(words));
        assert!(lines.count() >= 1, "{words}: {said}");
    }
}
