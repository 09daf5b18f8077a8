//! Where events come from: the control socket of a pool, or a dashboard.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use ::http::Request;
use ::http::header::{AUTHORIZATION, HOST};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};

use crate::cli::http;
use crate::exchange::exchange;
use crate::timeline::control_client;
use crate::timeline::follow::Line;

/// Between two questions to a pool.
const PERIOD: Duration = Duration::from_millis(100);
/// What to give instead.
const HINT: &str = "hint: give the URL of a dashboard with the token behind its #, or a process id";

/// Events, one line of JSON each.
pub(super) enum Source {
    /// Asked again and again.
    Socket {
        line: Line,
        from: u64,
        came: VecDeque<String>,
    },
    /// Sent as they come.
    Stream(mpsc::Receiver<String>),
}

/// The pool behind a control socket.
///
/// # Errors
/// When nobody is there, or it does not know the question, as the real Gunicorn does not.
pub(super) fn of_socket(socket: &Path) -> anyhow::Result<Source> {
    let line = Line::over(control_client::connect(socket)?);
    line.ask("show timeline")
        .with_context(|| format!("asking {}", socket.display()))?;
    Ok(Source::Socket {
        line,
        from: 0,
        came: VecDeque::new(),
    })
}

/// The control socket of an arbiter: the one that its process listens on.
///
/// # Errors
/// When the process is another user's, or listens on none.
pub(super) fn socket_of(pid: u32) -> anyhow::Result<PathBuf> {
    let process = procfs::process::Process::new(pid.cast_signed())
        .with_context(|| format!("looking at process {pid}"))?;
    let descriptors = process
        .fd()
        .with_context(|| format!("looking at the descriptors of process {pid}"))?;
    let own: Vec<u64> = descriptors
        .flatten()
        .filter_map(|descriptor| match descriptor.target {
            procfs::process::FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let sockets = procfs::net::unix().context("reading /proc/net/unix")?;
    let path = sockets
        .into_iter()
        .filter(|socket| own.contains(&socket.inode))
        .find_map(|socket| socket.path);
    path.with_context(|| {
        format!("process {pid} has no control socket\n\nhint: name the process of an arbiter")
    })
}

/// A dashboard, by the URL that it gave.
///
/// # Errors
/// When the URL is none of a dashboard, nobody is there, or the token is wrong.
pub(super) fn of_url(url: &str) -> anyhow::Result<Source> {
    let rest = url.strip_prefix("http://");
    let (address, token) = rest
        .and_then(|rest| rest.split_once("/#"))
        .with_context(|| format!("`{url}` is no dashboard\n\n{HINT}"))?;
    let token = token.split('&').next().unwrap_or_default();
    let request = Request::get("/events")
        .header(HOST, address)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())
        .with_context(|| format!("`{url}` is no dashboard\n\n{HINT}"))?;
    let addresses = http::resolve(address)?;
    let runtime = http::runtime()?;
    let (opened, open) = mpsc::channel();
    let (send, events) = mpsc::channel();
    let name = address.to_owned();
    // It ends with the dashboard, or with this process.
    std::thread::spawn(move || {
        let stream = stream(&name, &addresses, request, &opened, &send);
        if let Err(error) = runtime.block_on(stream) {
            // Where the stream was open, it has ended, and that is all there is to say.
            let _ = opened.send(Err(error));
        }
    });
    open.recv().context("no answer")??;
    Ok(Source::Stream(events))
}

/// Read the events until there are no more; `opened` learns whether there are any.
async fn stream(
    name: &str,
    addresses: &[SocketAddr],
    request: Request<Empty<Bytes>>,
    opened: &mpsc::Sender<anyhow::Result<()>>,
    send: &mpsc::Sender<String>,
) -> anyhow::Result<()> {
    let connection = http::connect(name, addresses).await?;
    exchange(connection, request, async |response| {
        match response.status().as_u16() {
            200 => {}
            401 => bail!("the token is missing or wrong\n\n{HINT}"),
            status => bail!("{name} answered {status}\n\n{HINT}"),
        }
        // Whoever waits for it goes on; nobody does any more when this process ends.
        let _ = opened.send(Ok(()));
        let mut body = response.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            rest.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data));
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let whole: Vec<u8> = rest.drain(..=end).collect();
            for line in String::from_utf8_lossy(&whole).lines() {
                if let Some(event) = line.strip_prefix("data: ") {
                    send.send(event.trim_end().to_owned())?;
                }
            }
        }
        Ok(())
    })
    .await
    .with_context(|| format!("asking {name}"))?
}

impl Source {
    /// The next event; nothing where there is no more.
    ///
    /// # Errors
    /// When the pool is gone.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<String>> {
        match self {
            Self::Socket { line, from, came } => loop {
                if let Some(event) = came.pop_front() {
                    return Ok(Some(event));
                }
                let answer = line.ask(&format!("show timeline {from}"))?;
                let events = answer["events"].as_array().into_iter().flatten();
                came.extend(events.map(ToString::to_string));
                *from = answer["next"]
                    .as_u64()
                    .context("an answer without a number")?;
                if came.is_empty() {
                    std::thread::sleep(PERIOD);
                }
            },
            Self::Stream(events) => Ok(events.recv().ok()),
        }
    }
}
