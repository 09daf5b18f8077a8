//! The emulator for App Service: who failed gets which status, what a start writes and in which
//! order, and that nothing is lost or left behind.

mod boxed;
mod container;
mod ending;
mod event_loop;
mod framing;
mod front_end;
mod health;
mod holding;
mod kql;
mod lifecycle;
mod messages;
mod options;
mod own_site;
mod program;
mod real_pool;
mod recorded;
mod relayed;
mod shortage;
mod slots;
mod states;
mod traffic;

use std::path::{Path, PathBuf};
use std::time::Duration;

use labrat::host::{Dialer, Host, HostSettings, SiteStatus, SlotName};
use labrat::tables::{ConsoleRow, HttpRow, PlatformRow, TableRow, read};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

/// How long to wait for what must happen: generous, because the machine may be loaded.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVE: &str = "labrat serve --bind=0.0.0.0:8000 --workers=1 app:app";

/// An emulator in a folder of its own.
struct Stand {
    host: Host,
    folder: tempfile::TempDir,
}

fn executable() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_labrat"))
}

impl Stand {
    /// Start one with `command`, ten times as fast as the platform unless `change` says otherwise.
    async fn start(command: &str, change: impl FnOnce(&mut HostSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = HostSettings::new(folder.path(), executable(), command);
        settings.pace = 0.1;
        change(&mut settings);
        let host = Host::start(settings).await.expect("the emulator starts");
        Self { host, folder }
    }

    /// Start one and wait until production is warm.
    async fn warm(command: &str, change: impl FnOnce(&mut HostSettings)) -> Self {
        let stand = Self::start(command, change).await;
        stand.wait(SlotName::Production).await;
        stand
    }

    async fn wait(&self, slot: SlotName) {
        let warm = self.host.wait_until_warm(slot, PATIENCE).await;
        warm.expect("the site is warm");
    }

    async fn get(&self, path: &str) -> Reply {
        self.get_from(SlotName::Production, path).await
    }

    async fn get_from(&self, slot: SlotName, path: &str) -> Reply {
        let address = self.host.address(slot).expect("the slot exists");
        get(address, path).await
    }

    fn rows<R: TableRow>(&self, file: &str) -> Vec<R> {
        rows(self.host.tables_folder(), file)
    }

    fn http(&self) -> Vec<HttpRow> {
        self.rows("http.jsonl")
    }

    fn console(&self) -> Vec<String> {
        let rows: Vec<ConsoleRow> = self.rows("console.jsonl");
        rows.into_iter()
            .filter_map(|row| row.result_description)
            .collect()
    }

    fn platform(&self) -> Vec<PlatformRow> {
        self.rows("platform.jsonl")
    }

    /// Stop it and hand over its folder, which is removed when that is dropped.
    async fn stop(self) -> tempfile::TempDir {
        self.host.stop().await;
        self.folder
    }
}

fn rows<R: TableRow>(folder: &Path, file: &str) -> Vec<R> {
    let text = std::fs::read(folder.join(file)).expect("the table can be read");
    match text.is_empty() {
        true => Vec::new(),
        false => {
            let read = read::<R>(&text).expect("the table is one");
            assert_eq!(read.fault_count, 0, "{:?}", read.faults);
            read.rows
        }
    }
}

/// An answer, read until the connection ended.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    /// Take an answer apart; a status of 0 is none.
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Self {
            status: status.unwrap_or(0),
            body: body.to_owned(),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: lab.example\r\nConnection: close\r\n\r\n")
}

/// Send bytes on a connection of their own and read to its end.
async fn send(address: impl ToSocketAddrs, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(bytes).await.expect("takes the request");
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(PATIENCE, reading).await;
    // A reset is the end of the answer as well.
    let _ = read.expect("the connection ends in time");
    Reply::parse(&answer)
}

/// Ask a container itself, past its front end.
async fn get_inside(container: &Dialer, path: &str) -> Reply {
    let mut stream = container.connect().await.expect("connects");
    let request = head("GET", path);
    stream
        .write_all(request.as_bytes())
        .await
        .expect("takes the request");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the connection ends in time");
    Reply::parse(&answer)
}

/// The number that this machine gives to a process of a slot's container.
fn outside(status: &SiteStatus, inside: i64) -> Pid {
    let supervisor = i32::try_from(status.process_group.expect("it runs")).unwrap();
    let mut family = vec![supervisor];
    let mut found = None;
    for process in procfs::process::all_processes().unwrap().flatten() {
        let Ok(told) = process.status() else {
            continue;
        };
        if family.contains(&told.ppid) {
            family.push(told.pid);
            let numbers = told.nspid.unwrap_or_default();
            if numbers.last().copied().map(i64::from) == Some(inside) && numbers.len() > 1 {
                found = Some(Pid::from_raw(told.pid));
            }
        }
    }
    found.expect("the container has such a process")
}

async fn get(address: impl ToSocketAddrs, path: &str) -> Reply {
    send(address, head("GET", path).as_bytes()).await
}

/// Ask again and again until `ready` has an answer.
async fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ready() {
            return answer;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
