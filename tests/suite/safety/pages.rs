//! A page of another site, in a real browser, against everything that listens here.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::{Emulator, labrat};
use crate::harness::{Address, Profile, chromium, get, headless, skip_unless};

const PATIENCE: Duration = Duration::from_secs(90);

/// A site of somebody else's: one page, which calls what it is told to and reports what came of it.
struct Site {
    url: String,
    reported: mpsc::Receiver<Value>,
}

impl Site {
    fn start(calls: &Value) -> Self {
        let page = format!(
            "<!doctype html><meta charset=utf-8><body><script>
            (async () => {{
              const out = {{}};
              for (const [name, method, url] of {calls}) {{
                try {{
                  const answer = await fetch(url, {{method, mode: 'no-cors', credentials: 'include'}});
                  out[name] = answer.type;
                }} catch (error) {{ out[name] = 'failed: ' + error; }}
              }}
              await fetch('/done', {{method: 'POST', body: JSON.stringify(out)}});
            }})();
            </script>"
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // By this name it is another site than 127.0.0.1, and resolves without a resolver.
        let url = format!(
            "http://localhost:{}/",
            listener.local_addr().unwrap().port()
        );
        let (report, reported) = mpsc::channel();
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (page, report) = (page.clone(), report.clone());
                std::thread::spawn(move || answer(stream, &page, &report));
            }
        });
        Self { url, reported }
    }
}

fn answer(mut stream: TcpStream, page: &str, report: &mpsc::Sender<Value>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut request, mut length, mut line) = (String::new(), 0, String::new());
    reader.read_line(&mut request).ok()?;
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if request.starts_with("POST /done") {
        report.send(serde_json::from_slice(&body).ok()?).ok()?;
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    let whole = format!("{head}Content-Length: {}\r\n\r\n{page}", page.len());
    stream.write_all(whole.as_bytes()).ok()
}

fn browser(profile: &Profile, words: &[&str]) -> Command {
    // Names of others lead nowhere, but for one that somebody has pointed here.
    let rules =
        "MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1";
    let mut command = headless(profile, rules);
    command
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Ended with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rows(emulator: &Emulator) -> Vec<(String, String, i64)> {
    let tables = std::fs::read_to_string(emulator.folder.join("tables/http.jsonl")).unwrap();
    let rows = tables
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| {
        let status = row["ScStatus"].as_i64().unwrap_or_default();
        (word(&row["CsMethod"]), word(&row["CsUriStem"]), status)
    })
    .collect()
}

/// A service that the site calls, and its address.
fn downstream() -> (Ended, String) {
    let mut downstream = labrat()
        .args(["downstream", "--bind", "127.0.0.1:0", "--until-input-ends"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut called = String::new();
    BufReader::new(downstream.stdout.take().unwrap())
        .read_line(&mut called)
        .unwrap();
    (Ended(downstream), called.trim().to_owned())
}

#[test]
fn a_page_of_another_site_pulls_no_fault_turns_no_knob_and_commands_no_emulator() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let one_worker = "labrat serve --bind=0.0.0.0:8000 --workers=1 app:app";
    let emulator = Emulator::start(folder.path(), &["--startup-command", one_worker]);
    let (_downstream, called) = downstream();
    let Address::Tcp(site) = &emulator.site else {
        panic!("a site has a port");
    };
    let (site, control) = (
        format!("http://{site}"),
        format!("http://{}", emulator.control),
    );
    let faults = ["/leak?blocks=3", "/slow?seconds=0", "/heavy"];
    let mut calls = vec![
        ("health", "GET", format!("{site}/health")),
        ("reset", "POST", format!("{site}/lab/reset")),
        ("knobs", "POST", format!("{called}/knobs?latency_seconds=3")),
        ("status", "GET", format!("{control}/status")),
        ("logs", "GET", format!("{control}/logs/http")),
        ("stop", "POST", format!("{control}/slots/production/stop")),
        (
            "restart",
            "POST",
            format!("{control}/slots/production/restart"),
        ),
    ];
    calls.extend(faults.map(|fault| (fault, "GET", format!("{site}{fault}"))));
    let page = Site::start(&serde_json::json!(calls));
    let started = emulator.json("/diag/stats")["process_start_time"].clone();
    let profile = Profile::new();
    let child = browser(&profile, &["--remote-debugging-port=0", &page.url])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _browser = Ended(child);
    let reported = page.reported.recv_timeout(PATIENCE).expect("the page runs");
    for (name, ..) in &calls {
        // It was answered, and the page may not read what: the browser itself stopped nothing.
        assert_eq!(reported[name], "opaque", "{name}: {reported}");
    }
    let rows = rows(&emulator);
    let status_of = |stem: &str| {
        let row = rows.iter().rfind(|(_, path, _)| path == stem);
        row.map(|(.., status)| *status)
    };
    assert_eq!(status_of("/health"), Some(200), "the page reaches the site");
    for stem in ["/leak", "/slow", "/heavy", "/lab/reset"] {
        assert_eq!(status_of(stem), Some(403), "{stem}: {rows:?}");
    }
    assert_eq!(emulator.json("/diag/stats")["leak_block_count"], 0);
    let knobs = get(&Address::Tcp(called[7..].parse().unwrap()), "/knobs");
    let knobs = knobs.response().and_then(|answer| answer.json()).unwrap();
    assert_eq!(knobs["latency_seconds"], 0.0, "{knobs}");
    let status = emulator.ask(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["slots"][0]["state"], "started", "{status}");
    assert_eq!(
        emulator.json("/diag/stats")["process_start_time"],
        started,
        "never restarted"
    );
}

#[test]
fn a_name_that_is_pointed_here_and_an_address_that_is_typed_open_no_control_api() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(folder.path(), &["--setting", "FLAG=telltale"]);
    let (_, port) = emulator.control.rsplit_once(':').unwrap();
    for (host, words) in [
        (
            "rebound.example",
            "is asked by its address, or as localhost",
        ),
        ("127.0.0.1", "pages in a browser may not talk"),
    ] {
        let url = format!("http://{host}:{port}/slots/production/settings");
        let output = browser(&Profile::new(), &["--dump-dom", &url])
            .output()
            .unwrap();
        let dom = super::text(&output.stdout);
        assert!(dom.contains(words), "{host}: {dom}");
        assert!(!dom.contains("telltale"), "{host}: {dom}");
    }
}
