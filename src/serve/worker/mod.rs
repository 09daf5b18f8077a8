//! The workers: processes that boot the application and serve connections until told to stop.
//!
//! A worker is forked by the arbiter and never returns into its code. Its main thread serves; one
//! further thread, the [`watch`], waits for signals, so that a worker can cut down its own request
//! without running code inside a signal handler.

mod boot;
mod event_loop;
mod exchange;
mod gthread;
mod gthread_pool;
mod life;
mod sync;
mod view;
mod watch;

use std::sync::Arc;

use nix::unistd::Pid;

use super::access_log::AccessLog;
use super::console::{ErrorLog, Phrase};
use super::listener::{self, Listener};
use super::scoreboard::{Scoreboard, Seat};
use super::settings::{Settings, WorkerClass};
use life::Life;

use crate::machine::sys;

pub use boot::{BootFailure, Environment, check_application};
pub(super) use view::{accept_queues, ask_for_reset, ask_for_warm_up};

/// Exit code after an unexpected error while serving (Gunicorn's `sys.exit(-1)`).
const UNEXPECTED: i32 = 255;

/// Everything a worker inherits from its arbiter.
#[derive(Debug, Clone)]
pub struct Inheritance {
    /// What the pool was told.
    pub settings: Arc<Settings>,
    /// The environment that the application sees.
    pub environment: Environment,
    /// Error log.
    pub log: Arc<ErrorLog>,
    /// Access log, when there is one.
    pub access: Option<Arc<AccessLog>>,
    /// The shared listeners.
    pub listeners: Arc<Vec<Listener>>,
    /// The shared scoreboard.
    pub board: Scoreboard,
    /// This worker's seat.
    pub seat: Seat,
    /// The arbiter.
    pub arbiter: Pid,
}

/// Live as a worker; returns the exit code of the process.
///
/// The caller is the freshly forked child and leaves with the code at once.
pub fn live(mut inheritance: Inheritance) -> i32 {
    let pid = std::process::id();
    inheritance.seat.occupy(pid);
    inheritance.log.say(&Phrase::Booting { pid });
    let life = match begin(&inheritance) {
        Ok(life) => life,
        Err(error) => {
            inheritance.log.say(&Phrase::SocketError {
                error: &format!("labrat worker {pid}: {error}"),
            });
            return UNEXPECTED;
        }
    };
    if inheritance.settings.reuse_port {
        match reopen_listeners(&inheritance.settings) {
            Ok(listeners) => inheritance.listeners = Arc::new(listeners),
            Err(error) => return leave_for(&inheritance, &life, &error),
        }
    }
    let application = match boot::load(&inheritance) {
        Ok(application) => application,
        Err(failure) => {
            failure.say(&inheritance.log);
            return life.leave(failure.exit_code());
        }
    };
    life.adopt(Arc::clone(&application.state));
    if inheritance.board.is_warm_up_wanted() {
        application.state.begin_warm_up();
    }
    inheritance.seat.beat();
    sys::forget_start_up_code();
    let served = match inheritance.settings.worker_class {
        WorkerClass::Sync => sync::serve(&inheritance, &life, &application),
        WorkerClass::Gthread => gthread::serve(&inheritance, &life, &application),
        WorkerClass::Async => event_loop::serve(&inheritance, &life, &application),
    };
    match served {
        Ok(()) => life.leave(0),
        Err(error) => leave_for(&inheritance, &life, &error),
    }
}

/// The worker's life, with the watch over it running.
fn begin(inheritance: &Inheritance) -> std::io::Result<Arc<Life>> {
    let life = Arc::new(Life::new(Arc::clone(&inheritance.log))?);
    watch::start(inheritance.clone(), Arc::clone(&life))?;
    Ok(life)
}

/// Leave after an error that no request explains.
fn leave_for(inheritance: &Inheritance, life: &Life, error: &std::io::Error) -> i32 {
    let message = error.to_string();
    BootFailure::unexpected(&message).say(&inheritance.log);
    life.leave(UNEXPECTED)
}

/// With `--reuse-port` every worker binds for itself and the kernel spreads the connections.
fn reopen_listeners(settings: &Settings) -> std::io::Result<Vec<Listener>> {
    settings
        .bind
        .iter()
        .map(|address| listener::open(address, settings))
        .collect()
}

/// Whether the arbiter that forked this worker is still its parent.
fn arbiter_is_alive(arbiter: Pid) -> bool {
    Pid::parent() == arbiter
}
