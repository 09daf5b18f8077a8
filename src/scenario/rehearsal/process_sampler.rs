//! Looks at the server's processes at a steady interval, from outside: what it reads is in `/proc`, so
//! that no look stands in the queue of the pool.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::evidence::processes::{ProcessSample, Role, header};
use crate::host::{Host, SlotName, supervisor};
use crate::machine::family::{Member, family};

/// Between two looks, before the pace, and the least of it at any pace.
const INTERVAL: Duration = Duration::from_secs(1);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);

/// Rows that a run keeps: hours of a usual pool.
const MOST_ROWS: usize = 200_000;

/// Looks as long as it lives.
#[derive(Debug)]
pub(super) struct ProcessSampler {
    /// Dropped, it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where the rows are written until they are collected.
pub(super) fn file_in(folder: &Path) -> PathBuf {
    folder.join("processes.csv")
}

impl ProcessSampler {
    /// Begin to look at the containers that serve.
    ///
    /// # Errors
    /// When the file cannot be made or no thread be started.
    pub(super) fn start(host: Arc<Host>, folder: &Path, pace: f64) -> io::Result<Self> {
        let mut file = File::create(file_in(folder))?;
        let every = INTERVAL.mul_f64(pace).max(SHORTEST_INTERVAL);
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name("process-sampler".to_owned())
            .spawn(move || {
                let mut written = 0;
                while written < MOST_ROWS {
                    let slots = host.slots().into_iter();
                    let samples: Vec<_> = slots.flat_map(|slot| look(&host, slot)).collect();
                    let is_first = written == 0 && !samples.is_empty();
                    let mut text = if is_first { header() } else { String::new() };
                    text.extend(samples.iter().map(ProcessSample::line));
                    written += samples.len();
                    // A chart is not worth ending a run on a full disk, which others tell.
                    let is_kept = file.write_all(text.as_bytes()).is_ok();
                    let waited = stopped.recv_timeout(every);
                    if !is_kept || waited != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for ProcessSampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

/// The server's processes in the slot's container, as they are now.
fn look(host: &Host, slot: SlotName) -> Vec<ProcessSample> {
    let status = host.status(slot).ok();
    let Some(supervisor) = status.and_then(|status| status.process_group) else {
        return Vec::new();
    };
    let taken = Timestamp::now();
    let servers: Vec<Member> = family(supervisor.cast_signed())
        .into_iter()
        .filter(is_server)
        .collect();
    let pids: BTreeSet<i32> = servers.iter().map(|member| member.stat.pid).collect();
    let samples = servers.iter().map(|member| {
        let stat = &member.stat;
        let role = match pids.contains(&stat.ppid) {
            true => Role::Worker,
            false => Role::Arbiter,
        };
        let ticks = (stat.utime + stat.stime) as f64;
        ProcessSample {
            taken,
            slot: slot.to_string(),
            pid: stat.pid,
            role,
            resident_kb: stat.rss * procfs::page_size() / 1024,
            threads: stat.num_threads,
            descriptors: member.process.fd_count().ok().map(|count| count as u64),
            processor_seconds: ticks / procfs::ticks_per_second() as f64,
        }
    });
    samples.collect()
}

/// Whether it is neither what keeps the container nor the shell of its start script.
fn is_server(member: &Member) -> bool {
    let Ok(words) = member.process.cmdline() else {
        return false;
    };
    let Some(program) = words.first() else {
        // It has ended.
        return false;
    };
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_shell = matches!(name, "sh" | "bash" | "dash");
    !is_shell && !words.iter().any(|word| word == supervisor::COMMAND)
}
