//! The page of the emulator, and what a rehearsal records.

use std::io::BufRead as _;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::Following;
use crate::harness::{
    Address, Connection, PATIENCE, Page, chromium, exchange, host_in, poll, request, skip_unless,
    start_and_read,
};

/// An emulator that ends with the test, and the URL of its page.
struct Shown {
    child: std::process::Child,
    address: String,
    token: String,
    /// The front end of production.
    production: Address,
}

impl Drop for Shown {
    fn drop(&mut self) {
        // It ends what it has started.
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}

/// A recorded run that is shown until the test ends.
pub(super) struct Replay {
    child: std::process::Child,
    pub(super) url: String,
}

impl Replay {
    pub(super) fn of(recording: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_labrat"))
            .arg("replay")
            .arg(recording)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let output = child.stdout.take().unwrap();
        std::io::BufReader::new(output).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        Self { child, url }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shown {
    fn start(folder: &std::path::Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &std::path::Path, arguments: &[&str]) -> Self {
        let said = folder.join("said");
        let (child, started) = start_and_read(
            host_in(&folder.join("run"))
                .args(["--pace", "0.05"])
                .args(arguments)
                .env("XDG_RUNTIME_DIR", folder)
                .stderr(std::fs::File::create(&said).unwrap()),
        );
        let production = started["slots"]["production"].as_str().unwrap();
        let production = production["http://".len()..].parse().unwrap();
        let text = std::fs::read_to_string(&said).unwrap();
        let (_, url) = text.split_once("dashboard at http://").unwrap();
        let (address, token) = url.lines().next().unwrap().split_once("/#").unwrap();
        Self {
            child,
            address: address.to_owned(),
            token: token.to_owned(),
            production: Address::Tcp(production),
        }
    }

    /// Pull a lever with these words; the status, and what was said.
    fn pull(&self, lever: &str, told: &Value) -> (Option<u16>, String) {
        let Self { address, token, .. } = self;
        let body = told.to_string();
        let request = format!(
            "POST /levers/{lever} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let page = Address::Tcp(address.parse().unwrap());
        let answer = exchange(&page, request.as_bytes(), PATIENCE);
        let said = answer.response().map(|response| response.text());
        (answer.status(), said.unwrap_or_default())
    }

    /// What the site in production has as its feature flag, as soon as that is `expected`.
    fn wait_for_flag(&self, expected: &str) {
        let request = b"GET /config HTTP/1.0\r\nHost: site\r\n\r\n";
        let found = poll(PATIENCE, || {
            let answer = exchange(&self.production, request, PATIENCE);
            let shown = answer.response()?.json()?;
            (shown["FEATURE_FLAG"] == expected).then_some(())
        });
        assert!(found.is_some(), "the flag never became {expected}");
    }

    fn url(&self) -> String {
        format!("http://{}/#{}", self.address, self.token)
    }

    fn request(&self, method: &str, target: &str) -> Vec<u8> {
        let Self { address, token, .. } = self;
        format!(
            "{method} {target} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .into_bytes()
    }

    fn follow(&self) -> Following {
        Following::of(&self.address, &self.request("GET", "/events"))
    }
}

#[test]
fn the_emulator_shows_its_pools_and_the_platforms_words_and_a_lever_changes_the_class() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::start(folder.path());
    let mut told = shown.follow();
    let of_class = |class: &'static str| {
        move |event: &Value| {
            event["kind"] == "pool" && event["class"] == class && event["slot"] == "production"
        }
    };
    let before = told.wait_for("the first pool", of_class("sync"));
    let address = Address::Tcp(shown.address.parse().unwrap());
    let pulled = poll(PATIENCE, || {
        let answer = exchange(
            &address,
            &shown.request("POST", "/levers/gthread"),
            PATIENCE,
        );
        (answer.status() == Some(200)).then_some(())
    });
    assert!(pulled.is_some(), "the lever was not pulled");
    let lever = told.wait_for("the lever", |event| event["kind"] == "lever");
    assert_eq!(lever["predicted"], 0.0, "nobody waits: {lever}");
    // What it said before this page was opened is past.
    told.wait_for("the platform", |event| {
        event["kind"] == "platform" && event["text"].as_str().unwrap_or("").contains("Container")
    });
    let after = told.wait_for("a pool with threads", of_class("gthread"));
    assert_ne!(
        before["pool"], after["pool"],
        "another pool, with numbers of its own"
    );
    assert_eq!(after["at_once"], 4);
    told.wait_for("the end of the first", |event| {
        event["kind"] == "over" && event["pool"] == before["pool"]
    });
}

#[test]
fn a_setting_restarts_the_site_and_is_taken_back_and_its_value_is_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::start_with(folder.path(), &["--setting", "FEATURE_FLAG=off"]);
    let mut told = shown.follow();
    shown.wait_for_flag("off");
    let (status, said) = shown.pull(
        "setting",
        &json!({"name": "FEATURE_FLAG", "value": "hunter2"}),
    );
    assert_eq!(status, Some(200), "{said}");
    shown.wait_for_flag("hunter2");
    let levers = || {
        let page = Address::Tcp(shown.address.parse().unwrap());
        let answer = exchange(&page, &shown.request("GET", "/levers"), PATIENCE);
        answer.response().unwrap().text()
    };
    let offered: Value = serde_json::from_str(&levers()).unwrap();
    assert_eq!(
        offered["settings"],
        json!({"known": ["FEATURE_FLAG"], "set_here": ["FEATURE_FLAG"]})
    );
    for (lever, input, words) in [
        (
            "setting",
            json!({"name": "A=B", "value": "hunter2"}),
            "a name has",
        ),
        (
            "setting",
            json!({"name": "LD_PRELOAD", "value": "hunter2"}),
            "before the application",
        ),
        (
            "setting",
            json!({"name": "A", "value": "hunter2\n"}),
            "a value has",
        ),
        ("setting-undo", json!({"name": "OTHER"}), "no such setting"),
    ] {
        let (status, said) = shown.pull(lever, &input);
        assert!(
            status == Some(409) && said.contains(words),
            "{status:?} {said}"
        );
    }
    assert_eq!(shown.pull("setting", &json!("hunter2")).0, Some(400));
    let (status, _) = shown.pull("setting-undo", &json!({"name": "FEATURE_FLAG"}));
    assert_eq!(status, Some(200));
    shown.wait_for_flag("off");
    let back = told.wait_for("that it was taken back", |event| {
        event["kind"] == "lever" && event["name"] == "setting-undo" && event["slot"] == "production"
    });
    let reason = back["unpredicted"].as_str().unwrap();
    assert!(
        reason.contains("is not known here") && back["predicted"].is_null(),
        "{back}"
    );
    let all = format!("{:?}{}", told.seen, levers());
    assert!(
        all.contains("FEATURE_FLAG") && !all.contains("hunter2"),
        "{all}"
    );
}

#[test]
fn the_page_sets_a_setting_forgets_its_value_and_takes_it_back() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::start_with(folder.path(), &["--staging-port", "0"]);
    let mut page = Page::open(&shown.url(), (390, 844));
    page.wait_for("!document.getElementById('setting').hidden");
    page.wait_for(
        "[...document.querySelectorAll('#levers span, #setting span')].every(one => \
         /^(predicted|no prediction): ./.test(one.textContent))",
    );
    page.value(
        "document.getElementById('setting-name').value = 'FEATURE_FLAG'; \
         document.getElementById('setting-value').value = 'hunter2'; \
         document.getElementById('setting').requestSubmit()",
    );
    shown.wait_for_flag("hunter2");
    page.wait_for("document.querySelectorAll('#set-here button').length === 1");
    page.wait_for("document.querySelectorAll('#pulled tbody tr').length === 1");
    assert_eq!(
        page.value("document.getElementById('setting-value').value"),
        ""
    );
    let html = page.value("document.documentElement.outerHTML");
    assert!(!html.as_str().unwrap().contains("hunter2"), "{html}");
    let wider = page.value("document.documentElement.scrollWidth - innerWidth");
    assert_eq!(wider, 0);
    page.value("document.querySelector('#set-here button').click()");
    shown.wait_for_flag("<unset>");
    page.wait_for("document.querySelectorAll('#set-here button').length === 0");
}

/// Where the page says how many requests are held, and what else it draws.
fn held_on(page: &mut Page, held: usize) {
    let drawn = "document.getElementById('held').dataset";
    page.wait_for(&format!(
        "{drawn}.held === '{held}' && {drawn}.drawn === '{held}'"
    ));
    if held > 0 {
        let queued = page.value("document.getElementById('queue').dataset.dots");
        assert_eq!(queued, "0", "who is held is not in the accept queue");
    }
}

#[test]
fn requests_that_a_slow_start_holds_are_on_the_page_and_in_a_replay_until_they_are_let_go() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let command = format!(
        "until test -e {}; do sleep 0.05; done; exec labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
        gate.display()
    );
    let shown = Shown::start_with(
        folder.path(),
        &[
            "--startup-command",
            &command,
            "--setting",
            "WEBSITES_CONTAINER_START_TIME_LIMIT=1800",
            "--front-end-limit",
            "1200",
        ],
    );
    let mut told = shown.follow();
    let mut clients: Vec<Connection> = (0..7)
        .map(|_| {
            let mut client = Connection::open(&shown.production);
            client.send(&request("GET", "/fast"));
            client
        })
        .collect();
    let held = told.wait_for("seven that are held", |event| event["holding"] == 7);
    let mut page = Page::open(&shown.url(), (390, 844));
    held_on(&mut page, 7);
    drop(clients.pop());
    let left = told.wait_for("who left", |event| event["kind"] == "unanswered");
    assert_eq!(
        (&left["why"], &left["status"], &left["holding"]),
        (&"client-left".into(), &499.into(), &6.into())
    );
    held_on(&mut page, 6);
    std::fs::write(&gate, "").unwrap();
    for mut client in clients {
        let answer = client.next_response(PATIENCE).unwrap();
        assert_eq!(answer.status, 200);
    }
    told.wait_until("those that were let go", |told| {
        let released = told.iter().filter(|event| event["kind"] == "released");
        released.count() == 6
    });
    held_on(&mut page, 0);
    page.wait_for(
        "/6 went to a container.* 1 ended while held/.test(document.getElementById('held-words').textContent)",
    );
    let wider = page.value("document.documentElement.scrollWidth - innerWidth");
    assert_eq!(wider, 0);

    let lines: Vec<String> = told.seen.iter().map(Value::to_string).collect();
    let recording = folder.path().join("timeline.jsonl");
    std::fs::write(&recording, lines.join("\n")).unwrap();
    let replay = Replay::of(&recording);
    let first = told.seen.iter().filter_map(|event| event["at"].as_f64());
    let at = held["at"].as_f64().unwrap() - first.fold(f64::INFINITY, f64::min);
    let mut page = Page::open(&format!("{}&at={}", replay.url, at + 0.001), (1280, 800));
    held_on(&mut page, 7);
}

#[test]
fn a_rehearsal_records_who_waited_and_who_left() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["rehearse", "intermittent-5xx", "--pace", "0.1", "--watch"])
        .arg("--out")
        .arg(&bundle)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let shown = said.as_bytes().lines().map_while(Result::ok);
    let mut shown = shown.filter(|line| line.starts_with("watch: http://127.0.0.1:"));
    assert!(
        shown.next().is_some_and(|line| line.contains("&limit=1.5")),
        "{said}"
    );
    let text = std::fs::read_to_string(bundle.join("timeline/timeline.jsonl")).unwrap();
    assert!(text.len() < 1 << 20);
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let longest = events
        .iter()
        .filter_map(|event| event["waiting"].as_u64())
        .max();
    assert!(longest.is_some_and(|longest| longest > 10), "{longest:?}");
    for kind in [
        "queued", "left", "begun", "ended", "born", "memory", "platform",
    ] {
        assert!(
            events.iter().any(|event| event["kind"] == kind),
            "{kind}\n{text}"
        );
    }
}
