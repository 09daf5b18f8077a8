//! The arbiter at work: waits for signals, children and the control socket, and carries out what
//! the roster orders.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::lane_keeper::LaneKeeper;
use super::orders::{Ending, Order};
use super::pidfile::Pidfile;
use super::roster::Roster;
use crate::machine::out_of_memory::OutOfMemoryKills;
use crate::machine::sys;
use crate::serve::access_log::AccessLog;
use crate::serve::console::{ErrorLog, Phrase};
use crate::serve::control::ControlServer;
use crate::serve::listener::Listener;
use crate::serve::scoreboard::Scoreboard;
use crate::serve::settings::Settings;
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
    pub(super) board: Scoreboard,
    pub(super) roster: Roster,
    /// The process that answers probes beside the pool, where it is wanted.
    pub(super) lane: Option<LaneKeeper>,
    /// Gone in a forked worker.
    pub(super) signals: Option<SignalFd>,
    pub(super) control: Option<ControlServer>,
    pidfile: Option<Pidfile>,
    oom_kills: OutOfMemoryKills,
    started: Instant,
    pub(super) leave: Option<u8>,
}

/// What an arbiter begins with.
#[derive(Debug)]
pub struct Beginning {
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
    /// The listener of the probe lane, when there is one.
    pub probes: Option<Listener>,
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

impl Arbiter {
    /// An arbiter that has not forked yet.
    ///
    /// # Errors
    /// When the scoreboard's memory cannot be mapped.
    pub fn new(beginning: Beginning) -> Result<Self, Errno> {
        let settings = beginning.settings;
        Ok(Self {
            roster: Roster::new(
                settings.workers,
                settings.timeout,
                settings.graceful_timeout,
            )
            .draining_for(settings.drain_pause),
            board: Scoreboard::new(settings.workers)?,
            settings,
            environment: beginning.environment,
            log: beginning.log,
            access: beginning.access,
            listeners: Some(Arc::new(beginning.listeners)),
            lane: beginning.probes.map(LaneKeeper::new),
            signals: Some(beginning.signals),
            control: None,
            pidfile: beginning.pidfile,
            oom_kills: OutOfMemoryKills::now(),
            started: Instant::now(),
            leave: None,
        })
    }

    /// Run the pool to its end; returns the exit code.
    pub fn run(mut self) -> u8 {
        self.pass();
        self.keep_lane();
        self.open_control();
        sys::forget_start_up_code();
        while self.leave.is_none() {
            if let Err(error) = self.wait() {
                self.log.say(&Phrase::SocketError {
                    error: &format!("poll: {error}"),
                });
                self.leave = Some(UNEXPECTED);
            }
            self.answer_signals();
            self.bury_the_dead();
            self.answer_control();
            self.pass();
            self.keep_lane();
        }
        self.end_lane();
        if let Some(pidfile) = &self.pidfile {
            pidfile.remove();
        }
        self.leave.unwrap_or(0)
    }

    /// Time since the arbiter started.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn open_control(&mut self) {
        let Some(path) = self.settings.control_socket.clone() else {
            return;
        };
        match ControlServer::open(&path, self.settings.control_socket_mode) {
            Ok(server) => {
                self.log.say(&Phrase::ControlListening {
                    path: &path.display().to_string(),
                });
                self.control = Some(server);
            }
            // The pool is worth more than its remote control.
            Err(error) => self.log.say(&Phrase::ControlUnavailable {
                error: &error.to_string(),
            }),
        }
    }

    /// Wait until something happens, or for the roster's next pass.
    fn wait(&self) -> Result<(), Errno> {
        let mut polled: Vec<PollFd<'_>> = Vec::new();
        if let Some(signals) = &self.signals {
            polled.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
        }
        if let Some(control) = &self.control {
            control.add_to_poll(&mut polled);
        }
        let pause = i32::try_from(self.roster.pause().as_millis()).unwrap_or(1000);
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
        let orders = self.roster.on_signal(signal, self.now());
        self.carry_out(orders);
    }

    /// Collect every child that has ended, known or not: as PID 1 the arbiter gets strangers too.
    fn bury_the_dead(&mut self) {
        loop {
            let (pid, ending) = match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), Ending::Exited(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    (pid.as_raw(), Ending::Signalled(signal))
                }
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                // Killed by a signal that nix has no name for, or interrupted: look again.
                Err(Errno::EINTR | Errno::EINVAL) | Ok(_) => continue,
                Err(_) => return,
            };
            if self.is_lane(pid) {
                continue;
            }
            if let Some(seat) = self.roster.seat_of(pid) {
                self.board.seat(seat).clear();
            }
            let orders = self.roster.on_exit(pid, ending, self.now());
            self.carry_out(orders);
        }
    }

    fn answer_control(&mut self) {
        let requests = self
            .control
            .as_mut()
            .map(ControlServer::receive)
            .unwrap_or_default();
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
        let board = self.board.clone();
        // Fewer or more since the last pass: readiness waits for those that are wanted now.
        board.want(self.roster.target());
        let orders = self
            .roster
            .on_pass(self.now(), &|seat| board.seat(seat).heartbeat_age());
        self.carry_out(orders);
        while let Some(signal) = self.roster.next_waiting_signal() {
            self.act_on(signal);
        }
    }

    /// Do what the roster orders, in its order.
    pub(super) fn carry_out(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Say(phrase) => self.log.say(&phrase),
                Order::Spawn { age } => self.spawn(age),
                Order::Signal { pid, signal } => {
                    // ESRCH: it has just ended, and its burial follows.
                    let _ = kill(Pid::from_raw(pid), signal);
                }
                Order::BeginDraining => self.board.begin_draining(),
                Order::CloseListeners => self.close_listeners(),
                Order::ReopenLogs => {
                    self.log.reopen();
                    if let Some(access) = &self.access {
                        access.reopen();
                    }
                }
                Order::RewritePidfile => self.rewrite_pidfile(),
                Order::LookForOutOfMemory { pid } => self.look_for_out_of_memory(pid),
                Order::Leave { code } => self.leave = Some(code),
            }
        }
    }

    /// Close the arbiter's copies. The workers' copies keep the port open until the last of them
    /// has gone: whoever waits in the accept queue then gets a reset.
    fn close_listeners(&mut self) {
        self.board.begin_draining();
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
                listener.unlink();
            }
        }
    }

    fn rewrite_pidfile(&mut self) {
        let Some(pidfile) = &self.pidfile else {
            return;
        };
        match pidfile.rewrite() {
            Ok(pidfile) => self.pidfile = Some(pidfile),
            Err(error) => self.log.say(&Phrase::SocketError {
                error: &error.to_string(),
            }),
        }
    }

    fn look_for_out_of_memory(&mut self, pid: i32) {
        let now = OutOfMemoryKills::now();
        let moved = self.oom_kills.moved_to(&now);
        if let Some(moved) = &moved {
            self.log.say(&Phrase::KilledOutOfMemory {
                pid,
                counter: &moved.counter,
                before: moved.before,
                after: moved.after,
            });
        }
        self.oom_kills.account_for(moved.as_ref(), now);
    }
}
