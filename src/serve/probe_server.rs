//! The probe server: a process beside the workers that answers probes from the scoreboard.
//!
//! A probe that goes through the pool waits in the accept queue like any request. When all workers
//! are busy it comes too late, the platform takes that for death, restarts, and makes a busy time
//! an outage. Here it is answered by a process that serves nobody else: what the workers are doing
//! it sees in shared memory, and dependencies it asks itself.
//!
//! It ignores every signal that can be ignored and ends with its arbiter: readiness has to be
//! answered with "no" for as long as the workers finish what they have.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{MethodRouter, get};
use http::HeaderMap;
use tokio::net::{TcpListener, UnixListener};

use super::accept_errors::{AcceptErrors, AfterAccept, SHORTAGE_PAUSE};
use super::console::ErrorLog;
use super::listener::Listener;
use super::pool_metrics;
use super::scoreboard::Scoreboard;
use super::worker::{Environment, ask_for_reset, ask_for_warm_up};
use crate::app::pool::{Pool, PoolSnapshot};
use crate::app::{AppConfig, AppState, probe_router};
use crate::connections::{Bounds, Connections};
use crate::machine::sys;
use crate::metrics;

/// One connection may take longer than any probe waits for.
const BOUNDS: Bounds = Bounds {
    most: 64,
    head: Duration::from_secs(5),
    whole: Some(Duration::from_secs(30)),
};
/// By how much a worker may be overdue before it counts as gone: the arbiter looks once a second,
/// and kills a second after it has asked.
const OVERDUE: Duration = Duration::from_secs(5);

/// Everything that the probe server inherits from its arbiter.
#[derive(Debug)]
pub struct ProbeServer {
    /// Its own listener.
    pub listener: Listener,
    /// Names and addresses of the pool's listeners, whose accept queues are shown.
    pub queues: Vec<(String, SocketAddr)>,
    /// The environment that the application sees.
    pub environment: Environment,
    /// The shared scoreboard.
    pub scoreboard: Scoreboard,
    /// Error log.
    pub log: Arc<ErrorLog>,
    /// After which silence the arbiter kills a worker; zero is never.
    pub timeout: Duration,
}

/// Serve until the process is ended.
///
/// # Errors
/// When the listener fails, or the system has no room for a runtime.
pub fn serve(server: ProbeServer) -> io::Result<()> {
    // A configuration that cannot be read fails the workers, who say so; liveness still answers.
    let config = AppConfig::from_lookup(&|name| server.environment.get(name)).unwrap_or_default();
    let metrics = metrics_route(server.scoreboard.clone(), server.queues);
    let pool = Arc::new(ScoreboardPool {
        scoreboard: server.scoreboard,
        timeout: server.timeout,
    });
    let router = probe_router(AppState::for_probes(config, pool)).route(metrics::PATH, metrics);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    sys::forget_start_up_code();
    runtime.block_on(accept(server.listener, router, &server.log))
}

/// Metrics are shown here and not by the pool: a scrape must not wait in the queue that it measures.
fn metrics_route(scoreboard: Scoreboard, queues: Vec<(String, SocketAddr)>) -> MethodRouter {
    get(move |asked: HeaderMap| {
        let scrape = pool_metrics::scrape(&scoreboard, &queues);
        std::future::ready(metrics::answer(&asked, &scrape))
    })
}

async fn accept(listener: Listener, router: Router, log: &ErrorLog) -> io::Result<()> {
    let mut connections = Connections::new(router, BOUNDS);
    let errors = AcceptErrors::default();
    match listener {
        Listener::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => connections.admit(stream).await,
                    Err(error) => pause_after(&error, &errors, log).await?,
                }
            }
        }
        Listener::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => connections.admit(stream).await,
                    Err(error) => pause_after(&error, &errors, log).await?,
                }
            }
        }
    }
}

async fn pause_after(error: &io::Error, errors: &AcceptErrors, log: &ErrorLog) -> io::Result<()> {
    match errors.judge(error, log) {
        AfterAccept::Wait | AfterAccept::Retry => {}
        AfterAccept::Pause => tokio::time::sleep(SHORTAGE_PAUSE).await,
        AfterAccept::Stop | AfterAccept::Fail => return Err(error.kind().into()),
    }
    Ok(())
}

/// The pool as the probe server sees it: its scoreboard.
#[derive(Debug)]
struct ScoreboardPool {
    scoreboard: Scoreboard,
    timeout: Duration,
}

impl Pool for ScoreboardPool {
    fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            arbiter: Some(self.scoreboard.arbiter()),
            workers: self.scoreboard.workers(),
            accept_queues: Vec::new(),
            requests_at_once: None,
        }
    }

    fn request_reset(&self) -> usize {
        ask_for_reset(&self.scoreboard, None)
    }

    fn has_booted(&self) -> bool {
        self.scoreboard.has_booted()
    }

    fn is_draining(&self) -> bool {
        self.scoreboard.is_draining()
    }

    /// A worker that boots has not been silent yet; where no worker is wanted, none is missed.
    fn is_alive(&self) -> bool {
        let workers = self.scoreboard.workers();
        let limit = self.timeout + OVERDUE;
        let is_alive = |silence: Duration| silence <= limit;
        self.timeout.is_zero()
            || workers.is_empty()
            || workers
                .iter()
                .any(|worker| worker.last_heartbeat.is_none_or(is_alive))
    }

    fn request_warm_up(&self) {
        ask_for_warm_up(&self.scoreboard, None);
    }

    fn warm_workers(&self, _: bool) -> (usize, usize) {
        (self.scoreboard.warm_workers(), self.scoreboard.wanted())
    }

    fn is_warm(&self, _: bool) -> bool {
        self.scoreboard.is_warm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_alive_as_long_as_one_worker_is() {
        let scoreboard = Scoreboard::new(2).expect("shared memory");
        let beside = |timeout| ScoreboardPool {
            scoreboard: scoreboard.clone(),
            timeout,
        };
        let timeout = Duration::from_secs(30);
        assert!(beside(timeout).is_alive(), "nobody is there yet");
        scoreboard.slot(0).assign(1);
        scoreboard.slot(0).occupy(1);
        assert!(beside(timeout).is_alive(), "it boots");
        scoreboard.slot(0).beat_at(1);
        let silent = crate::serve::clock::since(1);
        assert!(beside(silent).is_alive());
        let short = silent.saturating_sub(OVERDUE * 2);
        assert!(short.is_zero() || !beside(short).is_alive());
        assert!(beside(Duration::ZERO).is_alive(), "silence is allowed");
        scoreboard.slot(1).assign(2);
        scoreboard.slot(1).occupy(2);
        scoreboard.slot(1).beat();
        assert!(beside(short.max(OVERDUE)).is_alive(), "the other one lives");
    }
}
