//! A small server that does as it is told and counts what it sees.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a request.
pub enum Reply {
    /// Answer with this status and body.
    Answer(u16, String),
    /// Wait so long, then answer 200.
    After(Duration),
    /// Never answer; wait until the client has gone.
    Silence,
    /// Close without a byte.
    Close,
    /// Reset the connection.
    Reset,
    /// Promise a long body, send a little of it, and close.
    Truncate,
    /// Send the head and a little of the body, then nothing more.
    Stall,
    /// Send this, whatever it is, and close.
    Raw(&'static str),
}

/// What the server saw of one path.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    pub requests: usize,
    pub in_flight: usize,
    pub most_in_flight: usize,
    /// Clients that closed before they had an answer.
    pub gave_up: usize,
}

/// The whole head of every request, and the counts of every path.
#[derive(Debug, Default)]
pub struct Journal {
    pub heads: Vec<String>,
    pub paths: BTreeMap<String, Seen>,
    pub connections: usize,
}

type Handler = Arc<dyn Fn(&str, usize) -> Reply + Send + Sync>;

/// A server on a port of its own; it stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub journal: Arc<Mutex<Journal>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Serve plain HTTP. The handler is given the path and how many requests for it came before.
    pub async fn start(handler: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(handler, |stream| Box::pin(async move { Some(stream) })).await
    }

    /// Serve over whatever `wrap` makes of a connection.
    pub async fn start_with<S, W>(
        handler: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
        wrap: W,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + ResetOnDrop + 'static,
        W: Fn(TcpStream) -> Pin<Box<dyn Future<Output = Option<S>> + Send>> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let journal = Arc::new(Mutex::new(Journal::default()));
        let handler: Handler = Arc::new(handler);
        let seen = Arc::clone(&journal);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                seen.lock().connections += 1;
                let wrapped = wrap(stream);
                let handler = Arc::clone(&handler);
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    if let Some(stream) = wrapped.await {
                        serve(stream, handler, seen).await;
                    }
                });
            }
        });
        Self {
            address,
            journal,
            accepting,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self, path: &str) -> Seen {
        self.journal
            .lock()
            .paths
            .get(path)
            .cloned()
            .unwrap_or_default()
    }

    /// Wait, at most ten seconds, until what was seen of a path is as wanted.
    pub async fn wait_until(&self, path: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        for _ in 0..1000 {
            let seen = self.seen(path);
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.seen(path)
    }
}

/// Streams whose close can be made a reset.
pub trait ResetOnDrop {
    fn reset_on_drop(&self);
}

impl ResetOnDrop for TcpStream {
    fn reset_on_drop(&self) {
        socket2::SockRef::from(self)
            .set_linger(Some(Duration::ZERO))
            .expect("linger");
    }
}

impl ResetOnDrop for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset_on_drop(&self) {
        self.get_ref().0.reset_on_drop();
    }
}

async fn serve<S>(mut stream: S, handler: Handler, journal: Arc<Mutex<Journal>>)
where
    S: AsyncRead + AsyncWrite + Unpin + ResetOnDrop,
{
    let Some(head) = read_head(&mut stream).await else {
        return;
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let before = {
        let mut journal = journal.lock();
        journal.heads.push(head);
        let seen = journal.paths.entry(path.clone()).or_default();
        seen.requests += 1;
        seen.in_flight += 1;
        seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
        seen.requests - 1
    };
    // Counted out before the answer is written: a client may send its next request at once.
    let leave = |gave_up: bool| {
        let mut journal = journal.lock();
        let seen = journal.paths.entry(path.clone()).or_default();
        seen.in_flight -= 1;
        seen.gave_up += usize::from(gave_up);
    };
    match handler(&path, before) {
        Reply::Answer(status, body) => {
            leave(false);
            answer(&mut stream, status, &body).await;
        }
        Reply::After(pause) => {
            tokio::select! {
                () = tokio::time::sleep(pause) => {
                    leave(false);
                    answer(&mut stream, 200, "later").await;
                }
                () = until_gone(&mut stream) => leave(true),
            }
        }
        Reply::Silence => {
            until_gone(&mut stream).await;
            leave(true);
        }
        Reply::Close => leave(false),
        Reply::Reset => {
            leave(false);
            stream.reset_on_drop();
        }
        Reply::Truncate => {
            leave(false);
            write(
                &mut stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            )
            .await;
        }
        Reply::Stall => {
            let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
            let _ = stream.write_all(half).await;
            until_gone(&mut stream).await;
            leave(true);
        }
        Reply::Raw(text) => {
            leave(false);
            write(&mut stream, text).await;
        }
    }
}

async fn read_head<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        // Not a method's first letter: somebody speaks TLS. Refuse, as a web server would.
        if head.is_empty() && !byte[0].is_ascii_alphabetic() {
            write(stream, "HTTP/1.1 400 Bad Request\r\n\r\n").await;
            until_gone(stream).await;
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

async fn until_gone<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut rest = [0_u8; 64];
    while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, status: u16, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    write(stream, &text).await;
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) {
    // A client that has gone is no failure of the server.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
