//! From resolved settings to a running pool: what Gunicorn does before its first fork, in its
//! order.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use super::access_log::AccessLog;
use super::arbiter::pidfile::{Pidfile, PidfileError};
use super::arbiter::run::{Arbiter, ArbiterConfig, block_signals};
use super::console::{ErrorLog, LogEvent, write_standard_error};
use super::listener::{self, ListenError, Listener};
use super::settings::{LogTarget, Settings, WorkerClass};
use super::worker::{BootFailure, Environment, check_application};
use crate::app::knobs;
use crate::machine::sys;

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
    if let Some(path) = &settings.chdir {
        std::env::set_current_dir(path)
            .map_err(|_| StartError::Directory { path: path.clone() })?;
    }
    let log = open_error_log(&settings)?;
    let access = open_access_log(&settings)?;
    let environment = Environment::of(&settings);
    if settings.preload {
        check_application(&settings.app, &environment).map_err(StartError::Preload)?;
    }
    log.log(&LogEvent::Starting {
        version: env!("CARGO_PKG_VERSION"),
    });
    let pidfile = settings
        .pidfile
        .as_deref()
        .map(Pidfile::write)
        .transpose()?;
    let signals = block_signals().map_err(|errno| StartError::System {
        call: "signalfd",
        errno,
    })?;
    // With `--reuse-port` every worker listens for itself. A socket of the arbiter's own would
    // be given connections that nobody accepts.
    let remove_pidfile = || {
        if let Some(pidfile) = &pidfile {
            pidfile.remove();
        }
    };
    let listeners = if settings.reuse_port {
        Vec::new()
    } else {
        listener::open_all(&settings, &log).inspect_err(|_| remove_pidfile())?
    };
    let probes = settings.probe_bind.as_ref();
    let probes = probes
        .map(|address| listener::open_with_retries(address, &settings, &log))
        .transpose()
        .inspect_err(|_| {
            remove_pidfile();
            listeners.iter().for_each(Listener::unlink);
        })?;
    announce(&settings, &environment, &listeners, &log);
    if let Some(probes) = &probes {
        log.log(&LogEvent::ProbesAt {
            listener: &probes.name(),
        });
    }
    Arbiter::new(ArbiterConfig {
        settings: Arc::new(settings),
        environment,
        log,
        access,
        listeners,
        probes,
        signals,
        pidfile,
    })
    .map_err(|errno| StartError::System {
        call: "mmap",
        errno,
    })
}

fn announce(
    settings: &Settings,
    environment: &Environment,
    listeners: &[Listener],
    log: &ErrorLog,
) {
    let names: Vec<String> = if settings.reuse_port {
        settings.bind.iter().map(listener::told_name).collect()
    } else {
        listeners.iter().map(Listener::name).collect()
    };
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
    let public: Vec<String> = if settings.reuse_port {
        settings
            .bind
            .iter()
            .filter(|address| listener::is_told_public(address))
            .map(listener::told_name)
            .collect()
    } else {
        listeners
            .iter()
            .filter(|listener| listener.is_public())
            .map(Listener::name)
            .collect()
    };
    let is_locked = environment
        .get(knobs::LAB_KEY)
        .is_some_and(|key| !key.is_empty());
    if !public.is_empty() && !is_locked {
        log.log(&LogEvent::FaultsUnlocked {
            listeners: &public.join(","),
        });
    }
}

fn open_error_log(settings: &Settings) -> Result<Arc<ErrorLog>, StartError> {
    let target = settings.error_log.clone();
    let path = path_of(&target);
    let log = ErrorLog::open(settings.log_level, target)
        .map_err(|source| StartError::Log { path, source })?;
    if settings.capture_output
        && let Some(file) = log.file()
    {
        let redirected = nix::unistd::dup2_stdout(&file).and(nix::unistd::dup2_stderr(&file));
        redirected.map_err(|errno| StartError::System {
            call: "dup2",
            errno,
        })?;
    }
    Ok(Arc::new(log))
}

fn open_access_log(settings: &Settings) -> Result<Option<Arc<AccessLog>>, StartError> {
    let Some(target) = settings.access_log.clone() else {
        return Ok(None);
    };
    let path = path_of(&target);
    AccessLog::open(settings.access_log_format.clone(), target)
        .map(|log| Some(Arc::new(log)))
        .map_err(|source| StartError::Log { path, source })
}

fn path_of(target: &LogTarget) -> PathBuf {
    match target {
        LogTarget::Stream => Path::new("-").to_owned(),
        LogTarget::File(path) => path.clone(),
    }
}
