//! A home of a bounded size, as a process that keeps it mounted.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::supervisor::HOME_IS_THERE;
use crate::machine::Unavailable;

/// How long it may take to be there.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A mounted home. Dropped, it is gone, and so it is with this process.
#[derive(Debug)]
pub(super) struct HomeVolume {
    pid: u32,
    _keeper: Child,
    /// The keeper ends when this is closed.
    _lifeline: Option<ChildStdin>,
}

impl HomeVolume {
    /// Mount one over a folder, with what is in it.
    pub(super) async fn mount(
        executable: &Path,
        folder: &Path,
        megabytes: u64,
    ) -> Result<Self, Unavailable> {
        let because = |error: std::io::Error| Unavailable::because(error.to_string());
        let mut keeper = Command::new(executable)
            .arg("__home")
            .arg(folder)
            .arg(megabytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What somebody types at the terminal is for the emulator.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(because)?;
        let lifeline = keeper.stdin.take();
        let (Some(output), Some(mut errors)) = (keeper.stdout.take(), keeper.stderr.take()) else {
            return Err(Unavailable::because("a pipe of its keeper is missing"));
        };
        let mut line = String::new();
        let mut output = BufReader::new(output);
        let said = tokio::time::timeout(START_LIMIT, output.read_line(&mut line)).await;
        if line.trim() == HOME_IS_THERE {
            let pid = keeper.id().unwrap_or_default();
            return Ok(Self {
                pid,
                _keeper: keeper,
                _lifeline: lifeline,
            });
        }
        if said.is_err() {
            return Err(Unavailable::because("its keeper does not get ready"));
        }
        let mut why = String::new();
        // It has ended, or is about to.
        let _ = tokio::time::timeout(START_LIMIT, errors.read_to_string(&mut why)).await;
        let why = why.trim().trim_start_matches("error: ").to_owned();
        Err(Unavailable::because(why)
            .with_hint("run as root, or where user namespaces may be made"))
    }

    /// The process that keeps it.
    pub(super) fn keeper(&self) -> u32 {
        self.pid
    }
}
