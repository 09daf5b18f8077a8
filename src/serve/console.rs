//! Console lines in Gunicorn's format and words.
//!
//! Every line that the pool can print is a [`LogEvent`], declared once with its level and its words.
//! [`LogEvent::ALL`] lists them, so that a test can show that each is really emitted.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::clock;
use super::log_file::{LogFile, StandardStream};
use super::settings::{LogLevel, LogTarget};
use super::statsd::Statsd;
use crate::encoding;
use crate::machine::child::SignalNumber;

/// Declares the events: name and values, level, words.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident { $($field:ident : $kind:ty),* } $level:ident $words:literal;)*) => {
        /// A line of the error log.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the fields are the values named in the words")]
        pub enum LogEvent<'a> {
            $($(#[$doc])* $name { $($field: $kind),* },)*
            /// Not an event of its own: keeps the lifetime in use.
            #[doc(hidden)]
            Verbatim { level: LogLevel, text: &'a str },
        }

        impl LogEvent<'_> {
            /// Name and words of every event, with the values in braces.
            pub const ALL: &'static [(&'static str, &'static str)] =
                &[$((stringify!($name), $words)),*];

            /// The level at which the event is logged.
            pub fn level(&self) -> LogLevel {
                match self {
                    $(Self::$name { .. } => LogLevel::$level,)*
                    Self::Verbatim { level, .. } => *level,
                }
            }
        }

        impl fmt::Display for LogEvent<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name { $($field),* } => write!(f, $words),)*
                    Self::Verbatim { text, .. } => f.write_str(text),
                }
            }
        }
    };
}

events! {
    /// First line of a start.
    Starting { version: &'a str } Info "Starting gunicorn-compatible labrat {version}";
    /// The listeners are open; the arbiter's pid.
    ListeningAt { listeners: &'a str, pid: u32 } Info "Listening at: {listeners} ({pid})";
    /// The worker class.
    UsingWorker { class: &'a str } Info "Using worker: {class}";
    /// A gthread worker with as many threads as connections.
    NoKeepAlive {} Warning "No keepalived connections can be handled. Check the number of worker connections and threads.";
    /// The fault endpoints are open to everybody who reaches this address.
    FaultsUnlocked { listeners: &'a str } Warning "Fault endpoints are open to anybody who reaches {listeners}: set LAB_KEY to lock them";
    /// Where probes are answered beside the pool.
    ProbesAt { listener: &'a str } Info "Probes answered beside the pool at: {listener}";
    /// The process that answers them ended, and is replaced.
    ProbeServerEnded { pid: i32 } Error "The probe server (pid:{pid}) ended: starting another";
    /// A page that shows the pool is served beside it.
    DashboardAt { url: &'a str } Info "Dashboard at: {url}";
    /// The process that serves it ended, and is replaced.
    DashboardEnded { pid: i32 } Error "The dashboard (pid:{pid}) ended: starting another";
    /// Where traces or metrics are exported.
    ExportingTo { what: &'a str, url: &'a str } Info "OTLP: {what} go to {url}";
    /// A collector that does not take them.
    ExportFailing { what: &'a str, url: &'a str, error: &'a str, dropped: u64 } Warning "OTLP: {what} do not get to {url}: {error} (dropped so far: {dropped})";
    /// It takes them again.
    ExportResumed { what: &'a str, url: &'a str, dropped: u64 } Info "OTLP: {what} get to {url} again (dropped so far: {dropped})";
    /// A collector that took some.
    ExportRejected { what: &'a str, url: &'a str, count: i64, reason: &'a str } Warning "OTLP: {url} rejected {count} of the {what}: {reason}";
    /// The process that exports ended, and is replaced.
    ExporterEnded { pid: i32 } Error "The exporter (pid:{pid}) ended: starting another";
    /// `TERM`, with a pause before the listeners close.
    Draining { seconds: u64 } Info "Not ready any more: closing the listeners in {seconds} s";
    /// First line of a worker.
    Booting { pid: u32 } Info "Booting worker with pid: {pid}";
    /// Last line of a worker that could say goodbye.
    WorkerExiting { pid: u32 } Info "Worker exiting (pid: {pid})";
    /// A worker found its arbiter gone.
    ParentChanged { pid: u32 } Info "Parent changed, shutting down: <Worker {pid}>";
    /// `--max-requests` is reached.
    Autorestarting {} Info "Autorestarting worker after current request.";
    /// A signal reached the arbiter.
    HandlingSignal { signal: &'a str } Info "Handling signal: {signal}";
    /// `HUP`.
    HangUp {} Info "Hang up: Master";
    /// A second, impatient signal during a graceful stop.
    QuickShutdown {} Info "Quick shutdown requested";
    /// `USR2`, which Gunicorn answers with a second arbiter.
    ReexecNotOffered {} Warning "USR2 ignored: labrat does not start a second arbiter";
    /// The arbiter is about to end well.
    ShuttingDown {} Info "Shutting down: Master";
    /// The arbiter is about to end badly.
    ShuttingDownFailed {} Error "Shutting down: Master";
    /// Why the arbiter ends badly.
    Reason { reason: &'a str } Error "Reason: {reason}";
    /// A worker was silent for longer than `--timeout`.
    WorkerTimeout { pid: i32 } Critical "WORKER TIMEOUT (pid:{pid})";
    /// A worker was killed by signal 9.
    WorkerSigkill { pid: i32 } Error "Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?";
    /// A worker died of another signal.
    WorkerSignalled { pid: i32, signal: SignalNumber } Warning "Worker (pid:{pid}) was sent {signal}!";
    /// A worker died of `TERM` before it could handle it.
    WorkerTerminated { pid: i32 } Info "Worker (pid:{pid}) was sent SIGTERM!";
    /// A worker ended with a code other than 0.
    WorkerExited { pid: i32, code: u8 } Error "Worker (pid:{pid}) exited with code {code}.";
    /// Who sent signal 9: the arbiter itself.
    KilledByArbiter { pid: i32, why: &'a str } Error "Worker (pid:{pid}) was killed by the arbiter, not by the kernel: {why}";
    /// Who sent signal 9: the kernel, out of memory.
    KilledOutOfMemory { pid: i32, counter: &'a str, before: u64, after: u64 } Error "Worker (pid:{pid}) was killed by the kernel, out of memory: oom_kill of {counter} went from {before} to {after}";
    /// The application could not be loaded.
    BootException { traceback: &'a str } Error "Exception in worker process\n{traceback}";
    /// A request was refused before it reached the application.
    InvalidRequest { peer: &'a str, error: &'a str } Warning "Invalid request from ip={peer}: {error}";
    /// A request was cut down while it ran.
    ErrorHandlingRequest { request: &'a str, traceback: &'a str } Error "Error handling request {request}\n{traceback}";
    /// Connections cannot be accepted for want of descriptors or memory; those held are kept.
    CannotAccept { error: &'a str } Error "Cannot accept connections: {error}";
    /// An unexpected error of a connection's socket.
    SocketError { error: &'a str } Error "Socket error processing request.\n{error}";
    /// The address is taken.
    ConnectionInUse { address: &'a str } Error "Connection in use: {address}";
    /// The address is not of this machine.
    InvalidAddress { address: &'a str } Error "Invalid address: {address}";
    /// What the system said about the address.
    ConnectionFailed { address: &'a str, error: &'a str } Error "connection to {address} failed: {error}";
    /// Given up after five tries.
    CannotConnect { address: &'a str } Error "Can't connect to {address}";
    /// The control socket is open.
    ControlListening { path: &'a str } Info "Control socket listening at {path}";
    /// The control socket could not be made; the pool runs without it.
    ControlUnavailable { error: &'a str } Warning "Control socket not available: {error}";
    /// `TTIN` or `ctl worker add` beyond what a pool can have.
    TooManyWorkers { limit: usize } Warning "A pool has at most {limit} workers";
    /// A worker could not be forked.
    ForkFailed { error: &'a str } Error "Cannot fork a worker: {error}";
}

/// The error log.
#[derive(Debug)]
pub struct ErrorLog {
    level: LogLevel,
    file: LogFile,
    statsd: Option<Arc<Statsd>>,
}

impl ErrorLog {
    /// Open the log; with `capture_output`, standard output and error go to its file as well.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(level: LogLevel, target: LogTarget, capture_output: bool) -> io::Result<Self> {
        let mut file = LogFile::open(target, StandardStream::Error)?;
        if capture_output {
            file = file.capture_output()?;
        }
        Ok(Self {
            level,
            file,
            statsd: None,
        })
    }

    /// Count warnings and errors there as well, whether they are written or not.
    #[must_use]
    pub fn counting(mut self, statsd: Option<Arc<Statsd>>) -> Self {
        self.statsd = statsd;
        self
    }

    /// Write an event, if its level is wanted.
    pub fn log(&self, event: &LogEvent<'_>) {
        if let (Some(statsd), Some(counter)) = (&self.statsd, counter(event)) {
            statsd.increment(counter);
        }
        if event.level() >= self.level {
            // A log that cannot be written must not stop the pool.
            let lines = format!(
                "[{}] [{}] [{}] {event}\n",
                clock::local_time().strftime("%Y-%m-%d %H:%M:%S %z"),
                std::process::id(),
                level_name(event.level()),
            );
            // A traceback has several lines; what a client wrote is in none of them as it is.
            let _ = self.file.write(&encoding::terminal(&lines));
        }
    }

    /// Write a debug line that is no event.
    pub fn debug(&self, text: &str) {
        self.log(&LogEvent::Verbatim {
            level: LogLevel::Debug,
            text,
        });
    }

    /// Reopen the file after a rotation.
    pub fn reopen(&self) {
        self.file.reopen();
    }
}

/// Write text to standard error in one piece, whatever the error log's target is: what Python's
/// `print(..., file=sys.stderr)` does.
///
/// # Errors
/// Those of write(2).
pub fn write_standard_error(text: &str) -> io::Result<()> {
    StandardStream::Error.write(text)
}

/// Gunicorn's counter of such lines.
fn counter(event: &LogEvent<'_>) -> Option<&'static str> {
    match event {
        LogEvent::BootException { .. }
        | LogEvent::ErrorHandlingRequest { .. }
        | LogEvent::SocketError { .. } => Some("gunicorn.log.exception"),
        event => match event.level() {
            LogLevel::Debug | LogLevel::Info => None,
            LogLevel::Warning => Some("gunicorn.log.warning"),
            LogLevel::Error => Some("gunicorn.log.error"),
            LogLevel::Critical => Some("gunicorn.log.critical"),
        },
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warning => "WARNING",
        LogLevel::Error => "ERROR",
        LogLevel::Critical => "CRITICAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_gunicorns_format() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("error.log");
        let log = ErrorLog::open(LogLevel::Info, LogTarget::File(path.clone()), false).unwrap();
        log.log(&LogEvent::Booting { pid: 7 });
        log.debug("not wanted at level info");
        let text = std::fs::read_to_string(path).unwrap();
        let pid = std::process::id();
        let (stamp, rest) = text.split_once("] ").unwrap();
        assert_eq!(rest, format!("[{pid}] [INFO] Booting worker with pid: 7\n"));
        assert_eq!(stamp.len(), "[2026-11-21 05:09:05 +0000".len());
    }
}
