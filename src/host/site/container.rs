//! One container: a startup command under its supervisor, its output, its end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::entrance::Parting;
use crate::host::journal::Journal;
use crate::host::messages::Level;
use crate::host::settings::Pace;
use crate::host::{Dialer, HostError, supervisor};
use crate::machine::container::SocketSource;
use crate::redaction::redact;
use crate::tables::{ConsoleRow, TableRow};

/// What TERM gives a container to end by itself, before the pace.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// The least of it that any pace leaves, because it is the application that needs the time.
const LEAST_GRACE: Duration = Duration::from_millis(500);

/// How much longer a supervisor may take than its grace before its group is killed.
const SUPERVISOR_SLACK: Duration = Duration::from_secs(2);

/// How long the output of a container that has ended is read for its rest.
const OUTPUT_SLACK: Duration = Duration::from_secs(2);

/// Bytes of a line of output; a longer one becomes several rows.
const LONGEST_LINE: usize = 64 * 1024;

/// What a container is started with.
#[derive(Debug)]
pub(super) struct ContainerPlan<'a> {
    pub(super) executable: &'a Path,
    /// The supervisor's words: what it runs, and how.
    pub(super) words: Vec<OsString>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) folder: &'a Path,
    /// A folder of its own, removed when it has ended.
    pub(super) runtime: PathBuf,
    pub(super) id: String,
    pub(super) parting: Parting,
    /// The port that the site is told to listen on.
    pub(super) port: u16,
    pub(super) grace: Duration,
    /// Name of the machine in the rows.
    pub(super) host: &'a str,
}

/// A running container. Dropping it kills it.
#[derive(Debug)]
pub struct Container {
    id: String,
    dialer: Dialer,
    supervisor: u32,
    grace: Duration,
    exited: watch::Receiver<Option<i32>>,
    /// Closes the supervisor's lifeline when it is dropped; where the container has a network of
    /// its own, what dials is that.
    _lifeline: Option<tokio::process::ChildStdin>,
}

/// What TERM gives a container in a run of this pace.
pub(super) fn grace(pace: Pace) -> Duration {
    pace.of(GRACE).max(LEAST_GRACE)
}

impl Container {
    /// Start one.
    pub(super) fn start(
        plan: ContainerPlan<'_>,
        journal: &Arc<Journal>,
    ) -> Result<Self, HostError> {
        let launch = |source| HostError::Launch {
            executable: plan.executable.to_owned(),
            source,
        };
        let (input, dialer) = match plan.parting {
            Parting::Namespaces => {
                let (source, input) = SocketSource::pair().map_err(launch)?;
                (input.into(), Dialer::inside(Arc::new(source), plan.port))
            }
            Parting::Loopback(address) | Parting::VirtualMachine(address) => {
                (Stdio::piped(), Dialer::from(address))
            }
        };
        let mut child = Command::new(plan.executable)
            .arg(supervisor::COMMAND)
            .args(&plan.words)
            .env_clear()
            .envs(&plan.environment)
            .current_dir(plan.folder)
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(launch)?;
        let missing = || launch(std::io::Error::other("a pipe of it is missing"));
        let supervisor = child.id().ok_or_else(missing)?;
        let lifeline = child.stdin.take();
        let output = child.stdout.take().ok_or_else(missing)?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        let row = |level: Level| {
            let mut row = ConsoleRow::at(Timestamp::now().into());
            row.level = Some(level.as_str().to_owned());
            row.host = Some(plan.host.to_owned());
            row.container_id = Some(plan.id.clone());
            row.row_type = Some(ConsoleRow::TABLE.to_owned());
            row
        };
        let output = tokio::spawn(record_lines(
            output,
            row(Level::Informational),
            Arc::clone(journal),
        ));
        let errors = tokio::spawn(record_lines(errors, row(Level::Error), Arc::clone(journal)));
        let (tell, exited) = watch::channel(None);
        let runtime = plan.runtime;
        tokio::spawn(async move {
            let code = wait(&mut child, supervisor).await;
            // What it wrote last belongs before the news of its end.
            let rest = async { tokio::join!(output, errors) };
            let _ = tokio::time::timeout(OUTPUT_SLACK, rest).await;
            // What it made there is of no use to anybody else.
            let _ = std::fs::remove_dir_all(&runtime);
            tell.send_replace(Some(code));
        });
        Ok(Self {
            id: plan.id,
            dialer,
            supervisor,
            grace: plan.grace,
            exited,
            _lifeline: lifeline,
        })
    }

    /// Its identity, twelve hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What reaches the site in it.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Process id of its supervisor, which is the id of its process group.
    pub fn supervisor(&self) -> u32 {
        self.supervisor
    }

    /// Wait for its end: the exit code of its command, 128 and the number of the signal where one
    /// ended it.
    pub async fn exited(&self) -> i32 {
        let mut exited = self.exited.clone();
        match exited.wait_for(Option::is_some).await {
            Ok(code) => code.unwrap_or_default(),
            Err(_) => 0,
        }
    }

    /// Whether it has ended, and how.
    pub fn exit_code(&self) -> Option<i32> {
        *self.exited.borrow()
    }

    /// End it: TERM, grace, KILL. Returns how long that took.
    pub async fn terminate(&self) -> Duration {
        let begun = Instant::now();
        if self.exit_code().is_none() {
            // It may end by itself in this moment.
            let _ = kill(
                Pid::from_raw(self.supervisor.cast_signed()),
                Signal::SIGTERM,
            );
            let limit = self.grace + SUPERVISOR_SLACK;
            if tokio::time::timeout(limit, self.exited()).await.is_err() {
                supervisor::kill_group(self.supervisor);
                let _ = tokio::time::timeout(limit, self.exited()).await;
            }
        }
        begun.elapsed()
    }
}

async fn wait(child: &mut Child, supervisor: u32) -> i32 {
    let status = child.wait().await;
    // Nothing is left of the group, unless the supervisor itself was killed.
    supervisor::kill_group(supervisor);
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Ok(status) => status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        Err(_) => -1,
    }
}

async fn record_lines(source: impl AsyncRead + Unpin, template: ConsoleRow, journal: Arc<Journal>) {
    let mut reader = BufReader::with_capacity(LONGEST_LINE, source);
    let mut line: Vec<u8> = Vec::new();
    loop {
        let (taken, complete) = match reader.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(available) => match available.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    line.extend_from_slice(&available[..at]);
                    (at + 1, true)
                }
                None => {
                    line.extend_from_slice(available);
                    (available.len(), line.len() >= LONGEST_LINE)
                }
            },
        };
        reader.consume(taken);
        if complete {
            record_line(&template, &line, &journal);
            line.clear();
        }
    }
    if !line.is_empty() {
        record_line(&template, &line, &journal);
    }
}

fn record_line(template: &ConsoleRow, line: &[u8], journal: &Journal) {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let mut row = template.clone();
    row.time_generated = Timestamp::now().into();
    row.result_description = Some(redact(text).into_owned());
    journal.console(&row);
}

/// Tries until a free port is found.
const PORT_TRIES: usize = 200;

/// An address for a container: a loopback address that is its own, and a port that is free on
/// every address, below the range that the kernel gives to clients.
pub(super) fn free_address() -> Result<SocketAddr, HostError> {
    let ip = Ipv4Addr::new(
        127,
        fastrand::u8(64..128),
        fastrand::u8(..),
        fastrand::u8(1..255),
    );
    let mut refused = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        let port = fastrand::u16(20_000..32_000);
        let free = [Ipv4Addr::UNSPECIFIED, ip]
            .into_iter()
            .try_for_each(|ip| TcpListener::bind((ip, port)).map(drop));
        match free {
            Ok(()) => return Ok(SocketAddr::new(IpAddr::V4(ip), port)),
            Err(source) => refused = source,
        }
    }
    Err(HostError::NoPort {
        address: IpAddr::V4(ip),
        source: refused,
    })
}
