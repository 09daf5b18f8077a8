//! A server that runs: its port, its output, its processes. Whatever happens to the test, the
//! whole process group is killed when the server is dropped.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use super::launch::Running;
use super::{
    Address, Connection, Exchange, Kind, Line, PATIENCE, accept_queue, descriptors, entries,
    exists, get, get_many, per_process, poll, request,
};

/// What is asked of each worker to see that all serve at the same time.
pub const WARM_UP: &str = "/slow?seconds=0.1";

/// A running server.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    running: Running,
    address: Address,
    /// Exit status, once the arbiter has ended.
    ended: Option<ExitStatus>,
}

impl Server {
    fn new(kind: Kind, running: Running) -> Self {
        Self {
            kind,
            running,
            address: Address::Unix("/nowhere".into()),
            ended: None,
        }
    }

    /// A server that prints where it listens.
    pub(super) fn listening(kind: Kind, running: Running) -> Self {
        let mut server = Self::new(kind, running);
        let line = server.wait_for("Listening at: ");
        server.learn_address(&line.text);
        server.wait_for("Booting worker with pid: ");
        server
    }

    /// A server that says in another place where it listens: in this line.
    pub(super) fn listening_at(kind: Kind, running: Running, line: Option<String>) -> Self {
        let mut server = Self::new(kind, running);
        match line {
            Some(line) => server.learn_address(&line),
            None => server.fail("it does not say where it listens"),
        }
        server
    }

    fn learn_address(&mut self, line: &str) {
        let addresses = line
            .split_once("Listening at: ")
            .map_or("", |(_, addresses)| addresses);
        let first = addresses.split([',', ' ']).next().unwrap_or_default();
        self.address = match first.strip_prefix("unix:") {
            Some(path) => Address::Unix(path.into()),
            None => match first.trim_start_matches("http://").parse() {
                Ok(address) => Address::Tcp(address),
                Err(_) => self.fail("it listens at no address"),
            },
        };
    }

    /// Which server this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens (the first of several).
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The arbiter's pid.
    pub fn arbiter(&self) -> u32 {
        self.running.child.id()
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.running.lines.all()
    }

    /// Lines so far, to wait for later ones.
    pub fn mark(&self) -> usize {
        self.lines().len()
    }

    /// Wait for a line that contains `words`.
    pub fn wait_for(&self, words: &str) -> Line {
        self.wait_from(0, words)
    }

    /// Wait for a line that contains `words`, from line number `mark` on.
    pub fn wait_from(&self, mark: usize, words: &str) -> Line {
        match self
            .running
            .lines
            .wait(mark, PATIENCE, |text| text.contains(words))
        {
            Some(line) => line,
            None => self.fail(&format!("no line with {words:?}")),
        }
    }

    /// Wait until so many lines contain `words`.
    pub fn wait_for_count(&self, count: usize, words: &str) {
        let mut seen = 0;
        let enough = |text: &str| {
            seen += usize::from(text.contains(words));
            seen >= count
        };
        if self.running.lines.wait(0, PATIENCE, enough).is_none() {
            self.fail(&format!("not {count} lines with {words:?}"));
        }
    }

    /// Pids of all workers ever booted, in order.
    pub fn booted(&self) -> Vec<u32> {
        entries(&self.lines())
            .iter()
            .filter(|entry| entry.message.starts_with("Booting worker with pid: "))
            .map(|entry| entry.pid)
            .collect()
    }

    /// Pids of the workers that live.
    pub fn workers(&self) -> Vec<u32> {
        self.booted()
            .into_iter()
            .filter(|pid| exists(*pid))
            .collect()
    }

    /// Wait until `count` workers are booted and each has loaded the application: so many requests
    /// of a twentieth of a second are all served at the same time.
    pub fn with_workers(self, count: usize) -> Self {
        self.wait_for_count(count, "Booting worker with pid: ");
        let targets = vec![WARM_UP.to_owned(); count];
        let together = poll(PATIENCE, || {
            let answers = get_many(&self.address, &targets, PATIENCE);
            let good = answers.iter().all(|answer| answer.status() == Some(200));
            let first = answers.iter().map(|answer| answer.took).max();
            (good && first < Some(Duration::from_millis(190))).then_some(())
        });
        if together.is_none() {
            self.fail("its workers never serve at the same time");
        }
        self
    }

    /// Wait until one worker lives and answers; its pid.
    pub fn ready_worker(&self) -> u32 {
        let answering = poll(PATIENCE, || {
            let stats = self.get("/diag/stats").response()?.json()?;
            let pid = u32::try_from(stats["pid"].as_u64()?).ok()?;
            exists(pid).then_some(pid)
        });
        match answering {
            Some(pid) => pid,
            None => self.fail("no worker answers"),
        }
    }

    /// Wait until it answers.
    pub fn ready(self) -> Self {
        if self.get("/health").status() != Some(200) {
            self.fail("it does not answer");
        }
        self
    }

    /// GET, patiently.
    pub fn get(&self, target: &str) -> Exchange {
        get(&self.address, target)
    }

    /// Wait until so many connections wait in the kernel for a worker.
    pub fn wait_for_queue(&self, length: u32) {
        let reached = poll(PATIENCE, || {
            (accept_queue(&self.address) == Some(length)).then_some(())
        });
        if reached.is_none() {
            let found = accept_queue(&self.address);
            self.fail(&format!("the accept queue is {found:?} long, not {length}"));
        }
    }

    /// Open a connection for `target` and wait until a worker has taken it.
    pub fn in_flight(&self, target: &str) -> Connection {
        let mut connection = Connection::open(&self.address);
        connection.send(&request("GET", target));
        self.wait_for_queue(0);
        connection
    }

    /// Open `count` connections for `target` that wait in the queue, while all workers are held.
    pub fn queued(&self, count: u32, target: &str) -> Vec<Connection> {
        let open = || {
            let mut connection = Connection::open(&self.address);
            connection.send(&request("GET", target));
            connection
        };
        let connections = (0..count).map(|_| open()).collect();
        self.wait_for_queue(count);
        connections
    }

    /// One more connection for `target`, behind `before` that wait in the queue already.
    pub fn queued_more(&self, before: usize, target: &str) -> Connection {
        let mut connection = Connection::open(&self.address);
        connection.send(&request("GET", target));
        self.wait_for_queue(u32::try_from(before + 1).unwrap_or(u32::MAX));
        connection
    }

    /// GET a JSON answer.
    pub fn json(&self, target: &str) -> Value {
        let exchange = self.get(target);
        match exchange.response().and_then(|response| response.json()) {
            Some(value) => value,
            None => self.fail(&format!("{target} is no JSON: {exchange}")),
        }
    }

    /// Send a signal to the arbiter.
    pub fn signal(&self, signal: Signal) {
        self.signal_to(self.arbiter(), signal);
    }

    /// Tell the arbiter to stop, and wait until it has closed its listeners: from then on another
    /// signal is one to a pool that stops.
    pub fn begin_stop(&self, signal: Signal) {
        let before = descriptors(self.arbiter());
        self.signal(signal);
        let has_closed = || (descriptors(self.arbiter()) < before).then_some(());
        if poll(PATIENCE, has_closed).is_none() {
            self.fail("the arbiter keeps its listeners");
        }
    }

    /// Send a signal to a worker.
    pub fn signal_to(&self, pid: u32, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(pid).expect("a pid"));
        if let Err(error) = kill(pid, signal) {
            self.fail(&format!("{signal} to {pid}: {error}"));
        }
    }

    /// Wait for the arbiter's end; its exit code, `None` when a signal killed it.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        if self.ended.is_none() {
            let child = &mut self.running.child;
            self.ended = poll(PATIENCE, || child.try_wait().ok().flatten());
        }
        match self.ended {
            Some(status) => {
                // Let the readers see the last lines. A worker that outlives its arbiter keeps
                // the pipes open, so there is no end to wait for.
                let readers = &self.running.readers;
                poll(Duration::from_millis(500), || {
                    readers
                        .iter()
                        .all(|reader| reader.is_finished())
                        .then_some(())
                });
                status.code()
            }
            None => self.fail("it does not end"),
        }
    }

    /// What each process said, as [`per_process`] frees it of what differs from run to run.
    pub fn said(&self) -> BTreeMap<String, Vec<String>> {
        per_process(&self.lines())
    }

    /// Fail with everything that the server printed.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{:?}: {why}\n{}", self.kind, self.running.lines.text());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.running.child.id()) {
            // Fails only when no process of the group is left.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.running.child.wait();
    }
}
