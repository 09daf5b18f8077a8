//! How a server is started: arguments, environment, and a private home.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::lines::Lines;
use super::oracle::{program, root};
use super::{Kind, Line, PATIENCE, Server, Stream, poll};

/// A server to be started. Unless told otherwise it binds a free port of 127.0.0.1 and has no
/// control socket: Gunicorn 25.3.0's stalls for two seconds at some forks, which would blur times.
#[derive(Debug, Clone)]
pub struct Launch {
    kind: Kind,
    program: Option<PathBuf>,
    in_front: Vec<OsString>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    application: Option<String>,
    bind: bool,
    control_socket: bool,
}

/// A server that ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal killed it.
    pub code: Option<i32>,
    /// From start to end.
    pub took: Duration,
    /// Everything it printed.
    pub lines: Vec<Line>,
}

impl Ended {
    /// What it printed on one stream.
    pub fn text(&self, stream: Stream) -> String {
        self.lines
            .iter()
            .filter(|line| line.stream == stream)
            .map(|line| format!("{}\n", line.text))
            .collect()
    }
}

/// A process with its output being collected.
#[derive(Debug)]
pub struct Running {
    pub child: Child,
    pub lines: Arc<Lines>,
    /// Removed with the server.
    _home: TempDir,
    pub readers: Vec<std::thread::JoinHandle<()>>,
    pub began: Instant,
}

impl Launch {
    /// The server `kind` with these arguments, separated by spaces.
    pub fn new(kind: Kind, arguments: &str) -> Self {
        Self {
            kind,
            program: None,
            in_front: Vec::new(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            environment: Vec::new(),
            application: Some("app:app".to_owned()),
            bind: true,
            control_socket: false,
        }
    }

    /// One more argument, which may hold spaces.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Another application, or none.
    pub fn application(mut self, application: Option<&str>) -> Self {
        self.application = application.map(str::to_owned);
        self
    }

    /// Do not say where to bind.
    pub fn without_bind(mut self) -> Self {
        self.bind = false;
        self
    }

    /// Leave the control socket on.
    pub fn with_control_socket(mut self) -> Self {
        self.control_socket = true;
        self
    }

    /// Another build of the same server.
    pub fn program(mut self, path: PathBuf) -> Self {
        self.program = Some(path);
        self
    }

    /// Started by another command: its words come before the program.
    pub fn started_by(mut self, words: Vec<OsString>) -> Self {
        self.in_front = words;
        self
    }

    /// Start it and collect its output.
    pub fn spawn(&self) -> Running {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (usual, first_words) = program(self.kind);
        let program = self.program.as_ref().unwrap_or(&usual).as_os_str();
        let words: Vec<&OsStr> = self
            .in_front
            .iter()
            .map(OsString::as_os_str)
            .chain([program])
            .collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(first_words)
            .args(&self.arguments);
        if self.bind {
            command.args(["--bind", "127.0.0.1:0"]);
        }
        if !self.control_socket {
            command.arg("--no-control-socket");
        }
        command.args(&self.application);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("PYTHONPYCACHEPREFIX", root().join("target/oracle/bytecode"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(root().join("tests/oracle"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let began = Instant::now();
        let mut child = command
            .spawn()
            .expect("the server's program can be started");
        let lines = Arc::new(Lines::default());
        let output = child.stdout.take().expect("standard output is a pipe");
        let error = child.stderr.take().expect("standard error is a pipe");
        let readers = vec![
            lines.collect(Stream::Output, output),
            lines.collect(Stream::Error, error),
        ];
        Running {
            child,
            lines,
            _home: home,
            readers,
            began,
        }
    }

    /// Start it and wait until it says where it listens and all its workers are there.
    pub fn start(&self) -> Server {
        Server::listening(self.kind, self.spawn())
    }

    /// Start it, where its log goes to a file, and wait until it says there where it listens.
    pub fn start_logging_to(&self, log: &Path) -> Server {
        let running = self.spawn();
        let listening = poll(PATIENCE, || {
            let log = std::fs::read_to_string(log).ok()?;
            let line = log.lines().find(|line| line.contains("Listening at: "))?;
            Some(line.to_owned())
        });
        Server::listening_at(self.kind, running, listening)
    }

    /// Start it and wait for its end.
    pub fn run(&self) -> Ended {
        let mut running = self.spawn();
        let group = nix::unistd::Pid::from_raw(i32::try_from(running.child.id()).unwrap_or(0));
        let status = poll(PATIENCE, || running.child.try_wait().ok().flatten());
        let took = running.began.elapsed();
        // Workers that outlived their arbiter would keep the pipes open.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = running.child.wait();
        for reader in running.readers {
            let _ = reader.join();
        }
        let Some(status) = status else {
            panic!("{:?} does not end:\n{}", self, running.lines.text());
        };
        Ended {
            code: status.code(),
            took,
            lines: running.lines.all(),
        }
    }
}
