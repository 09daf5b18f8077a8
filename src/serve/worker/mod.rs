//! The workers: processes that boot the application and serve connections until told to stop.
//!
//! A worker is forked by the arbiter and never returns into its code. Its main thread serves; one
//! further thread, the [`signal_thread`], waits for signals, so that a worker can cut down its own request
//! without running code inside a signal handler.

mod application_name;
mod async_worker;
mod body;
mod boot;
mod boot_failure;
mod exchange;
mod gthread;
mod gthread_pool;

mod pool;
mod signal_thread;
mod state;
mod sync;

use std::sync::Arc;

use nix::unistd::Pid;

use super::access_log::AccessLog;
use super::console::{ErrorLog, LogEvent};
use super::listener::{self, ListenError, Listener};
use super::scoreboard::{Scoreboard, Slot};
use super::settings::{Settings, WorkerClass};
use state::WorkerState;

use crate::machine::sys;

pub use boot::{Environment, check_application};
pub use boot_failure::BootFailure;
pub(super) use pool::{accept_queues, ask_for_reset, ask_for_warm_up};

/// Exit code after an unexpected error while serving (Gunicorn's `sys.exit(-1)`).
const UNEXPECTED: i32 = 255;

/// Everything a worker inherits from its arbiter.
#[derive(Debug, Clone)]
pub struct WorkerContext {
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
    pub scoreboard: Scoreboard,
    /// This worker's slot.
    pub slot: Slot,
    /// The arbiter.
    pub arbiter: Pid,
}

/// Live as a worker; returns the exit code of the process.
///
/// The caller is the freshly forked child and leaves with the code at once.
pub fn live(mut context: WorkerContext) -> i32 {
    let pid = std::process::id();
    context.slot.occupy(pid);
    context.log.log(&LogEvent::Booting { pid });
    let worker = match begin(&context) {
        Ok(worker) => worker,
        Err(error) => {
            context.log.log(&LogEvent::SocketError {
                error: &format!("labrat worker {pid}: {error}"),
            });
            return UNEXPECTED;
        }
    };
    match with_own_listeners(&context) {
        Ok(listeners) => context.listeners = listeners,
        Err(WithoutListener::Told(ListenError(_))) => return worker.leave(1),
        Err(WithoutListener::System(error)) => return leave_for(&context, &worker, &error),
    }
    let application = match boot::load(&context) {
        Ok(application) => application,
        Err(failure) => {
            failure.log(&context.log);
            return worker.leave(failure.exit_code());
        }
    };
    worker.adopt(Arc::clone(&application.state));
    if context.scoreboard.is_warm_up_wanted() {
        application.state.begin_warm_up();
    }
    context.slot.beat();
    sys::forget_start_up_code();
    let served = match context.settings.worker_class {
        WorkerClass::Sync => sync::serve(&context, &worker, &application),
        WorkerClass::Gthread => gthread::serve(&context, &worker, &application),
        WorkerClass::Async => async_worker::serve(&context, &worker, &application),
    };
    match served {
        Ok(()) => worker.leave(0),
        Err(error) => leave_for(&context, &worker, &error),
    }
}

/// The worker's state, with its signal thread running.
fn begin(context: &WorkerContext) -> std::io::Result<Arc<WorkerState>> {
    let worker = Arc::new(WorkerState::new(Arc::clone(&context.log))?);
    signal_thread::start(context.clone(), Arc::clone(&worker))?;
    Ok(worker)
}

/// Leave after an error that no request explains.
fn leave_for(context: &WorkerContext, worker: &WorkerState, error: &std::io::Error) -> i32 {
    let message = error.to_string();
    BootFailure::unexpected(&message).log(&context.log);
    worker.leave(UNEXPECTED)
}

/// Why a worker has no listeners.
enum WithoutListener {
    /// Everything to be said has been logged, and Gunicorn leaves with 1.
    Told(ListenError),
    System(std::io::Error),
}

/// The shared listeners and, with `--reuse-port`, TCP ones of the worker's own, among which the
/// kernel spreads the connections.
fn with_own_listeners(context: &WorkerContext) -> Result<Arc<Vec<Listener>>, WithoutListener> {
    if !context.settings.reuse_port {
        return Ok(Arc::clone(&context.listeners));
    }
    let own = listener::open_own(&context.settings, &context.log).map_err(WithoutListener::Told)?;
    let shared = context.listeners.iter().map(Listener::try_clone);
    shared
        .chain(own.into_iter().map(Ok))
        .collect::<std::io::Result<_>>()
        .map(Arc::new)
        .map_err(WithoutListener::System)
}

/// Whether the arbiter that forked this worker is still its parent.
fn arbiter_is_alive(arbiter: Pid) -> bool {
    Pid::parent() == arbiter
}
