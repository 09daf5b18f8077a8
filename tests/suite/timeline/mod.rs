//! What a pool and its queue go through, seen beside it: the page, the terminal, the recording.

mod browser;
mod dashboard;
mod emulator;
mod terminal;

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Address, Connection, Kind, Launch, PATIENCE, Server};

/// A pool of two sync workers with a dashboard.
struct Watched {
    server: Server,
    url: String,
    address: Address,
    token: String,
}

impl Watched {
    fn start(arguments: &str) -> Self {
        let server = Launch::new(Kind::Labrat, arguments)
            .argument("--dashboard")
            .argument("127.0.0.1:0")
            .with_control_socket()
            .start()
            .ready();
        let line = server.wait_for("Dashboard at: ");
        let url = line.text.split("Dashboard at: ").nth(1).unwrap().to_owned();
        let (address, token) = url["http://".len()..].split_once("/#").unwrap();
        let (address, token) = (Address::Tcp(address.parse().unwrap()), token.to_owned());
        Self {
            server,
            url,
            address,
            token,
        }
    }

    fn request(&self, method: &str, target: &str, headers: &str) -> Vec<u8> {
        let Address::Tcp(address) = &self.address else {
            panic!("a page has an address");
        };
        format!("{method} {target} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").into_bytes()
    }

    fn with_token(&self, method: &str, target: &str) -> Vec<u8> {
        let token = &self.token;
        self.request(
            method,
            target,
            &format!("Authorization: Bearer {token}\r\n"),
        )
    }

    /// The events as they come.
    fn follow(&self) -> Following {
        let Address::Tcp(address) = self.address else {
            panic!("a page has an address");
        };
        Following::of(&address.to_string(), &self.with_token("GET", "/events"))
    }
}

/// Events that came and come.
struct Following {
    events: mpsc::Receiver<Value>,
    seen: Vec<Value>,
}

impl Following {
    /// What a page at this address answers to that.
    fn of(address: &str, request: &[u8]) -> Self {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, request).unwrap();
        let (send, events) = mpsc::channel();
        // It ends with the server.
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if let Some(event) = line.strip_prefix("data: ") {
                    let _ = send.send(serde_json::from_str(event).unwrap());
                }
            }
        });
        Self {
            events,
            seen: Vec::new(),
        }
    }

    /// Wait for an event that `fits`, among those that came already as well.
    fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.seen.iter().find(|event| fits(event)) {
            return found.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if fits(&event) {
                        return event;
                    }
                }
                Err(_) => panic!("{what} was not told: {:#?}", self.seen),
            }
        }
    }

    /// Wait until what was told has come to that.
    fn wait_until(&mut self, what: &str, fits: impl Fn(&[Value]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !fits(&self.seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => self.seen.push(event),
                Err(_) => panic!("{what} was not told: {:#?}", self.seen),
            }
        }
    }

    fn count(&self, kind: &str) -> usize {
        let of_kind = self.seen.iter().filter(|event| event["kind"] == kind);
        of_kind.count()
    }
}

/// Two workers that are held and `count` clients that wait behind them.
fn saturate(server: &Server, count: u32) -> (Vec<Connection>, Vec<Connection>) {
    let held = (0..2)
        .map(|_| server.in_flight("/slow?seconds=30"))
        .collect();
    (held, server.queued(count, "/fast"))
}

/// A pool that is told to stop does not wait for what it holds.
const HASTY: &str = "--workers 2 --graceful-timeout 1";

/// What the kernel says a moment later is the same, unless somebody came or went.
const SOON: Duration = Duration::from_secs(5);

/// How many connections are in the queue, by what was told of each.
fn in_queue(told: &[Value]) -> usize {
    let mut waiting = std::collections::BTreeSet::new();
    for event in told {
        let connection = event["connection"].as_u64();
        match event["kind"].as_str() {
            Some("queued") => waiting.insert(connection),
            Some("begun" | "accepted" | "dropped") => waiting.remove(&connection),
            _ => false,
        };
    }
    waiting.len()
}
