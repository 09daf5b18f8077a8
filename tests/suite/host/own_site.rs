//! A front end before a site that the test itself plays, so that the test decides what the site
//! does with each connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use labrat::host::Notify;
use labrat::host::front_end::{FrontEnd, FrontEndSettings, Routing, Upstream};
use labrat::host::journal::Journal;
use labrat::tables::HttpRow;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify as Wakeup, watch};

use super::{rows, until};

/// A front end whose routing the test decides.
pub(super) struct Front {
    pub(super) front_end: FrontEnd,
    pub(super) routing: watch::Sender<Routing>,
    pub(super) wake: Arc<Wakeup>,
    pub(super) said: Arc<Mutex<Vec<String>>>,
    pub(super) journal: Arc<Journal>,
    folder: tempfile::TempDir,
}

impl Front {
    pub(super) async fn start(routing: Routing, limit: Duration) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), routing, limit).await
    }

    pub(super) async fn in_folder(
        folder: tempfile::TempDir,
        routing: Routing,
        limit: Duration,
    ) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&said);
        let notify = Notify::new(move |text| kept.lock().push(text.to_owned()));
        let journal = Arc::new(Journal::open(folder.path(), &notify).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (routing, seen) = watch::channel(routing);
        let wake = Arc::new(Wakeup::new());
        let front_end = FrontEnd::start(
            listener,
            address,
            FrontEndSettings {
                slot: "production".to_owned(),
                default_host: "site.localhost".to_owned(),
                deployment: "site".to_owned(),
                computer: "machine".to_owned(),
                port: address.port(),
                limit,
                limit_status: 504,
                auto_heal: None,
            },
            Arc::clone(&journal),
            notify,
            seen,
            Arc::clone(&wake),
        )
        .unwrap();
        Self {
            front_end,
            routing,
            wake,
            said,
            journal,
            folder,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.front_end.address()
    }

    /// Wait until exactly so many requests wait for the site.
    pub(super) async fn held(&self, requests: usize) {
        // The front end watches the routing twice, and once for each request that waits.
        let watched = || self.routing.receiver_count() == requests + 2;
        until("so many requests wait", || watched().then_some(())).await;
    }

    pub(super) fn rows(&self) -> Vec<HttpRow> {
        rows(self.folder.path(), "http.jsonl")
    }

    /// The row of the only request, as soon as there is one.
    pub(super) async fn row(&self) -> HttpRow {
        let row = until("the row of the request", || self.rows().pop()).await;
        assert_eq!(self.rows().len(), 1);
        row
    }
}

/// A limit that no test reaches.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// A whole answer on a connection that stays open.
pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A site that the test plays: what is done with a connection is up to the test.
pub(super) struct OwnSite {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
}

impl OwnSite {
    /// Accept connections and hand each, with its number from 1, to `play`.
    pub(super) async fn start<F>(play: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(play(stream, number));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// One that answers every request and keeps its connections.
    pub(super) async fn answering() -> Self {
        Self::start(|mut stream, _| async move {
            while !read_head(&mut stream).await.is_empty() {
                stream.write_all(OK).await.unwrap();
            }
        })
        .await
    }

    pub(super) fn routing(&self) -> Routing {
        Routing::Up(Arc::new(Upstream::new(self.address)))
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Read up to the end of a request's head.
pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut byte = [0_u8; 1];
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => seen.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8(seen).unwrap()
}
