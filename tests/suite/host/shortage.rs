//! An emulator that has no descriptors left says so of itself, and blames no site for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::Value;

use super::executable;
use crate::harness::{PATIENCE, host_in, poll, start_and_read};

const COMMAND: &str =
    "labrat serve --bind=0.0.0.0:8000 --worker-class=async --worker-connections=200 app:app";
/// What the emulator says of itself, whatever it cannot do.
const OWN_LACK: &str = "the emulator itself, not the site, cannot";
/// Descriptors of a limit that nothing here meets.
const PLENTY: usize = 4_096;
/// Fewer than it has open, so that it gets no other.
const NONE: usize = 8;

/// A running `labrat host` whose limit of descriptors the test sets.
struct Emulator {
    child: Child,
    control: String,
    address: SocketAddr,
    said: Arc<Mutex<Vec<(Instant, String)>>>,
    _folder: tempfile::TempDir,
}

impl Emulator {
    fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, started) = start_and_read(
            host_in(folder.path())
                .args(["--startup-command", COMMAND])
                .args(words)
                .stderr(Stdio::piped()),
        );
        let said = Arc::new(Mutex::new(Vec::new()));
        let (heard, errors) = (Arc::clone(&said), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                heard.lock().push((Instant::now(), line));
            }
        });
        let url = started["slots"]["production"].as_str().unwrap();
        let emulator = Self {
            control: started["control"].as_str().unwrap().to_owned(),
            address: url.strip_prefix("http://").unwrap().parse().unwrap(),
            child,
            said,
            _folder: folder,
        };
        let warm = emulator.ask(&["restart", "--wait", "60"]);
        assert!(warm.is_some(), "{:?}", emulator.said.lock());
        emulator
    }

    /// What a verb answers in JSON, `null` where it has nothing to say; `None` where it fails.
    fn ask(&self, words: &[&str]) -> Option<Value> {
        let output = Command::new(executable())
            .arg("host")
            .args(words)
            .args(["--json", "--control", &self.control])
            .output()
            .unwrap();
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
        output.status.success().then_some(answer)
    }

    fn open(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Let it have so many descriptors.
    fn limit(&self, descriptors: usize) {
        let set = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string()])
            .arg(format!("--nofile={descriptors}:{PLENTY}"))
            .status()
            .unwrap();
        assert!(set.success());
    }

    /// When it said that it lacks descriptors.
    fn lacked(&self) -> Vec<(Instant, String)> {
        let said = self.said.lock();
        let lines = said.iter().filter(|(_, line)| line.contains(OWN_LACK));
        lines.cloned().collect()
    }

    fn says(&self, what: &str, times: usize) {
        let heard = poll(PATIENCE, || {
            let lines = self.lacked();
            let lines = lines.iter().filter(|(_, line)| line.contains(what));
            (lines.count() >= times).then_some(())
        });
        assert!(heard.is_some(), "{what}: {:?}", self.said.lock());
    }

    fn client(&self, path: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        client
    }

    /// A client whose connection stays open after its first request.
    fn accepted_client(&self) -> TcpStream {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = "POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
        client.write_all(request.as_bytes()).unwrap();
        let mut seen = Vec::new();
        let mut byte = [0_u8; 1];
        while !seen.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        let head = String::from_utf8(seen).unwrap().to_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        client.read_exact(&mut vec![0; length]).unwrap();
        client
    }

    /// The number that its next descriptor would get.
    fn lowest_free(&self) -> usize {
        let folder = std::path::PathBuf::from(format!("/proc/{}/fd", self.child.id()));
        (0..PLENTY)
            .find(|number| folder.join(number.to_string()).symlink_metadata().is_err())
            .unwrap()
    }

    /// A restart that has room for so many descriptors, until it lacks one or is over.
    fn restarts_with(&self, room: usize) {
        let before = self.lacked().len();
        let mut restart = Command::new(executable())
            .args(["host", "restart", "--wait", "120"])
            .args(["--control", &self.control])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.limit(self.open() + room);
        let waited = poll(PATIENCE, || {
            let is_over = restart.try_wait().unwrap().is_some();
            (is_over || self.lacked().len() > before).then_some(())
        });
        self.limit(PLENTY);
        let restarted = restart.wait_with_output().unwrap();
        assert!(
            waited.is_some() && restarted.status.success(),
            "{room}: {restarted:?}"
        );
    }

    fn get(&self, path: &str) -> u16 {
        status(self.client(path))
    }

    /// Starts of production so far, and its state.
    fn site(&self) -> (u64, String) {
        let status = self.ask(&["status"]).unwrap();
        let slot = &status["slots"][0];
        let state = slot["state"].as_str().unwrap().to_owned();
        (slot["starts"].as_u64().unwrap(), state)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let ended = poll(PATIENCE, || self.child.try_wait().ok().flatten());
        if ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The status that a client is answered with.
fn status(mut client: TcpStream) -> u16 {
    let mut answer = String::new();
    let _ = client.read_to_string(&mut answer);
    let words = answer.split(' ').nth(1);
    words.and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[test]
fn who_cannot_be_accepted_waits_and_who_cannot_be_passed_on_is_told_by_whom() {
    let emulator = Emulator::start(&[]);
    let before = emulator.site();
    // They are accepted, and have no connection to the site yet: one with a body is not kept. They
    // fill every gap that a short-lived descriptor left, or what they give back would lie beyond the
    // limit.
    let mut accepted: Vec<_> = (0..5).map(|_| emulator.accepted_client()).collect();
    while emulator.lowest_free() != emulator.open() {
        accepted.push(emulator.accepted_client());
    }
    emulator.limit(emulator.open());
    for client in &mut accepted {
        let request = "GET /slow?seconds=4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
    }
    let others: Vec<_> = (0..10).map(|_| emulator.client("/health")).collect();
    let accepted: Vec<_> = accepted.into_iter().map(status).collect();
    let others: Vec<_> = others.into_iter().map(status).collect();
    // One goes on with the descriptor in reserve.
    assert!(
        accepted.iter().all(|status| [200, 503].contains(status)),
        "{accepted:?}"
    );
    assert!(
        accepted.contains(&200) && accepted.contains(&503),
        "{accepted:?}"
    );
    assert!(
        others.iter().all(|status| [200, 503].contains(status)),
        "{others:?}"
    );
    // The rows tell whose lack it was, and no row blames the container.
    let failed = accepted
        .iter()
        .chain(&others)
        .filter(|status| **status == 503)
        .count();
    let rows = poll(PATIENCE, || {
        let rows = emulator.ask(&["query", "http"])?;
        (rows.as_array()?.len() >= 20).then_some(rows)
    });
    let rows = rows.expect("a row for each request");
    let told = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["ScStatus"] == "503");
    assert_eq!(told.clone().count(), failed, "{rows:#}");
    assert!(
        told.clone().all(|row| row["ScWin32Status"] == "4"),
        "{rows:#}"
    );
    let lacked = emulator.lacked();
    assert!(
        lacked[0].1.contains("ulimit -n") && lacked[0].1.contains("limit "),
        "{lacked:?}"
    );
    for pair in lacked.windows(2) {
        let apart = pair[1].0.duration_since(pair[0].0);
        assert!(apart >= Duration::from_millis(900), "{apart:?}: {lacked:?}");
    }
    // All is well again at once, without anybody's help.
    assert_eq!(emulator.get("/health"), 200);
    assert_eq!(emulator.site(), before);
}

#[test]
fn clients_beyond_the_limit_are_held_and_answered_as_soon_as_a_descriptor_is_free() {
    let emulator = Emulator::start(&[]);
    // Nobody new can be accepted at all.
    emulator.limit(NONE);
    let clients: Vec<_> = (0..20).map(|_| emulator.client("/health")).collect();
    emulator.says("accept a connection", 1);
    emulator.limit(PLENTY);
    for client in clients {
        assert_eq!(status(client), 200);
    }
    // It is said again when it happens again.
    let said = emulator.lacked().len();
    emulator.limit(NONE);
    let client = emulator.client("/health");
    emulator.says("accept a connection", said + 1);
    emulator.limit(PLENTY);
    assert_eq!(status(client), 200);
}

#[test]
fn a_probe_that_the_emulator_cannot_send_is_no_failure_of_the_container() {
    // A look every half second; three failures in a row would restart the container.
    let emulator = Emulator::start(&["--pace", "0.05", "--mode", "kubernetes"]);
    let before = emulator.site();
    emulator.limit(NONE);
    emulator.says("ask the container", 5);
    emulator.limit(PLENTY);
    assert_eq!(emulator.get("/health"), 200);
    assert_eq!(emulator.site(), before);
}

#[test]
fn a_start_waits_for_descriptors_and_is_no_failed_start() {
    let emulator = Emulator::start(&["--pace", "0.05"]);
    let (starts, _) = emulator.site();
    // The order itself takes a descriptor; each step of a start is the one that gets none, once.
    let room = 2..14;
    for room in room.clone() {
        emulator.restarts_with(room);
    }
    let all = u64::try_from(room.len()).unwrap();
    assert_eq!(emulator.site(), (starts + all, "started".to_owned()));
    let lacked = emulator.lacked();
    assert!(
        lacked
            .iter()
            .any(|(_, line)| line.contains("start a container")),
        "{lacked:?}"
    );
    let said = emulator.said.lock();
    assert!(
        !said.iter().any(|(_, line)| line.contains("did not start")),
        "{said:?}"
    );
}
