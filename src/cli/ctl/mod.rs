//! `labrat ctl`: talk to a running pool over its control socket.

pub(super) mod find;
mod table;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};

use super::exit::Exit;
use super::output;
use crate::timeline::control_client;

/// Words of `labrat ctl`.
#[derive(Debug, Args)]
pub(super) struct CtlOptions {
    /// Path of the control socket [default: $XDG_RUNTIME_DIR/labrat.ctl or ~/.labrat/labrat.ctl, else
    /// that of the one pool that `labrat host` runs]
    #[arg(short, long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print the raw data as JSON
    #[arg(short, long, global = true)]
    json: bool,
    /// What to say to the pool
    #[command(subcommand)]
    request: Request,
}

/// What a pool can be told.
#[derive(Debug, Subcommand)]
enum Request {
    /// Show a part of the pool
    Show {
        /// The part
        what: Part,
    },
    /// Change the number of workers, or end one
    #[command(subcommand)]
    Worker(WorkerRequest),
    /// Read the settings again and replace every worker (HUP)
    Reload,
    /// Undo every fault in every worker
    Reset,
    /// Stop the pool
    Shutdown {
        /// Whether what is in flight may finish
        #[arg(default_value = "graceful")]
        mode: ShutdownMode,
    },
}

/// What `show` can show.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Part {
    /// Every worker: what it does, since when, and what it holds
    Workers,
    /// The arbiter's counters
    Stats,
    /// The settings in force
    Config,
    /// Every listening socket and its accept queue
    Listeners,
}

/// What can be done about workers.
#[derive(Debug, Subcommand)]
enum WorkerRequest {
    /// Start more workers
    Add {
        /// How many
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        count: u16,
    },
    /// Stop the oldest workers
    Remove {
        /// How many
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        count: u16,
    },
    /// End one worker gracefully; the arbiter replaces it
    Kill {
        /// Its process id
        pid: u32,
    },
}

/// How a pool is stopped.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShutdownMode {
    /// What is in flight may finish (TERM)
    Graceful,
    /// At once (INT)
    Quick,
}

impl Request {
    /// The command line of Gunicorn's protocol.
    fn line(&self) -> String {
        match self {
            Self::Show {
                what: Part::Workers,
            } => "show workers".to_owned(),
            Self::Show { what: Part::Stats } => "show stats".to_owned(),
            Self::Show { what: Part::Config } => "show config".to_owned(),
            Self::Show {
                what: Part::Listeners,
            } => "show listeners".to_owned(),
            Self::Worker(WorkerRequest::Add { count }) => format!("worker add {count}"),
            Self::Worker(WorkerRequest::Remove { count }) => format!("worker remove {count}"),
            Self::Worker(WorkerRequest::Kill { pid }) => format!("worker kill {pid}"),
            Self::Reload => "reload".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Shutdown {
                mode: ShutdownMode::Graceful,
            } => "shutdown graceful".to_owned(),
            Self::Shutdown {
                mode: ShutdownMode::Quick,
            } => "shutdown quick".to_owned(),
        }
    }
}

/// Send one request and print its answer.
///
/// # Errors
/// When there is no control socket, the pool refuses the request, or the answer cannot be read.
pub(super) fn run(options: &CtlOptions) -> anyhow::Result<Exit> {
    let socket = match &options.socket {
        Some(socket) => socket.clone(),
        None => find::the_only_pool()?,
    };
    let data = control_client::request(&socket, &options.request.line())?;
    if data.get("success") == Some(&serde_json::Value::Bool(false)) {
        let reason = data.get("error").and_then(serde_json::Value::as_str);
        bail!("{}", reason.unwrap_or("the pool did not do it"));
    }
    let text = match options.json {
        true => output::json(&data)?,
        false => table::render(&data),
    };
    output::data(&text)?;
    Ok(Exit::Success)
}
