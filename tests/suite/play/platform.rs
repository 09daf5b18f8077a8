//! Scenarios in which the platform acts, against real pools: a forwarder stands for the platform
//! that sends a host's connections to whichever process serves it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use labrat::evidence::read;
use labrat::scenario::catalogue;
use labrat::verdict::{Finding, Outcome, Verdict, judge};
use parking_lot::Mutex;
use tempfile::tempdir;
use tokio::io::{AsyncBufReadExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::program::{start, trigger};
use crate::harness::{Address, Kind, Launch, Server};

const PRODUCTION: &str = "Server=tcp:sql-prod.example.net;Database=orders;Password=one";
const STAGING: &str = "Server=tcp:sql-staging.example.net;Database=orders;Password=two";

fn slot(database: &str, expected: &str, name: &str) -> Server {
    Launch::new(Kind::Labrat, "--workers 2 --timeout 120")
        .env("DB_CONNECTION_STRING", database)
        .env("EXPECTED_DB_CONNECTION_STRING", expected)
        .env("WEBSITE_SLOT_NAME", name)
        .start()
}

fn address(server: &Server) -> SocketAddr {
    match server.address() {
        Address::Tcp(address) => *address,
        Address::Unix(path) => panic!("a TCP address is needed, not {}", path.display()),
    }
}

/// One host name, and who serves it; nobody is a port that closes every connection.
struct Forwarder {
    url: String,
    backend: Arc<Mutex<Option<SocketAddr>>>,
    accepting: JoinHandle<()>,
}

impl Forwarder {
    async fn to(backend: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let backend = Arc::new(Mutex::new(backend));
        let shared = Arc::clone(&backend);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let Some(backend) = *shared.lock() else {
                    continue;
                };
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(backend).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self {
            url,
            backend,
            accepting,
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Run a trigger, and do what it asks of the platform when it asks.
async fn play(arguments: &[&str], platform: impl FnOnce()) {
    let mut child = start(arguments);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut platform = Some(platform);
    let mut told = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.starts_with("do this now: ")
            && let Some(act) = platform.take()
        {
            act();
        }
        told.push_str(&line);
        told.push('\n');
    }
    let status = child.wait().await.unwrap();
    assert!(status.success(), "{told}");
    assert!(
        platform.is_none(),
        "the platform was asked for nothing: {told}"
    );
}

async fn swap(out: &Path, after: &Server, sticky: &str) -> Verdict {
    let before = slot(PRODUCTION, PRODUCTION, "Production");
    let staging = slot(STAGING, STAGING, "staging");
    let production = Forwarder::to(Some(address(&before))).await;
    let second = Forwarder::to(Some(address(&staging))).await;
    play(
        &trigger(
            "slot-swap-drift",
            &production.url,
            out,
            &[
                "--slot-url",
                &second.url,
                "--pace",
                "0.2",
                sticky,
                "DB_CONNECTION_STRING",
            ],
        ),
        || *production.backend.lock() = Some(address(after)),
    )
    .await;
    judge(
        catalogue::rules_of("slot-swap-drift").unwrap(),
        &read(out).unwrap(),
    )
}

#[tokio::test]
async fn a_swap_that_carries_the_connection_string_along_is_reproduced() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let after = slot(STAGING, PRODUCTION, "Production");
    let verdict = swap(&out, &after, "--not-sticky").await;
    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    for (path, text) in super::program::every_text(&out) {
        assert!(
            !text.contains("Password=one") && !text.contains("Password=two"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_swap_that_leaves_the_connection_string_where_it_is_is_not() {
    let folder = tempdir().unwrap();
    let after = slot(PRODUCTION, PRODUCTION, "Production");
    let verdict = swap(&folder.path().join("run"), &after, "--sticky").await;
    assert_eq!(
        verdict.outcome,
        Outcome::NotReproduced,
        "{}",
        verdict.headline
    );
}

#[tokio::test]
async fn a_start_that_failed_and_was_mended_shows_all_that_can_be_seen_from_outside() {
    let mended = Launch::new(Kind::Labrat, "--workers 1 --timeout 120").start();
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let site = Forwarder::to(None).await;
    play(
        &trigger(
            "startup-failed",
            &site.url,
            &out,
            &[
                "--pace",
                "0.1",
                "--assume-done",
                "--command-before",
                "labrat serve --bind=0.0.0.0:8000 wrong_module:app",
                "--command-after",
                "labrat serve --bind=0.0.0.0:8000 app:app",
            ],
        ),
        || *site.backend.lock() = Some(address(&mended)),
    )
    .await;
    let verdict = judge(
        catalogue::rules_of("startup-failed").unwrap(),
        &read(&out).unwrap(),
    );
    let finding = |id: &str| {
        let found = verdict.criteria.iter().find(|criterion| criterion.id == id);
        found.unwrap().finding
    };
    for id in ["not-200-before", "health-200-after", "stats-after"] {
        assert_eq!(finding(id), Finding::Met, "{id}");
    }
    // The console belongs to the platform: without it nobody may say "reproduced".
    for id in [
        "import-failure",
        "command-wrong-before",
        "command-right-after",
    ] {
        assert_eq!(finding(id), Finding::NoEvidence, "{id}");
    }
    assert_eq!(
        verdict.outcome,
        Outcome::Inconclusive,
        "{}",
        verdict.headline
    );
}
