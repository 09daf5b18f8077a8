//! From resolved settings to a running pool: what Gunicorn does before its first fork, in its
//! order.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use super::access_log::AccessLog;
use super::arbiter::pidfile::{Pidfile, PidfileError};
use super::arbiter::run::{Arbiter, ArbiterConfig, block_signals};
use super::console::{ErrorLog, LogEvent, write_standard_error};
use super::listener::{self, ListenError, Listener};
use super::otlp;
use super::settings::{BindAddress, LogTarget, Settings, WorkerClass};
use super::statsd::Statsd;
use super::worker::{BootFailure, Environment, check_application};
use crate::app::{choose_digest_key, knobs};
use crate::identifiers;
use crate::machine::sys;
use crate::timeline::server;

/// What opens the dashboard, where it is not left to chance.
const DASHBOARD_TOKEN: &str = "LABRAT_DASHBOARD_TOKEN";

/// Why the pool did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The working directory cannot be changed.
    #[error("can't chdir to '{}'", path.display())]
    Directory {
        /// Where to.
        path: PathBuf,
    },
    /// A log file cannot be written.
    #[error("Error: '{}' isn't writable [{source}]", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `--preload`, and the application failed to load.
    #[error("{}", .0.traceback())]
    Preload(BootFailure),
    /// The pid file.
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    /// No listener; everything about it is in the log.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// What a service manager says of the sockets that it hands over is no number.
    #[error("invalid literal for int() with base 10: '{0}'")]
    Inherited(String),
    /// The dashboard asks over the control socket.
    #[error("--dashboard needs the control socket")]
    DashboardWithoutControl,
    /// The dashboard is a page.
    #[error("--dashboard takes HOST:PORT")]
    DashboardAddress,
    /// The system gives no random numbers.
    #[error("no token for the dashboard: {0}")]
    Token(io::Error),
    /// The system gives no random numbers.
    #[error("no name for this pool among others that export: {0}")]
    Instance(io::Error),
    /// A system call that does not fail.
    #[error("{call}: {errno}")]
    System {
        /// Which.
        call: &'static str,
        /// What it said.
        errno: Errno,
    },
}

/// Run a pool until it is told to stop, and return the exit code of the process.
///
/// The process must have one thread when this is called: the arbiter forks.
pub fn run(settings: Settings) -> u8 {
    sys::steady_allocator();
    sys::restore_default_actions();
    match start(settings) {
        Ok(arbiter) => arbiter.run(),
        Err(StartError::Listen(_)) => 1,
        Err(error) => {
            // Standard error may be closed; the exit code says it all the same.
            let _ = match &error {
                StartError::Preload(BootFailure::Exception { exception, message })
                    if exception == "RuntimeError" =>
                {
                    write_standard_error(&format!("\nError: {message}\n\n"))
                }
                StartError::Preload(failure) => {
                    write_standard_error(&format!("{}\n", failure.traceback()))
                }
                error => write_standard_error(&format!("\nError: {error}\n\n")),
            };
            1
        }
    }
}

fn start(mut settings: Settings) -> Result<Arbiter, StartError> {
    // More than one thread needs a worker that has threads, as in Gunicorn.
    if settings.threads > 1 && settings.worker_class == WorkerClass::Sync {
        settings.worker_class = WorkerClass::Gthread;
    }
    change_directory(&settings)?;
    let statsd = Statsd::of(&settings).map(Arc::new);
    let log = open_error_log(&settings, statsd.clone())?;
    let access = open_access_log(&settings, statsd.clone())?;
    let environment = Environment::of(&settings);
    // Before the first fork, so that all workers have it.
    choose_digest_key();
    if settings.preload {
        check_application(&settings.app, &environment).map_err(StartError::Preload)?;
    }
    log.log(&LogEvent::Starting {
        version: env!("CARGO_PKG_VERSION"),
    });
    let pidfile = settings.pidfile.as_deref();
    let pidfile = pidfile.map(Pidfile::write).transpose()?;
    let signals = block_signals().map_err(|errno| StartError::System {
        call: "signalfd",
        errno,
    })?;
    let remove_pidfile = || {
        if let Some(pidfile) = &pidfile {
            pidfile.remove();
        }
    };
    let inherited = listener::inherited_descriptors(&|name| std::env::var(name).ok())
        .map_err(StartError::Inherited)
        .inspect_err(|_| remove_pidfile())?;
    let is_activated = !inherited.is_empty();
    let listeners =
        listener::open_shared(&settings, inherited, &log).inspect_err(|_| remove_pidfile())?;
    let beside = Beside::open(&settings, &log).inspect_err(|_| {
        remove_pidfile();
        listeners.iter().for_each(Listener::unlink);
    })?;
    announce(&settings, &environment, &listeners, &log);
    // Who starts services by `Type=notify` waits for this.
    notify_service_manager("READY=1\nSTATUS=labrat arbiter booted");
    beside.announce(&log);
    Arbiter::new(ArbiterConfig {
        settings: Arc::new(settings),
        environment,
        log,
        access,
        listeners,
        statsd,
        is_activated,
        probes: beside.probes,
        dashboard: beside.dashboard,
        dashboard_token: beside.dashboard_token,
        pool: beside.pool,
        signals,
        pidfile,
    })
    .map_err(|errno| StartError::System {
        call: "mmap",
        errno,
    })
}

/// The listeners of what is served beside the workers.
struct Beside {
    probes: Option<Listener>,
    dashboard: Option<Listener>,
    /// What opens the dashboard.
    dashboard_token: String,
    /// What is exported names the pool so.
    pool: otlp::Identity,
}

impl Beside {
    fn open(settings: &Settings, log: &ErrorLog) -> Result<Self, StartError> {
        let open = |address| listener::open_with_retries(address, settings, log);
        let mut beside = Self {
            probes: settings.probe_bind.as_ref().map(open).transpose()?,
            dashboard: None,
            dashboard_token: String::new(),
            pool: match settings.otlp {
                Some(_) => otlp::Identity::new().map_err(StartError::Instance)?,
                None => otlp::Identity::default(),
            },
        };
        let Some(address) = &settings.dashboard else {
            return Ok(beside);
        };
        if settings.control_socket.is_none() {
            return Err(StartError::DashboardWithoutControl);
        }
        if !matches!(address, BindAddress::Tcp { .. }) {
            return Err(StartError::DashboardAddress);
        }
        let set = std::env::var(DASHBOARD_TOKEN).ok();
        beside.dashboard_token = match set.filter(|token| !token.is_empty()) {
            Some(token) => token,
            None => identifiers::token::<16>().map_err(StartError::Token)?,
        };
        beside.dashboard = Some(open(address)?);
        Ok(beside)
    }

    fn announce(&self, log: &ErrorLog) {
        if let Some(probes) = &self.probes {
            log.log(&LogEvent::ProbesAt {
                listener: &probes.name(),
            });
        }
        if let Some(address) = self.dashboard.as_ref().and_then(Listener::address) {
            log.log(&LogEvent::DashboardAt {
                url: &server::url(address, &self.dashboard_token),
            });
        }
    }
}

fn change_directory(settings: &Settings) -> Result<(), StartError> {
    let Some(path) = &settings.chdir else {
        return Ok(());
    };
    std::env::set_current_dir(path).map_err(|_| StartError::Directory { path: path.clone() })
}

fn announce(
    settings: &Settings,
    environment: &Environment,
    listeners: &[Listener],
    log: &ErrorLog,
) {
    let opened_later: Vec<&BindAddress> = settings
        .bind
        .iter()
        .filter(|address| settings.is_opened_by_workers(address))
        .collect();
    let names: Vec<String> = listeners
        .iter()
        .map(Listener::name)
        .chain(
            opened_later
                .iter()
                .map(|address| listener::told_name(address)),
        )
        .collect();
    log.log(&LogEvent::ListeningAt {
        listeners: &names.join(","),
        pid: std::process::id(),
    });
    log.log(&LogEvent::UsingWorker {
        class: match settings.worker_class {
            WorkerClass::Sync => "sync",
            WorkerClass::Gthread => "gthread",
            WorkerClass::Async => "async",
        },
    });
    let most_kept = settings.worker_connections.saturating_sub(settings.threads);
    if settings.worker_class == WorkerClass::Gthread
        && most_kept == 0
        && !settings.keep_alive.is_zero()
    {
        log.log(&LogEvent::NoKeepAlive {});
    }
    let public: Vec<String> = listeners
        .iter()
        .filter(|listener| listener.is_public())
        .map(Listener::name)
        .chain(
            opened_later
                .iter()
                .filter(|address| listener::is_told_public(address))
                .map(|address| listener::told_name(address)),
        )
        .collect();
    let is_locked = environment
        .get(knobs::LAB_KEY)
        .is_some_and(|key| !key.is_empty());
    if !public.is_empty() && !is_locked {
        log.log(&LogEvent::FaultsUnlocked {
            listeners: &public.join(","),
        });
    }
}

/// Tell a service manager how this process is doing (sd_notify(3)), where one wants to know.
fn notify_service_manager(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(&name),
    };
    // Whoever does not listen does not hear it: no reason not to serve.
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.send_to_addr(state.as_bytes(), &address);
    }
}

fn open_error_log(
    settings: &Settings,
    statsd: Option<Arc<Statsd>>,
) -> Result<Arc<ErrorLog>, StartError> {
    let target = settings.error_log.clone();
    let path = path_of(&target);
    ErrorLog::open(settings.log_level, target, settings.capture_output)
        .map(|log| Arc::new(log.counting(statsd)))
        .map_err(|source| StartError::Log { path, source })
}

fn open_access_log(
    settings: &Settings,
    statsd: Option<Arc<Statsd>>,
) -> Result<Option<Arc<AccessLog>>, StartError> {
    let target = settings.access_log.clone();
    if target.is_none() && statsd.is_none() {
        return Ok(None);
    }
    let path = path_of(target.as_ref().unwrap_or(&LogTarget::Stream));
    AccessLog::open(settings.access_log_format.clone(), target, statsd)
        .map(|log| Some(Arc::new(log)))
        .map_err(|source| StartError::Log { path, source })
}

fn path_of(target: &LogTarget) -> PathBuf {
    match target {
        LogTarget::Stream => Path::new("-").to_owned(),
        LogTarget::File(path) => path.clone(),
    }
}
