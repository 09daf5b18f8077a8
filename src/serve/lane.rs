//! The probe lane: a process beside the workers that answers probes from the scoreboard.
//!
//! A probe that goes through the pool waits in the accept queue like any request. When all workers
//! are busy it comes too late, the platform takes that for death, restarts, and makes a busy time
//! an outage. Here it is answered by a process that serves nobody else: what the workers are doing
//! it sees in shared memory, and dependencies it asks itself.
//!
//! It ignores every signal that can be ignored and ends with its arbiter: readiness has to be
//! answered with "no" for as long as the workers finish what they have.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::console::{ErrorLog, Phrase};
use super::listener::Listener;
use super::scoreboard::Scoreboard;
use super::worker::{Environment, ask_for_reset, ask_for_warm_up};
use crate::app::pool::{Pool, PoolSnapshot};
use crate::app::{AppConfig, AppState, probe_router};
use crate::machine::sys;

/// Connections that are answered at the same time; more wait in the lane's own accept queue.
const PLACES: usize = 64;
/// What one connection may take: longer than any probe waits for.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the head of a request may take.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// By how much a worker may be overdue before it counts as gone: the arbiter looks once a second,
/// and kills a second after it has asked.
const OVERDUE: Duration = Duration::from_secs(5);

/// Everything that the lane inherits from its arbiter.
#[derive(Debug)]
pub struct Lane {
    /// Its own listener.
    pub listener: Listener,
    /// The environment that the application sees.
    pub environment: Environment,
    /// The shared scoreboard.
    pub board: Scoreboard,
    /// Error log.
    pub log: Arc<ErrorLog>,
    /// After which silence the arbiter kills a worker; zero is never.
    pub timeout: Duration,
    /// The arbiter.
    pub arbiter: Pid,
}

/// Live as the lane; returns the exit code of the process.
pub fn live(lane: Lane) -> i32 {
    // The arbiter's mask is inherited: no signal but SIGKILL reaches the lane.
    let tied = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    if tied.is_err() || Pid::parent() != lane.arbiter {
        return 1;
    }
    let log = Arc::clone(&lane.log);
    match serve(lane) {
        Ok(()) => 0,
        Err(error) => {
            log.say(&Phrase::SocketError {
                error: &format!("probe lane: {error}"),
            });
            1
        }
    }
}

fn serve(lane: Lane) -> io::Result<()> {
    // A configuration that cannot be read fails the workers, who say so; liveness still answers.
    let config = AppConfig::from_lookup(&|name| lane.environment.get(name)).unwrap_or_default();
    let pool = Arc::new(Beside {
        board: lane.board,
        timeout: lane.timeout,
    });
    let router = probe_router(AppState::for_probes(config, pool));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    sys::forget_start_up_code();
    runtime.block_on(accept(lane.listener, router))
}

async fn accept(listener: Listener, router: Router) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(PLACES));
    match listener {
        Listener::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                match listener.accept().await {
                    Ok((stream, _)) => attend(stream, router.clone(), place),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        }
        Listener::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                match listener.accept().await {
                    Ok((stream, _)) => attend(stream, router.clone(), place),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        }
    }
    Ok(())
}

/// Answer one connection in a task of its own. What goes wrong with it concerns its client alone.
fn attend<S>(stream: S, router: Router, place: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let talk = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .title_case_headers(true)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let _ = tokio::time::timeout(PATIENCE, talk).await;
        drop(place);
    });
}

/// The pool as the lane sees it: the scoreboard, from beside.
#[derive(Debug)]
struct Beside {
    board: Scoreboard,
    timeout: Duration,
}

impl Pool for Beside {
    fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            arbiter: Some(self.board.arbiter()),
            workers: self.board.workers(),
            accept_queues: Vec::new(),
            requests_at_once: None,
        }
    }

    fn request_reset(&self) -> usize {
        ask_for_reset(&self.board, None)
    }

    fn has_booted(&self) -> bool {
        self.board.has_booted()
    }

    fn is_draining(&self) -> bool {
        self.board.is_draining()
    }

    /// A worker that boots has not been silent yet; where no worker is wanted, none is missed.
    fn is_alive(&self) -> bool {
        let workers = self.board.workers();
        let limit = self.timeout + OVERDUE;
        let is_alive = |silence: Duration| silence <= limit;
        self.timeout.is_zero()
            || workers.is_empty()
            || workers
                .iter()
                .any(|worker| worker.last_heartbeat.is_none_or(is_alive))
    }

    fn request_warm_up(&self) {
        ask_for_warm_up(&self.board, None);
    }

    fn warm_workers(&self, _: bool) -> (usize, usize) {
        (self.board.warm_workers(), self.board.wanted())
    }

    fn is_warm(&self, _: bool) -> bool {
        self.board.is_warm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_alive_as_long_as_one_worker_is() {
        let board = Scoreboard::new(2).expect("shared memory");
        let beside = |timeout| Beside {
            board: board.clone(),
            timeout,
        };
        let timeout = Duration::from_secs(30);
        assert!(beside(timeout).is_alive(), "nobody is there yet");
        board.seat(0).assign(1);
        board.seat(0).occupy(1);
        assert!(beside(timeout).is_alive(), "it boots");
        board.seat(0).beat_at(1);
        let silent = crate::serve::clock::since(1);
        assert!(beside(silent).is_alive());
        let short = silent.saturating_sub(OVERDUE * 2);
        assert!(short.is_zero() || !beside(short).is_alive());
        assert!(beside(Duration::ZERO).is_alive(), "silence is allowed");
        board.seat(1).assign(2);
        board.seat(1).occupy(2);
        board.seat(1).beat();
        assert!(beside(short.max(OVERDUE)).is_alive(), "the other one lives");
    }
}
