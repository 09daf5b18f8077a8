//! The servers beside the workers: the one that answers probes, and the one that shows the pool. Each
//! is a process of its own, forked again when it ends, and ended with the pool.

use std::io;

use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid};

use super::children::{Child, Forked, Role};
use super::run::{Arbiter, SideServer};
use crate::serve::console::{ErrorLog, LogEvent};
use crate::serve::dashboard::{self, Dashboard};
use crate::serve::listener;
use crate::serve::probe_server::{self, ProbeServer};

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
        // It knows the listeners by name: their accept queues must end with the last worker.
        let queues = listener::queues_of(self.open_listeners(), &self.settings);
        self.listeners = None;
        let server = ProbeServer {
            listener: entry.listener,
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
        let dashboard = Dashboard {
            listener: entry.listener,
            control,
            token: self.dashboard_token.clone(),
        };
        let serve = || dashboard::serve(dashboard);
        child.run(|| live("dashboard", arbiter, &self.log, serve))
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

    /// The pool is over, and with it the servers beside it, which have nothing to finish.
    pub(super) fn end_side_servers(&mut self) {
        let servers = [self.probe_server.take(), self.dashboard.take()];
        for server in servers.into_iter().flatten() {
            if let Some(pid) = server.pid
                && self.children.signal(pid, Signal::SIGKILL).is_ok()
            {
                self.children.reap_until(pid);
            }
            server.listener.unlink();
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
