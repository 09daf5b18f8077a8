//! The servers beside the workers: the one that answers probes, and the one that shows the pool. Each
//! is a process of its own, forked again when it ends, and ended with the pool.

use nix::sys::signal::Signal;
use nix::unistd::getpid;

use super::children::{Forked, Role};
use super::run::{Arbiter, SideServer};
use crate::serve::console::LogEvent;
use crate::serve::dashboard::{self, Dashboard};
use crate::serve::listener;
use crate::serve::probe_server::{self, ProbeServer};

impl Arbiter {
    /// Fork the probe server where it is wanted and not there. In the child this never returns.
    pub(super) fn keep_probe_server(&mut self) {
        let now = self.now();
        let is_due = |server: &SideServer| server.is_due(now);
        if !self.probe_server.as_ref().is_some_and(is_due) || self.leave.is_some() {
            return;
        }
        let arbiter = getpid();
        let forked = self.children.fork(Role::ProbeServer);
        let Some(entry) = &mut self.probe_server else {
            return;
        };
        match forked {
            Ok(Forked::Parent(pid)) => entry.pid = Some(pid),
            Ok(Forked::Child(child)) => {
                let entry = self.probe_server.take();
                self.close_what_is_the_arbiters();
                // It knows the listeners by name: their accept queues must end with the last worker.
                let queues = listener::queues_of(self.open_listeners(), &self.settings);
                (self.listeners, self.dashboard) = (None, None);
                let Some(entry) = entry else { child.run(|| 0) };
                let server = ProbeServer {
                    listener: entry.listener,
                    queues,
                    environment: self.environment.clone(),
                    scoreboard: self.scoreboard.clone(),
                    log: self.log.clone(),
                    timeout: self.settings.timeout,
                    arbiter,
                };
                child.run(|| probe_server::live(server))
            }
            Err(error) => {
                entry.backoff.fail(now);
                self.log.log(&LogEvent::ForkFailed {
                    error: &error.to_string(),
                });
            }
        }
    }

    /// Fork the dashboard where it is wanted and not there. It asks as everybody does, over a
    /// connection to the control socket that it is born with. In the child this never returns.
    pub(super) fn keep_dashboard(&mut self) {
        let now = self.now();
        let is_due = |server: &SideServer| server.is_due(now);
        if !self.dashboard.as_ref().is_some_and(is_due) || self.leave.is_some() {
            return;
        }
        let Some(Ok(control)) = self.control.as_mut().map(|control| control.connect()) else {
            return;
        };
        let arbiter = getpid();
        let forked = self.children.fork(Role::Dashboard);
        let Some(entry) = &mut self.dashboard else {
            return;
        };
        match forked {
            Ok(Forked::Parent(pid)) => entry.pid = Some(pid),
            Ok(Forked::Child(child)) => {
                let entry = self.dashboard.take();
                self.close_what_is_the_arbiters();
                (self.listeners, self.probe_server) = (None, None);
                let Some(entry) = entry else { child.run(|| 0) };
                let dashboard = Dashboard {
                    listener: entry.listener,
                    control,
                    token: self.dashboard_token.clone(),
                    log: self.log.clone(),
                    arbiter,
                };
                child.run(|| dashboard::live(dashboard))
            }
            Err(error) => {
                entry.backoff.fail(now);
                self.log.log(&LogEvent::ForkFailed {
                    error: &error.to_string(),
                });
            }
        }
    }

    /// The probe server has ended; another is due after a pause.
    pub(super) fn on_probe_server_exit(&mut self, pid: i32) {
        let now = self.now();
        if let Some(entry) = &mut self.probe_server {
            entry.pid = None;
            entry.backoff.fail(now);
            self.log.log(&LogEvent::ProbeServerEnded { pid });
        }
    }

    /// The dashboard has ended; another is due after a pause.
    pub(super) fn on_dashboard_exit(&mut self, pid: i32) {
        let now = self.now();
        if let Some(entry) = &mut self.dashboard {
            entry.pid = None;
            entry.backoff.fail(now);
            self.log.log(&LogEvent::DashboardEnded { pid });
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
