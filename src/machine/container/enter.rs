//! The processes of a container, from the first outside to process 1 inside.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getppid, setsid};

use super::namespaces::{self, NamespaceError};
use super::sockets::{hand_out, receive, send};
use super::{outside, volume};
use crate::machine::sys::{self, ForkError};

/// The exit code where the command cannot be run, as a shell's.
const CANNOT_RUN: i32 = 127;

/// What begins a message of the two inside processes to the one outside.
const PROCESS: u8 = b'p';
const CONNECTS: u8 = b'c';
const FAILED: u8 = b'f';

/// What a container is made of.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// What process 1 becomes.
    pub command: &'a [OsString],
    /// What is `/home` inside; as outside where there is none.
    pub home: Option<&'a Path>,
    /// Who keeps that folder, where it has a size of its own.
    pub keeper: Option<u32>,
    /// How long TERM leaves process 1.
    pub grace: Duration,
}

/// Why there is no container.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// There is no command.
    #[error("a container needs a command")]
    NoCommand,
    /// A process cannot be had.
    #[error("cannot start a process of the container: {0}")]
    Fork(#[from] ForkError),
    /// A system call on this side failed.
    #[error("cannot look after the container: {0}")]
    System(#[from] Errno),
    /// Standard input cannot be taken over.
    #[error("cannot look after the container: {0}")]
    Input(#[from] std::io::Error),
    /// The inside could not be made.
    #[error("no namespaces can be had: {0}")]
    Inside(String),
}

/// Run a command as process 1 of a container, and return its exit code: 128 and the signal's
/// number where a signal ended it.
///
/// TERM and INT of this process go to process 1 alone; KILL follows after the grace. When nobody
/// holds the other end of standard input any more, the container is killed at once.
///
/// # Errors
/// When no namespaces can be had, or this process may not look after one.
pub fn enter(content: Content<'_>) -> Result<i32, EnterError> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD] {
        signals.add(signal);
    }
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    let keeper = match sys::fork_single_threaded()? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            drop((ours, signals));
            sys::exit_now(keep(content, theirs))
        }
    };
    drop(theirs);
    let inside = match meet(&ours) {
        Ok(inside) => inside,
        Err(error) => {
            // It ends by itself, unless it was the kernel that failed it.
            let _ = kill(keeper, Signal::SIGKILL);
            let _ = waitpid(keeper, None);
            return Err(error);
        }
    };
    Watch {
        keeper,
        inside,
        signals,
        grace: content.grace,
        kill_at: None,
    }
    .until_it_ends()
}

/// What the outside knows of the inside.
struct Inside {
    first: Pid,
    /// Where its connections wait.
    connects: OwnedFd,
}

/// Hear of process 1 and of its connections.
fn meet(from: &OwnedFd) -> Result<Inside, EnterError> {
    let (mut first, mut connects) = (None, None);
    while let Some(message) = receive(from, MsgFlags::empty())? {
        let text = String::from_utf8_lossy(message.bytes.get(1..).unwrap_or_default()).into_owned();
        match message.bytes.first() {
            Some(&PROCESS) => first = text.parse().ok().map(Pid::from_raw),
            Some(&CONNECTS) => connects = message.descriptor,
            _ => return Err(EnterError::Inside(text)),
        }
    }
    match (first, connects) {
        (Some(first), Some(connects)) => Ok(Inside { first, connects }),
        _ => Err(EnterError::Inside("its first process ended".to_owned())),
    }
}

struct Watch {
    keeper: Pid,
    inside: Inside,
    signals: SignalFd,
    grace: Duration,
    kill_at: Option<Instant>,
}

impl Watch {
    fn until_it_ends(mut self) -> Result<i32, EnterError> {
        let input = std::io::stdin().as_fd().try_clone_to_owned()?;
        let mut watches_connects = true;
        loop {
            let (signalled, left, called, call_ended) = {
                let mut events = [
                    PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                    // Only its end is of interest: what comes on it is the keeper's.
                    PollFd::new(input.as_fd(), PollFlags::empty()),
                    PollFd::new(self.inside.connects.as_fd(), PollFlags::POLLIN),
                ];
                let count = if watches_connects { 3 } else { 2 };
                match poll(&mut events[..count], self.patience()) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
                let seen = |event: &PollFd<'_>| event.revents().unwrap_or(PollFlags::empty());
                let connects = seen(&events[2]);
                (
                    seen(&events[0]).contains(PollFlags::POLLIN),
                    seen(&events[1]).intersects(PollFlags::POLLHUP | PollFlags::POLLERR),
                    watches_connects && connects.contains(PollFlags::POLLIN),
                    connects.intersects(PollFlags::POLLHUP | PollFlags::POLLERR),
                )
            };
            if called {
                outside::serve_one(&self.inside.connects);
            } else if call_ended {
                // Nobody is left inside who could call.
                watches_connects = false;
            }
            if left || self.kill_at.is_some_and(|at| at <= Instant::now()) {
                self.kill_at = None;
                let _ = kill(self.inside.first, Signal::SIGKILL);
                // Whatever it does, it has no time left.
                return self
                    .bury(WaitPidFlag::empty())
                    .map(Option::unwrap_or_default);
            }
            if signalled && let Some(code) = self.answer_signals()? {
                return Ok(code);
            }
        }
    }

    fn patience(&self) -> PollTimeout {
        let Some(at) = self.kill_at else {
            return PollTimeout::NONE;
        };
        let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }

    fn answer_signals(&mut self) -> Result<Option<i32>, EnterError> {
        while let Some(signal) = self.signals.read_signal()? {
            if signal.ssi_signo == Signal::SIGCHLD as u32 {
                if let Some(code) = self.bury(WaitPidFlag::WNOHANG)? {
                    return Ok(Some(code));
                }
            } else if self.kill_at.is_none() {
                self.kill_at = Some(Instant::now() + self.grace);
                // The kernel drops it where process 1 has not asked for it.
                let _ = kill(self.inside.first, Signal::SIGTERM);
            }
        }
        Ok(None)
    }

    /// The keeper's exit code, which is process 1's.
    fn bury(&self, flags: WaitPidFlag) -> Result<Option<i32>, EnterError> {
        loop {
            match waitpid(self.keeper, Some(flags)) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(status) => return Ok(Some(code(status))),
            }
        }
    }
}

fn code(status: WaitStatus) -> i32 {
    match status {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        _ => CANNOT_RUN,
    }
}

/// The second process: make the namespaces, start process 1, hand sockets out, and end as it ends.
fn keep(content: Content<'_>, outside: OwnedFd) -> i32 {
    match begin(content, &outside) {
        Ok(first) => {
            drop(outside);
            hand_out_until_it_ends(first)
        }
        Err(error) => {
            say(&outside, FAILED, &error);
            CANNOT_RUN
        }
    }
}

/// No thread can do one of the two: whoever has left its process tree starts none any more.
fn hand_out_until_it_ends(first: Pid) -> i32 {
    let mut ended = SigSet::empty();
    ended.add(Signal::SIGCHLD);
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let signals = SignalFd::with_flags(&ended, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
    let (Ok(input), Ok(signals)) = (input, signals) else {
        return CANNOT_RUN;
    };
    let mut wants_sockets = true;
    loop {
        let mut events = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(input.as_fd(), PollFlags::POLLOUT),
        ];
        let count = if wants_sockets { 2 } else { 1 };
        if poll(&mut events[..count], PollTimeout::NONE).is_err_and(|error| error != Errno::EINTR) {
            return CANNOT_RUN;
        }
        // When nobody takes them any more the container is about to be ended.
        wants_sockets = wants_sockets && hand_out(&input);
        while let Ok(Some(_)) = signals.read_signal() {}
        match waitpid(first, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
            Ok(status) => return code(status),
            Err(_) => return CANNOT_RUN,
        }
    }
}

fn begin(content: Content<'_>, outside: &OwnedFd) -> Result<Pid, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    die_with_the_parent().map_err(|error| text(&error))?;
    if let Some(keeper) = content.keeper {
        volume::enter(keeper).map_err(|error| text(&error))?;
    }
    namespaces::leave(content.home).map_err(|error| text(&error))?;
    // A change of what this process may do can take it back.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| text(&error))?;
    match sys::fork_single_threaded().map_err(|error| text(&error))? {
        ForkResult::Parent { child } => {
            say(outside, PROCESS, &child);
            Ok(child)
        }
        ForkResult::Child => {
            let Err(error) = become_first(content, outside);
            say(outside, FAILED, &error);
            sys::exit_now(CANNOT_RUN)
        }
    }
}

/// Why process 1 did not become the command.
#[derive(Debug, thiserror::Error)]
enum FirstError {
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    #[error("system call: {0}")]
    System(#[from] Errno),
    #[error("no command")]
    NoCommand,
    #[error("the command cannot be run: {0}")]
    Exec(std::io::Error),
}

fn become_first(content: Content<'_>, outside: &OwnedFd) -> Result<Infallible, FirstError> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    namespaces::show_processes()?;
    setsid()?;
    let (program, arguments) = content.command.split_first().ok_or(FirstError::NoCommand)?;
    let mut command = Command::new(program);
    // Standard input is the keeper's way out, and no business of the command.
    command.args(arguments).stdin(Stdio::null());
    SigSet::empty().thread_set_mask()?;
    let connects = sys::hold_connects()?;
    send(outside, &[CONNECTS], Some(&connects), MsgFlags::empty())?;
    drop(connects);
    Err(FirstError::Exec(command.exec()))
}

fn die_with_the_parent() -> Result<(), Errno> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // It may have died before that.
    match getppid().as_raw() {
        1 | 0 => Err(Errno::ESRCH),
        _ => Ok(()),
    }
}

fn say(outside: &OwnedFd, kind: u8, what: &dyn std::fmt::Display) {
    let mut message = vec![kind];
    message.extend(what.to_string().into_bytes());
    // Whoever listens learns it from the end as well.
    let _ = send(outside, &message, None::<&OwnedFd>, MsgFlags::empty());
}
