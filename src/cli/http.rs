//! One request over a connection of its own: what `labrat probe` and the verbs of `labrat host` ask
//! with.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::exchange::exchange;

/// How much of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Head,
    Whole,
}

/// An answer, with an empty body where only its head was read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Send a request to `HOST:PORT` and wait for its answer, at most for `limit`.
///
/// # Errors
/// When the name does not resolve, nobody listens, the limit passes, or what comes is no answer.
pub(super) fn ask(
    address: &str,
    request: Request<Full<Bytes>>,
    part: Part,
    limit: Duration,
) -> anyhow::Result<Answer> {
    let addresses = resolve(address)?;
    runtime()?.block_on(async {
        let answer = async { answer(connect(address, &addresses).await?, request, part).await };
        let answer = tokio::time::timeout(limit, answer).await;
        answer.context("no answer in time")?
    })
}

/// Every address of `HOST:PORT`.
///
/// # Errors
/// When the name does not resolve.
pub(super) fn resolve(address: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let addresses = address
        .to_socket_addrs()
        .with_context(|| format!("resolving {address}"))?;
    Ok(addresses.collect())
}

/// What a command asks with: one thread.
///
/// # Errors
/// When the system has no room for it.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}

/// Connect to the first address that answers.
///
/// # Errors
/// When none does.
pub(super) async fn connect(name: &str, addresses: &[SocketAddr]) -> anyhow::Result<TcpStream> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                last = Some(anyhow::Error::new(error).context(format!("connecting to {address}")));
            }
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("{name} resolves to no address")))
}

async fn answer(
    stream: TcpStream,
    request: Request<Full<Bytes>>,
    part: Part,
) -> anyhow::Result<Answer> {
    let answer = exchange(stream, request, async |response| {
        let (head, body) = response.into_parts();
        let body = match part {
            Part::Head => Bytes::new(),
            Part::Whole => body.collect().await?.to_bytes(),
        };
        Ok::<_, hyper::Error>(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    });
    answer.await.and_then(|answer| answer).map_err(|error| {
        let what = if error.is_incomplete_message() {
            "the connection was closed without a whole answer"
        } else if error.is_parse() {
            "not an HTTP answer"
        } else {
            "reading the answer"
        };
        anyhow::Error::new(error).context(what)
    })
}
