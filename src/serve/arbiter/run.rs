//! The arbiter at work: waits for signals, children and the control socket, and answers them. What
//! becomes of children stands in [`super::supervise`].

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::backoff::Backoff;
use super::children::Children;
use super::pidfile::Pidfile;
use super::worker_table::WorkerTable;
use crate::machine::Unavailable;
use crate::machine::accept_queue;
use crate::machine::out_of_memory::OutOfMemoryKills;
use crate::machine::sys;
use crate::serve::access_log::AccessLog;
use crate::serve::console::{ErrorLog, LogEvent};
use crate::serve::control::ControlServer;
use crate::serve::listener::Listener;
use crate::serve::observer::Observer;
use crate::serve::otlp;
use crate::serve::scoreboard::Scoreboard;
use crate::serve::settings::{Otlp, Settings};
use crate::serve::span_ring::SpanRing;
use crate::serve::statsd::Statsd;
use crate::serve::worker::Environment;

/// Exit code after an unexpected error.
const UNEXPECTED: u8 = 255;

/// Everything that the arbiter holds.
#[derive(Debug)]
pub struct Arbiter {
    pub(super) settings: Arc<Settings>,
    pub(super) environment: Environment,
    pub(super) log: Arc<ErrorLog>,
    pub(super) access: Option<Arc<AccessLog>>,
    /// Gone once the pool stops.
    pub(super) listeners: Option<Arc<Vec<Listener>>>,
    /// The listeners are a service manager's, which goes on with them.
    is_activated: bool,
    statsd: Option<Arc<Statsd>>,
    /// Number of workers that was sent last.
    told_workers: Option<usize>,
    pub(super) scoreboard: Scoreboard,
    pub(super) workers: WorkerTable,
    pub(super) children: Children,
    /// The process that answers probes beside the pool, where it is wanted.
    pub(super) probe_server: Option<SideServer>,
    /// The process that shows the pool, where it is wanted, and what opens it.
    pub(super) dashboard: Option<SideServer>,
    pub(super) dashboard_token: String,
    /// The process that exports traces and metrics, where it is wanted, and what it says of this pool.
    pub(super) exporter: Option<SideServer>,
    pub(super) pool: otlp::Identity,
    /// Gone in a forked worker.
    pub(super) signals: Option<SignalFd>,
    pub(super) control: Option<ControlServer>,
    pidfile: Option<Pidfile>,
    pub(super) oom_kills: OutOfMemoryKills,
    pub(super) observer: Observer,
    started: Instant,
    pub(super) leave: Option<u8>,
}

/// A server beside the workers: its listener, if it has one, and its process while there is one.
#[derive(Debug)]
pub(super) struct SideServer {
    pub listener: Option<Listener>,
    pub pid: Option<i32>,
    pub backoff: Backoff,
}

impl SideServer {
    fn new(listener: Option<Listener>) -> Self {
        Self {
            listener,
            pid: None,
            backoff: Backoff::default(),
        }
    }

    /// Whether its process is to be forked now.
    pub fn is_due(&self, now: Duration) -> bool {
        self.pid.is_none() && self.backoff.wait(now).is_zero()
    }
}

/// What an arbiter begins with.
#[derive(Debug)]
pub struct ArbiterConfig {
    /// What the pool was told.
    pub settings: Arc<Settings>,
    /// The environment that the application sees.
    pub environment: Environment,
    /// Error log.
    pub log: Arc<ErrorLog>,
    /// Access log, when there is one.
    pub access: Option<Arc<AccessLog>>,
    /// The open listeners.
    pub listeners: Vec<Listener>,
    /// They are a service manager's, which goes on with them.
    pub is_activated: bool,
    /// Where figures are sent.
    pub statsd: Option<Arc<Statsd>>,
    /// The listener of the probe server, when there is one.
    pub probes: Option<Listener>,
    /// The listener of the dashboard, when there is one.
    pub dashboard: Option<Listener>,
    /// What opens the dashboard.
    pub dashboard_token: String,
    /// What is exported names this pool so.
    pub pool: otlp::Identity,
    /// The signals' descriptor, see [`block_signals`].
    pub signals: SignalFd,
    /// The written pid file.
    pub pidfile: Option<Pidfile>,
}

/// The signals that the arbiter answers.
fn answered() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGHUP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect()
}

/// Receive signals through a descriptor from now on, so that none is lost and no code runs inside
/// a handler.
///
/// # Errors
/// Those of sigprocmask(2) and signalfd(2).
pub fn block_signals() -> Result<SignalFd, Errno> {
    let signals = answered();
    signals.thread_set_mask()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// An empty scoreboard, which tells of each request where spans are exported.
fn scoreboard(settings: &Settings) -> Result<Scoreboard, Errno> {
    let scoreboard = Scoreboard::new(settings.workers)?;
    let exports_spans = |otlp: &Otlp| otlp.traces.is_some();
    match settings.otlp.as_ref().is_some_and(exports_spans) {
        true => Ok(scoreboard.telling(SpanRing::new()?)),
        false => Ok(scoreboard),
    }
}

impl Arbiter {
    /// An arbiter that has not forked yet.
    ///
    /// # Errors
    /// When the scoreboard's memory cannot be mapped.
    pub fn new(config: ArbiterConfig) -> Result<Self, Errno> {
        let settings = config.settings;
        Ok(Self {
            workers: WorkerTable::new(
                settings.workers,
                settings.timeout,
                settings.graceful_timeout,
            )
            .draining_for(settings.drain_pause),
            scoreboard: scoreboard(&settings)?,
            exporter: settings.otlp.is_some().then(|| SideServer::new(None)),
            pool: config.pool,
            settings,
            environment: config.environment,
            log: config.log,
            access: config.access,
            listeners: Some(Arc::new(config.listeners)),
            is_activated: config.is_activated,
            statsd: config.statsd,
            told_workers: None,
            children: Children::default(),
            probe_server: config.probes.map(Some).map(SideServer::new),
            dashboard: config.dashboard.map(Some).map(SideServer::new),
            dashboard_token: config.dashboard_token,
            signals: Some(config.signals),
            control: None,
            pidfile: config.pidfile,
            oom_kills: OutOfMemoryKills::now(),
            observer: Observer::default(),
            started: Instant::now(),
            leave: None,
        })
    }

    /// Run the pool to its end; returns the exit code.
    pub fn run(mut self) -> u8 {
        self.pass();
        self.keep_probe_server();
        self.keep_exporter();
        self.open_control();
        self.keep_dashboard();
        sys::forget_start_up_code();
        while self.leave.is_none() {
            if let Err(error) = self.wait() {
                self.log.log(&LogEvent::SocketError {
                    error: &format!("poll: {error}"),
                });
                self.leave = Some(UNEXPECTED);
            }
            self.answer_signals();
            self.reap_children();
            self.answer_control();
            self.pass();
            self.keep_probe_server();
            self.keep_exporter();
            self.keep_dashboard();
        }
        self.end_side_servers();
        if let Some(pidfile) = &self.pidfile {
            pidfile.remove();
        }
        self.leave.unwrap_or(0)
    }

    /// Time since the arbiter started.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The listeners that are open: none once the pool stops.
    pub(super) fn open_listeners(&self) -> &[Listener] {
        self.listeners
            .as_deref()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn open_control(&mut self) {
        let Some(path) = self.settings.control_socket.clone() else {
            return;
        };
        match ControlServer::open(&path, self.settings.control_socket_mode) {
            Ok(server) => {
                self.log.log(&LogEvent::ControlListening {
                    path: &path.display().to_string(),
                });
                self.control = Some(server);
            }
            // The pool is worth more than its remote control.
            Err(error) => self.log.log(&LogEvent::ControlUnavailable {
                error: &error.to_string(),
            }),
        }
    }

    /// Wait until something happens, or for the worker table's next pass.
    fn wait(&self) -> Result<(), Errno> {
        let mut polled: Vec<PollFd<'_>> = Vec::new();
        if let Some(signals) = &self.signals {
            polled.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
        }
        if let Some(control) = &self.control {
            control.add_to_poll(&mut polled);
        }
        let table = self.workers.pause(self.now());
        let control = self.control.as_ref().and_then(ControlServer::pause);
        let pause = table.min(control.unwrap_or(table));
        let pause = i32::try_from(pause.as_micros().div_ceil(1000)).unwrap_or(1000);
        match poll(
            &mut polled,
            PollTimeout::try_from(pause).unwrap_or(PollTimeout::ZERO),
        ) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn answer_signals(&mut self) {
        let mut arrived = Vec::new();
        if let Some(descriptor) = &self.signals {
            while let Ok(Some(info)) = descriptor.read_signal() {
                let number = i32::try_from(info.ssi_signo).unwrap_or(0);
                arrived.extend(Signal::try_from(number).ok());
            }
        }
        for signal in arrived {
            self.act_on(signal);
        }
    }

    fn act_on(&mut self, signal: Signal) {
        let actions = self.workers.on_signal(signal, self.now());
        self.apply(actions);
    }

    fn answer_control(&mut self) {
        let requests = match &mut self.control {
            Some(control) => control.receive(&self.log),
            None => return,
        };
        for request in requests {
            // The socket stays in its place meanwhile: a command may fork, and the child must
            // find it there to close it.
            let answer = self.answer_command(&request);
            if let Some(control) = &mut self.control {
                control.answer(&request, &answer);
            }
        }
        if let Some(control) = &mut self.control {
            control.flush();
        }
    }

    fn pass(&mut self) {
        let scoreboard = self.scoreboard.clone();
        // Fewer or more since the last pass: readiness waits for those that are wanted now.
        scoreboard.want(self.workers.target());
        let actions = self
            .workers
            .on_pass(self.now(), &|slot| scoreboard.slot(slot).heartbeat_age());
        self.apply(actions);
        while let Some(signal) = self.workers.next_waiting_signal() {
            self.act_on(signal);
        }
        self.send_figures();
    }

    /// Send the number of workers when it has changed, and with `--enable-backlog-metric` the
    /// connections that wait.
    fn send_figures(&mut self) {
        let (Some(statsd), Some(listeners)) = (&self.statsd, &self.listeners) else {
            return;
        };
        let workers = self.workers.alive().min(self.workers.target());
        if self.told_workers.replace(workers) != Some(workers) {
            statsd.gauge("gunicorn.workers", workers);
        }
        if self.settings.enable_backlog_metric {
            let queues = listeners.iter().map(accept_queue::of_socket);
            let waiting: Result<u32, Unavailable> =
                queues.map(|queue| queue.map(|queue| queue.waiting)).sum();
            // Gunicorn takes none for no figure.
            if let Some(waiting) = waiting.ok().filter(|waiting| *waiting > 0) {
                statsd.histogram("gunicorn.backlog", waiting);
            }
        }
    }

    /// Close the arbiter's copies. The workers' copies keep the port open until the last of them
    /// has gone: whoever waits in the accept queue then gets a reset.
    pub(super) fn close_listeners(&mut self) {
        self.scoreboard.begin_draining();
        // Gunicorn stops its control socket first.
        if let Some(control) = self.control.take() {
            control.remove();
        }
        if let Some(listeners) = self.listeners.take() {
            for listener in listeners.iter() {
                // Without a pause they stay open in busy workers, as they do with Gunicorn.
                if !self.settings.drain_pause.is_zero() {
                    listener.shut_down();
                }
                if !self.is_activated {
                    listener.unlink();
                }
            }
        }
    }

    pub(super) fn rewrite_pidfile(&mut self) {
        let Some(pidfile) = &self.pidfile else {
            return;
        };
        match pidfile.rewrite() {
            Ok(pidfile) => self.pidfile = Some(pidfile),
            Err(error) => self.log.log(&LogEvent::SocketError {
                error: &error.to_string(),
            }),
        }
    }
}
