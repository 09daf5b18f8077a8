//! The first process of a container: it runs the startup command, passes TERM on to it, and leaves
//! nothing behind.
//!
//! The emulator starts it as a program of its own (`labrat __container`), in a process group of
//! its own, and holds the other end of its standard input: when the emulator dies, however it
//! dies, that end closes and the container is killed at once. It adopts what the command leaves
//! behind, as process 1 of a container does, and like there the end of the command is the end of
//! everything in the container.

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::guest;

/// The exit code of a supervisor that could not run the command, as a shell's.
const CANNOT_RUN: i32 = 127;

/// The command of this program that keeps a container.
pub const COMMAND: &str = "__container";

/// The word before the command that says that it is a virtual machine.
pub const GUEST: &str = "--guest";
/// The word that says that it gets namespaces of its own; the site's home follows.
pub const NAMESPACES: &str = "--namespaces";
/// The word that says who keeps that home, where it has a size of its own; a process id follows.
pub const HOME_OF: &str = "--home-of";
/// What the keeper of a home says when it is there.
pub const HOME_IS_THERE: &str = "ready";
/// The word before the milliseconds that TERM leaves it.
pub const GRACE: &str = "--grace";

/// Why the supervisor could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// No command was given.
    #[error("a container needs a command")]
    NoCommand,
    /// The process cannot be prepared.
    #[error("cannot prepare the container: {0}")]
    Prepare(#[from] std::io::Error),
}

/// What a container holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The startup command.
    Command,
    /// A virtual machine in which the startup command runs.
    Guest,
}

/// Run `command` as the content of a container; TERM is passed on to it and followed by KILL after
/// `grace`. Returns the exit code of the command, 128 and the signal's number where a signal ended
/// it.
///
/// # Errors
/// When there is no command, or standard input is not the pipe of the emulator.
pub fn run(
    command: &[OsString],
    content: Content,
    grace: Duration,
) -> Result<i32, SupervisorError> {
    let (program, arguments) = command.split_first().ok_or(SupervisorError::NoCommand)?;
    // Where the kernel has no such thing, orphans go to process 1 and are found by their group.
    let _ = prctl::set_child_subreaper(true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        let lifeline = std::io::stdin().as_fd().try_clone_to_owned()?;
        let mut lifeline = pipe::Receiver::from_owned_fd(lifeline)?;
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        if content == Content::Guest {
            guest::connect(&mut command)?;
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(_) => return Ok(CANNOT_RUN),
        };
        let console = child.stdout.take().map(guest::Console::relay);
        // Taken out, because waiting for a child closes its standard input.
        let orders = child.stdin.take();
        let mut byte = [0_u8; 1];
        let status = tokio::select! {
            status = child.wait() => status,
            // Nobody writes into it: whatever it says, the other end has gone.
            _ = lifeline.read(&mut byte) => kill_now(&mut child).await,
            _ = term.recv() => end(&mut child, orders, &mut lifeline, grace).await,
            _ = interrupt.recv() => end(&mut child, orders, &mut lifeline, grace).await,
        };
        let code = code(status?);
        Ok::<i32, SupervisorError>(match console {
            Some(console) => console.code_of_guest(code).await,
            None => code,
        })
    });
    kill_the_rest();
    code
}

async fn end(
    child: &mut Child,
    orders: Option<ChildStdin>,
    lifeline: &mut pipe::Receiver,
    grace: Duration,
) -> std::io::Result<ExitStatus> {
    let mut orders = orders;
    match (&mut orders, child.id()) {
        (Some(orders), _) => guest::stop(orders).await,
        (None, Some(pid)) => {
            // It may have ended in this moment.
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
        }
        (None, None) => {}
    }
    let mut byte = [0_u8; 1];
    tokio::select! {
        status = child.wait() => status,
        _ = lifeline.read(&mut byte) => kill_now(child).await,
        () = tokio::time::sleep(grace) => kill_now(child).await,
    }
}

async fn kill_now(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.start_kill()?;
    child.wait().await
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Kill what the command has left: children that it lost, and their children, until there are
/// none. What is in this process group and is not a descendant does not exist.
fn kill_the_rest() {
    let own = nix::unistd::getpid();
    loop {
        let children = children_of(own);
        for child in &children {
            let _ = kill(*child, Signal::SIGKILL);
        }
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::empty())) {
            Ok(WaitStatus::StillAlive) | Err(nix::errno::Errno::EINTR) | Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// The children of a process, from `/proc`: all its threads', because any may have started one.
fn children_of(parent: Pid) -> Vec<Pid> {
    let Ok(processes) = procfs::process::all_processes() else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| process.stat().ok())
        .filter(|stat| stat.ppid == parent.as_raw())
        .map(|stat| Pid::from_raw(stat.pid))
        .collect()
}

/// Kill every process of a container whose supervisor has itself been killed.
pub(super) fn kill_group(supervisor: u32) {
    // The group may be empty, which is what is wanted.
    let _ = killpg(Pid::from_raw(supervisor.cast_signed()), Signal::SIGKILL);
}
