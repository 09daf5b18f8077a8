//! Where events come from: the control socket of a pool, or a dashboard.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::cli::http;
use crate::timeline::control_client;
use crate::timeline::follow::Line;

/// Between two questions to a pool.
const PERIOD: Duration = Duration::from_millis(100);
/// How long to wait for a dashboard to answer; after that it says something every 5 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// Events, one line of JSON each.
pub(super) enum Source {
    /// Asked again and again.
    Socket {
        line: Line,
        from: u64,
        came: VecDeque<String>,
    },
    /// Sent as they come.
    Stream(BufReader<TcpStream>),
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
    let hint = "hint: give the URL of a dashboard with the token behind its #, or a process id";
    let rest = url.strip_prefix("http://");
    let (address, token) = rest
        .and_then(|rest| rest.split_once("/#"))
        .with_context(|| format!("`{url}` is no dashboard\n\n{hint}"))?;
    let token = token.split('&').next().unwrap_or_default();
    ensure!(
        token.bytes().all(|byte| byte.is_ascii_graphic()),
        "a token has no blanks or breaks"
    );
    let mut stream = http::connect(address, Instant::now() + PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request =
        format!("GET /events HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head).context("reading the answer")?;
    match http::status(head.as_bytes())? {
        200 => Ok(Source::Stream(reader)),
        401 => bail!("the token is missing or wrong\n\n{hint}"),
        status => bail!("{address} answered {status}\n\n{hint}"),
    }
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
            Self::Stream(reader) => loop {
                let mut line = String::new();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(None);
                }
                if let Some(event) = line.strip_prefix("data: ") {
                    return Ok(Some(event.trim_end().to_owned()));
                }
            },
        }
    }
}
