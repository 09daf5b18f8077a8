//! The dashboard: a process beside the workers that shows the pool on a page.
//!
//! It serves nobody else and asks the arbiter, over a connection to its control socket, so that a
//! pool whose workers are all busy is seen like any other. Like the probe server it ignores every
//! signal that can be ignored and ends with its arbiter.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::listener::Listener;
use crate::machine::sys;
use crate::timeline::Feed;
use crate::timeline::follow::{self, Line, Origin};
use crate::timeline::forecast::Change;
use crate::timeline::lever::{Input, Lever, Levers};
use crate::timeline::server::{self, Page};

/// Everything that the dashboard inherits from its arbiter.
#[derive(Debug)]
pub struct Dashboard {
    /// Its own listener.
    pub listener: Listener,
    /// A connection to the arbiter's control socket.
    pub control: UnixStream,
    /// What opens it.
    pub token: String,
}

/// Serve until the process is ended.
///
/// # Errors
/// When it listens on no TCP, or the system has no room for a thread.
pub fn serve(dashboard: Dashboard) -> io::Result<()> {
    let Listener::Tcp(listener) = dashboard.listener else {
        return Err(io::Error::other("a page needs an address of TCP"));
    };
    let feed = Arc::new(Feed::default());
    let line = Arc::new(Line::over(dashboard.control));
    let levers = PoolLevers(Arc::clone(&line));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    sys::forget_start_up_code();
    let _following = follow::start(Arc::clone(&feed), Origin::default(), line)?;
    let page = Page {
        feed,
        levers: Arc::new(levers),
        token: dashboard.token.into(),
        is_live: true,
    };
    runtime.block_on(async {
        server::serve(tokio::net::TcpListener::from_std(listener)?, page).await;
        Ok(())
    })
}

/// What the arbiter does for whoever asks over its control socket.
struct PoolLevers(Arc<Line>);

const LEVERS: [(Lever, &str); 4] = [
    (Lever::ONE_WORKER_MORE, "worker add"),
    (Lever::ONE_WORKER_FEWER, "worker remove"),
    (
        Lever::new("reload", "Replace all workers (HUP)", Change::Reload),
        "reload",
    ),
    (
        Lever::new("reset", "Undo every fault", Change::Reset),
        "reset",
    ),
];

impl Levers for PoolLevers {
    fn all(&self) -> Vec<Lever> {
        LEVERS.iter().map(|(lever, _)| lever.clone()).collect()
    }

    fn pull(&self, name: &str, _: &Input) -> Result<String, String> {
        let found = LEVERS.iter().find(|(lever, _)| lever.name == name);
        let (lever, command) = found.ok_or_else(|| format!("there is no {name}"))?;
        let answer = self.0.ask(command).map_err(|error| error.to_string())?;
        Ok(
            match (answer["previous"].as_u64(), answer["total"].as_u64()) {
                (Some(before), Some(after)) => {
                    format!("{before} workers wanted before, {after} now")
                }
                _ => lever.label.to_owned(),
            },
        )
    }
}
