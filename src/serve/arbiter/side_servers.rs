//! The servers beside the workers: the one that answers probes, the one that shows the pool, and the
//! one that exports traces and metrics. Each is a process of its own, forked again when it ends, and
//! ended with the pool.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid};

use super::children::{Child, Forked, Role};
use super::run::{Arbiter, SideServer};
use crate::serve::console::{ErrorLog, LogEvent};
use crate::serve::dashboard::{self, Dashboard};
use crate::serve::listener;
use crate::serve::otlp::{self, Exporter};
use crate::serve::probe_server::{self, ProbeServer};

/// How much longer than its last export an exporter may take to end.
const MARGIN: Duration = Duration::from_millis(500);

/// Where the arbiter keeps one of them.
type Place = fn(&mut Arbiter) -> &mut Option<SideServer>;

impl Arbiter {
    /// Fork the probe server where it is wanted and not there. In the child this never returns.
    pub(super) fn keep_probe_server(&mut self) {
        if !self.is_due(&self.probe_server) {
            return;
        }
        let arbiter = getpid();
        let place: Place = |of| &mut of.probe_server;
        let Some((child, entry)) = self.fork_side_server(Role::ProbeServer, place) else {
            return;
        };
        let queues = self.leave_listeners();
        let Some(listener) = entry.listener else {
            child.run(|| 0)
        };
        let server = ProbeServer {
            listener,
            queues,
            environment: self.environment.clone(),
            scoreboard: self.scoreboard.clone(),
            log: self.log.clone(),
            timeout: self.settings.timeout,
        };
        let serve = || probe_server::serve(server);
        child.run(|| live("probe server", arbiter, &self.log, serve))
    }

    /// Fork the dashboard where it is wanted and not there. It asks as everybody does, over a
    /// connection to the control socket that it is born with. In the child this never returns.
    pub(super) fn keep_dashboard(&mut self) {
        if !self.is_due(&self.dashboard) {
            return;
        }
        let Some(Ok(control)) = self.control.as_mut().map(|control| control.connect()) else {
            return;
        };
        let arbiter = getpid();
        let place: Place = |of| &mut of.dashboard;
        let Some((child, entry)) = self.fork_side_server(Role::Dashboard, place) else {
            return;
        };
        self.listeners = None;
        let Some(listener) = entry.listener else {
            child.run(|| 0)
        };
        let dashboard = Dashboard {
            listener,
            control,
            token: self.dashboard_token.clone(),
        };
        let serve = || dashboard::serve(dashboard);
        child.run(|| live("dashboard", arbiter, &self.log, serve))
    }

    /// Fork the exporter where it is wanted and not there. In the child this never returns.
    pub(super) fn keep_exporter(&mut self) {
        let Some(otlp) = self.settings.otlp.clone() else {
            return;
        };
        if !self.is_due(&self.exporter) {
            return;
        }
        let arbiter = getpid();
        let place: Place = |of| &mut of.exporter;
        let Some((child, _)) = self.fork_side_server(Role::Exporter, place) else {
            return;
        };
        let exporter = Exporter {
            otlp,
            queues: self.leave_listeners(),
            scoreboard: self.scoreboard.clone(),
            log: self.log.clone(),
            pool: self.pool.clone(),
        };
        let serve = || otlp::serve(exporter);
        child.run(|| live("exporter", arbiter, &self.log, serve))
    }

    /// In a child: close the pool's listeners, and keep their names, because their accept queues must
    /// end with the last worker.
    fn leave_listeners(&mut self) -> Vec<(String, SocketAddr)> {
        let queues = listener::queues_of(self.open_listeners(), &self.settings);
        self.listeners = None;
        queues
    }

    fn is_due(&self, server: &Option<SideServer>) -> bool {
        let is_due = |server: &SideServer| server.is_due(self.now());
        self.leave.is_none() && server.as_ref().is_some_and(is_due)
    }

    /// Fork one of them. Only the child gets anything: itself, and what it is to serve.
    fn fork_side_server(&mut self, role: Role, place: Place) -> Option<(Child, SideServer)> {
        match self.children.fork(role) {
            Ok(Forked::Parent(pid)) => {
                place(self).as_mut()?.pid = Some(pid);
                None
            }
            Ok(Forked::Child(child)) => {
                let entry = place(self).take();
                self.close_what_is_the_arbiters();
                (self.probe_server, self.dashboard) = (None, None);
                self.exporter = None;
                match entry {
                    Some(entry) => Some((child, entry)),
                    None => child.run(|| 0),
                }
            }
            Err(error) => {
                let now = self.now();
                place(self).as_mut()?.backoff.fail(now);
                self.log.log(&LogEvent::ForkFailed {
                    error: &error.to_string(),
                });
                None
            }
        }
    }

    /// One of them has ended; another is due after a pause.
    pub(super) fn on_side_server_exit(&mut self, place: Place, ended: &LogEvent<'_>) {
        let now = self.now();
        if let Some(entry) = place(self) {
            entry.pid = None;
            entry.backoff.fail(now);
            self.log.log(ended);
        }
    }

    /// The pool is over, and with it the servers beside it, of which one alone has something to
    /// finish.
    pub(super) fn end_side_servers(&mut self) {
        self.scoreboard.end();
        if let Some(pid) = self.exporter.as_ref().and_then(|exporter| exporter.pid) {
            self.wait_for_last_export(pid);
        }
        let servers = [
            &mut self.probe_server,
            &mut self.dashboard,
            &mut self.exporter,
        ];
        let servers = servers.map(Option::take);
        for server in servers.into_iter().flatten() {
            if let Some(pid) = server.pid
                && self.children.signal(pid, Signal::SIGKILL).is_ok()
            {
                self.children.reap_until(pid);
            }
            if let Some(listener) = server.listener {
                listener.unlink();
            }
        }
    }

    /// Wait until this child has ended, for as long as a last export may take, and not after another
    /// signal to stop.
    fn wait_for_last_export(&mut self, pid: i32) {
        let last = Instant::now() + otlp::LAST_EXPORT + MARGIN;
        loop {
            while self.children.reap().is_some() {}
            let left = last.saturating_duration_since(Instant::now());
            let Some(signals) = self.signals.as_ref().filter(|_| self.children.has(pid)) else {
                return;
            };
            let milliseconds = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
            let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::ZERO);
            let mut polled = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut polled, timeout), Ok(1..) | Err(Errno::EINTR)) {
                return;
            }
            while let Ok(Some(info)) = signals.read_signal() {
                let stops = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];
                if stops.iter().any(|stop| *stop as u32 == info.ssi_signo) {
                    return;
                }
            }
        }
    }

    /// In a child: close the descriptors that only the arbiter uses.
    pub(super) fn close_what_is_the_arbiters(&mut self) {
        self.signals = None;
        self.control = None;
    }
}

/// Serve in a process that ends with its arbiter; returns its exit code.
fn live(name: &str, arbiter: Pid, log: &ErrorLog, serve: impl FnOnce() -> io::Result<()>) -> i32 {
    // The arbiter's mask is inherited: no signal but SIGKILL reaches it.
    let tied = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    if tied.is_err() || Pid::parent() != arbiter {
        return 1;
    }
    match serve() {
        Ok(()) => 0,
        Err(error) => {
            log.log(&LogEvent::SocketError {
                error: &format!("{name}: {error}"),
            });
            1
        }
    }
}
