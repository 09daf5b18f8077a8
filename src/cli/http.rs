//! One request over a connection of its own, without a runtime: what `labrat probe` and the verbs of
//! `labrat host` ask with.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// Send a request and read until the server closes, or `is_enough` of what has come so far.
///
/// # Errors
/// When the connection breaks, or the deadline passes.
pub(super) fn exchange(
    mut stream: TcpStream,
    request: &[u8],
    deadline: Instant,
    is_enough: impl Fn(&[u8]) -> bool,
) -> anyhow::Result<Vec<u8>> {
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(request).context("sending the request")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    while !is_enough(&answer) {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("no answer in time"),
            Err(error) => return Err(error).context("reading the answer"),
        }
    }
    Ok(answer)
}

/// Connect to `HOST:PORT`.
///
/// # Errors
/// When the name does not resolve, nobody listens, or the deadline passes.
pub(super) fn connect(address: &str, deadline: Instant) -> anyhow::Result<TcpStream> {
    let addresses = address
        .to_socket_addrs()
        .with_context(|| format!("resolving {address}"))?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                last = Some(anyhow::Error::new(error).context(format!("connecting to {address}")))
            }
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("{address} resolves to no address")))
}

fn left(deadline: Instant) -> anyhow::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    ensure!(!left.is_zero(), "no answer in time");
    Ok(left)
}

/// The status of an answer, from its first line.
///
/// # Errors
/// When there is no answer, or it is none of HTTP.
pub(super) fn status(answer: &[u8]) -> anyhow::Result<u16> {
    ensure!(
        !answer.is_empty(),
        "the connection was closed without an answer"
    );
    let line = String::from_utf8_lossy(answer);
    let line = line.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let version = words.next().unwrap_or_default();
    let code = words.next().and_then(|word| word.parse().ok());
    match code {
        Some(code) if version.starts_with("HTTP/1.") => Ok(code),
        _ => bail!("not an HTTP answer: {line:?}"),
    }
}
