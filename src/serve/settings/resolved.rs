//! The second stage's result: every value known, none of them text that still has to be read.

use std::path::PathBuf;
use std::time::Duration;

use super::allow_list::AllowList;
use super::telemetry::Otlp;

/// Most workers that a pool can have: the scoreboard has room for twice as many, for a reload.
pub const MOST_WORKERS: usize = 128;
/// Most threads of a worker.
pub const MOST_THREADS: usize = 1024;
/// Longest time that a setting can mean: no clock overflows when it is added.
pub const LONGEST_TIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Where the pool listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindAddress {
    /// `HOST:PORT` as given (`:8000` has the host `0.0.0.0`); port 0 lets the kernel choose.
    Tcp {
        /// Host name or address, without brackets.
        host: String,
        /// TCP port; 0 means any free one.
        port: u16,
    },
    /// `unix:PATH`.
    Unix(PathBuf),
    /// `fd://N`: a listening socket inherited from whoever started us.
    Fd(i32),
}

/// Where a statsd server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatsdAddress {
    /// `HOST:PORT`, over UDP.
    Udp {
        /// Host name or address.
        host: String,
        /// UDP port.
        port: u16,
    },
    /// `unix://PATH`, a datagram socket.
    Unix(PathBuf),
}

/// How a worker handles connections (Gunicorn's `worker_class`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerClass {
    /// One connection at a time, one request a connection.
    Sync,
    /// A pool of threads, with keep-alive.
    Gthread,
    /// An event loop: many requests at once, slow ones do not block.
    Async,
}

/// Gunicorn's `loglevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// The default.
    Info,
    /// Warnings and worse.
    Warning,
    /// Errors and worse.
    Error,
    /// Only `CRITICAL` lines.
    Critical,
}

/// Where a log goes: `-` is the stream that Gunicorn uses for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error for the error log, standard output for the access log.
    Stream,
    /// Appended to this file, reopened on `USR1`.
    File(PathBuf),
}

/// The application to run, `MODULE:APP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppName {
    /// The module: only `app` exists here.
    pub module: String,
    /// The attribute in it: only `app` exists here.
    pub attribute: String,
}

/// Limits on the head of a request (Gunicorn's `limit_request_*`); 0 means no limit of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the request line without its line end. Default 4094, at most 8190, 0 unlimited.
    pub line: usize,
    /// Number of header fields. Default 100, at most 32768.
    pub fields: usize,
    /// Bytes of one header line with its line end. Default 8190.
    pub field_size: usize,
}

/// What becomes of header fields whose name has an underscore, which WSGI cannot tell from a dash
/// (Gunicorn's `header_map`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMap {
    /// They are left out.
    Drop,
    /// Their request is refused.
    Refuse,
    /// They count as the same name with dashes.
    Dangerous,
}

/// How the head of a request is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRules {
    /// Limits on its size.
    pub limits: HeadLimits,
    /// What becomes of names with an underscore. Default drop.
    pub header_map: HeaderMap,
    /// Names with an underscore that count all the same where the client may speak for others, in
    /// upper case; `*` is all. Default `SCRIPT_NAME` and `PATH_INFO`.
    pub forwarder_headers: Vec<String>,
}

/// Everything a pool needs to know, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Addresses to listen on, at least one.
    pub bind: Vec<BindAddress>,
    /// Length of the kernel's accept queue (`listen(2)`), default 2048.
    pub backlog: i32,
    /// Number of workers, default 1.
    pub workers: usize,
    /// Worker class, default sync; more than one thread turns sync into gthread.
    pub worker_class: WorkerClass,
    /// Threads of a gthread worker, default 1.
    pub threads: usize,
    /// Connections that one gthread or async worker holds at the same time, default 1000.
    pub worker_connections: usize,
    /// A worker silent for longer is killed; zero switches it off. Default 30 s.
    pub timeout: Duration,
    /// How long a worker may finish what it has in flight. Default 30 s.
    pub graceful_timeout: Duration,
    /// How long an idle keep-alive connection stays open. Default 2 s.
    pub keep_alive: Duration,
    /// A worker is replaced after this many requests; 0 never. Default 0.
    pub max_requests: u64,
    /// Up to this many are added at random. Default 0.
    pub max_requests_jitter: u64,
    /// How the head of a request is judged.
    pub head: HeadRules,
    /// Load the application in the arbiter, before the workers are forked.
    pub preload: bool,
    /// File that holds the arbiter's pid while it runs.
    pub pidfile: Option<PathBuf>,
    /// Access log; none by default.
    pub access_log: Option<LogTarget>,
    /// Format of the access log, with Gunicorn's atoms.
    pub access_log_format: String,
    /// Error log, standard error by default.
    pub error_log: LogTarget,
    /// Least level that is written, default info.
    pub log_level: LogLevel,
    /// Send standard output and error of the workers to the error log.
    pub capture_output: bool,
    /// Directory to change to before the application is loaded.
    pub chdir: Option<PathBuf>,
    /// Environment variables for the application, `NAME=value`.
    pub env: Vec<(String, String)>,
    /// Set `SO_REUSEPORT` on the TCP sockets, of which every worker then has its own.
    pub reuse_port: bool,
    /// Permission bits that the sockets of `unix:` addresses do not get, default 0.
    pub umask: u32,
    /// Path of the control socket; `None` when it is switched off.
    pub control_socket: Option<PathBuf>,
    /// Permission bits of the control socket, default `0o600`.
    pub control_socket_mode: u32,
    /// Who may speak for others in `X-Forwarded-*` and `SCRIPT_NAME`, default loopback.
    pub forwarded_allow_ips: AllowList,
    /// Where figures are sent; nowhere by default.
    pub statsd_host: Option<StatsdAddress>,
    /// What the names of the figures begin with.
    pub statsd_prefix: String,
    /// Tags of every figure, `name:value` joined with commas.
    pub dogstatsd_tags: String,
    /// Send the number of waiting connections as well.
    pub enable_backlog_metric: bool,
    /// Where probes are answered beside the pool; nowhere by default.
    pub probe_bind: Option<BindAddress>,
    /// Where a page shows the pool; nowhere by default.
    pub dashboard: Option<BindAddress>,
    /// Where traces and metrics are exported; nowhere by default.
    pub otlp: Option<Otlp>,
    /// Time between `TERM`, at which readiness goes, and the closing of the listeners. Default 0.
    pub drain_pause: Duration,
    /// The application.
    pub app: AppName,
}

impl Settings {
    /// Whether every worker opens this address for itself.
    #[must_use]
    pub fn is_opened_by_workers(&self, address: &BindAddress) -> bool {
        self.reuse_port && matches!(address, BindAddress::Tcp { .. })
    }

    /// Requests that one worker serves at the same time: one of a sync worker, one on each thread
    /// of gthread, one on each connection of async.
    #[must_use]
    pub fn requests_at_once(&self) -> usize {
        match self.worker_class {
            WorkerClass::Sync => 1,
            WorkerClass::Gthread => self.threads,
            WorkerClass::Async => self.worker_connections,
        }
    }
}
