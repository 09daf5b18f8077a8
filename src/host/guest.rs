//! A container that is a virtual machine, as its supervisor sees it: a console to read and to write.
//!
//! What the console says is what the startup command writes to its standard error, but for the last
//! line, which says how the command ended.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::machine::memory_box::{ENDED, STOP};

/// How long the console of an emulator that has ended is read for its rest.
const REST: Duration = Duration::from_secs(2);
/// The exit code of a machine that ended without saying how the startup command did: it crashed.
const CRASHED: i32 = 1;

/// Connect the emulator's streams: its standard error is the startup command's output.
pub(super) fn connect(emulator: &mut Command) -> std::io::Result<()> {
    let output = std::io::stdout().as_fd().try_clone_to_owned()?;
    emulator
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(output);
    Ok(())
}

/// Tell the first process inside to pass TERM on.
pub(super) async fn stop(console: &mut ChildStdin) {
    let line = format!("{STOP}\n");
    // A machine that has ended reads nothing any more, and a closed console ends none.
    let _ = console.write_all(line.as_bytes()).await;
    let _ = console.flush().await;
}

/// The console, read line by line.
#[derive(Debug)]
pub(super) struct Console(JoinHandle<Option<i32>>);

impl Console {
    /// Write every line to this process's standard error, but for the one about the end.
    pub(super) fn relay(output: ChildStdout) -> Self {
        Self(tokio::spawn(async move {
            let mut reader = BufReader::new(output);
            let mut ended = None;
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .await
                .is_ok_and(|read| read > 0)
            {
                match exit_code(&String::from_utf8_lossy(&line)) {
                    Some(code) => ended = Some(code),
                    // Where nobody reads it, it is lost, as everything else is.
                    None => drop(std::io::stderr().write_all(&line)),
                }
                line.clear();
            }
            ended
        }))
    }

    /// The exit code of the startup command; `emulator` is that of the emulator.
    pub(super) async fn code_of_guest(self, emulator: i32) -> i32 {
        let said = tokio::time::timeout(REST, self.0).await;
        match said {
            Ok(Ok(Some(code))) => code,
            _ if emulator != 0 => emulator,
            _ => CRASHED,
        }
    }
}

/// The exit code in the line about the end, 128 and the signal's number for a signal.
fn exit_code(line: &str) -> Option<i32> {
    let (_, how) = line.split_once(ENDED)?;
    let number = |text: &str| text.trim().parse::<i32>().ok();
    match how.strip_prefix("exit code ") {
        Some(code) => number(code),
        None => number(how.strip_prefix("signal ")?).map(|signal| 128 + signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_console_is_the_exit_code() {
        for (how, expected) in [
            ("exit code 3\n", Some(3)),
            ("signal 9\n", Some(137)),
            ("a bang\n", None),
        ] {
            assert_eq!(exit_code(&format!("{ENDED}{how}")), expected, "{how}");
        }
        assert_eq!(exit_code("[INFO] Listening at: exit code 3"), None);
    }
}
