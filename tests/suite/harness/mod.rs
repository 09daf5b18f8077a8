//! The harness: starts the real Gunicorn with the oracle application and labrat alike, talks raw
//! HTTP to either, and compares what they did.
//!
//! It knows nothing of labrat's insides: both servers are processes, seen through their ports,
//! their output, their exit codes and `/proc`.

mod beside;
mod browser;
mod client;
mod collector;
mod compare;
mod console;
mod launch;
mod lines;
mod oracle;
mod process;
mod queue;
mod response;
mod server;

pub use beside::with_probe_server;
pub use browser::{Page, Profile, THIS_MACHINE, chromium, headless};
pub use client::{Address, Connection, Ending, Exchange, exchange, get, get_many, request};
pub use collector::{Collector, Reply};
pub use compare::{covers, normal_head, normal_response};
pub use console::{entries, per_process};
pub use launch::{Ended, Launch};
pub use lines::{Line, Stream};
pub use oracle::{
    Kind, both, in_parallel, oracle, peer, release_labrat, root, skip_unless, static_labrat,
};
pub use process::{
    children, descriptors, exists, processor_seconds, resident_kilobytes, start_and_read, state,
    status_kilobytes, write_program,
};
pub use queue::accept_queue;
pub use response::Response;
pub use server::{Server, WARM_UP};

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long to wait for what must happen: generous, because the machine may be loaded.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Ask again and again until `ready` has an answer; `None` when the deadline passes.
pub fn poll<T>(within: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ready() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `labrat host` at ports that are free, with its run in this folder.
pub fn host_in(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrat"));
    command
        .args(["host", "--port", "0", "--control", "127.0.0.1:0"])
        .arg("--folder")
        .arg(folder)
        .stdin(Stdio::null());
    command
}
