//! The signal thread: a worker's second thread, which waits for signals and acts on them.
//!
//! What a Python worker does inside a signal handler (raise `SystemExit` in the middle of a
//! request) is done here from beside: the signal thread takes the connection that the main thread is
//! serving, answers it with Gunicorn's page, says what Gunicorn says, and ends the process. A
//! worker that is stopped or stuck in the kernel does not get here; it is killed by the arbiter.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::state::{InFlight, WorkerState, poll_timeout, to_read};
use super::{WorkerContext, arbiter_is_alive};
use crate::app::RouteLabel;
use crate::machine::sys;
use crate::serve::access_log::Entry;
use crate::serve::console::LogEvent;
use crate::serve::http::reply;
use crate::serve::settings::WorkerClass;
use crate::serve::tally::Request;

/// Asks a worker to look around: was a reset asked for, is the arbiter gone? Ignored by default,
/// so that a process that is no worker any more does not mind.
pub(in crate::serve) const POLL_FLAGS: Signal = Signal::SIGURG;

/// The pause that Gunicorn makes between `INT` or `QUIT` and the end.
const QUIT_PAUSE: Duration = Duration::from_millis(100);
/// Pause between two looks whether the threads of a worker that quits are done.
const LOOK_AT_THREADS: Duration = Duration::from_millis(10);
/// The signal thread reads, logs and writes one page: it needs little stack.
const STACK: usize = 128 * 1024;

/// The signals that a worker handles or must not be stopped by; all others do what they do by
/// default.
fn watched() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGABRT,
        Signal::SIGUSR1,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
        POLL_FLAGS,
    ]
    .into_iter()
    .collect()
}

/// Block the watched signals in this thread and all that follow, and start the signal thread.
pub(super) fn start(context: WorkerContext, worker: Arc<WorkerState>) -> io::Result<()> {
    let signals = watched();
    signals.thread_set_mask()?;
    let descriptor =
        SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    nix::sys::prctl::set_pdeathsig(POLL_FLAGS)?;
    thread::Builder::new()
        .name("watch".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let mut thread = SignalThread {
                seen_resets: context.scoreboard.reset_generation(),
                context,
                worker,
                last_moment: None,
            };
            // The arbiter may have died between the fork and the line above.
            thread.poll_flags();
            loop {
                thread.wait(&descriptor);
                while let Ok(Some(info)) = descriptor.read_signal() {
                    let signal = i32::try_from(info.ssi_signo)
                        .ok()
                        .and_then(|number| Signal::try_from(number).ok());
                    if let Some(signal) = signal {
                        thread.act_on(signal);
                    }
                }
            }
        })?;
    Ok(())
}

struct SignalThread {
    context: WorkerContext,
    worker: Arc<WorkerState>,
    seen_resets: u64,
    /// When an orphaned worker leaves even if its request still runs.
    last_moment: Option<Instant>,
}

impl SignalThread {
    fn wait(&mut self, descriptor: &SignalFd) {
        let timeout = match self.last_moment {
            None => PollTimeout::NONE,
            Some(moment) => poll_timeout(moment.saturating_duration_since(Instant::now())),
        };
        let woken = poll(&mut [to_read(descriptor)], timeout);
        let is_over = self
            .last_moment
            .is_some_and(|moment| Instant::now() >= moment);
        if matches!(woken, Ok(0) | Err(Errno::EINTR)) && is_over {
            self.worker.leave_now(0);
        }
    }

    fn act_on(&mut self, signal: Signal) {
        match signal {
            Signal::SIGTERM => self.worker.stop(),
            Signal::SIGINT | Signal::SIGQUIT => {
                self.worker.stop();
                // Not synchronisation: Gunicorn's pause, in which a request may still end.
                thread::sleep(QUIT_PAUSE);
                self.cut_down("SystemExit: 0", "handle_quit", 0);
            }
            // Without telling the main thread to stop: an idle one would leave by itself, with
            // exit code 0, if it came first.
            Signal::SIGABRT => self.cut_down("SystemExit: 1", "handle_abort", 1),
            Signal::SIGUSR1 => {
                self.context.log.reopen();
                if let Some(access) = &self.context.access {
                    access.reopen();
                }
            }
            POLL_FLAGS => self.poll_flags(),
            _ => {}
        }
    }

    /// End the process: after answering the request in flight, or with `idle_code` without one.
    fn cut_down(&self, exception: &str, handler: &str, idle_code: i32) -> ! {
        match self.worker.take_in_flight() {
            Some(in_flight) => {
                self.answer_for(&in_flight, exception, handler);
                self.worker.leave_now(0)
            }
            None => {
                let code = self.worker.leave(idle_code);
                self.wait_for_threads();
                sys::exit_now(code)
            }
        }
    }

    /// The threads of a gthread worker end what they have begun, as Python's do when it exits; the
    /// arbiter kills whoever takes longer than it waits.
    fn wait_for_threads(&self) {
        if self.context.settings.worker_class == WorkerClass::Gthread {
            while self.context.slot.in_flight() > 0 {
                thread::sleep(LOOK_AT_THREADS);
            }
        }
    }

    fn answer_for(&self, in_flight: &InFlight, exception: &str, handler: &str) {
        let head = in_flight.head.as_deref();
        let request = head.map_or_else(
            || "(no URI read)".to_owned(),
            |head| format!("{} {}", head.method, head.target),
        );
        self.context.log.log(&LogEvent::ErrorHandlingRequest {
            request: &request,
            traceback: &format!(
                "Traceback (most recent call last):\n  File \"labrat\", in {handler}\n{exception}"
            ),
        });
        if let Some(head) = head {
            let (path, tally) = (head.path(), self.context.scoreboard.tally());
            tally.count_request(&Request {
                method: &head.method,
                target: &path,
                route: RouteLabel::of(&path),
                status: 500,
                took: in_flight.since.elapsed(),
                parent: tally.parent(|| head.header("TRACEPARENT")),
            });
        }
        if let (Some(access), Some(head)) = (&self.context.access, head) {
            access.write(&Entry {
                peer: in_flight.peer,
                request: (&head.method, &head.target, head.version),
                head: Some(head),
                script_name: "",
                status: 500,
                sent: 0,
                response: None,
                took: in_flight.since.elapsed(),
            });
        }
        let page = reply::error_page(500, "Internal Server Error", "");
        if let Err(error) = in_flight.connection.send_without_waiting(&page) {
            self.context
                .log
                .debug(&format!("Failed to send error message. {error}"));
        }
    }

    fn poll_flags(&mut self) {
        let resets = self.context.scoreboard.reset_generation();
        if resets != self.seen_resets {
            self.seen_resets = resets;
            if let Some(state) = self.worker.state() {
                state.undo_faults();
                self.context.slot.note_leak_blocks(state.leak_blocks());
            }
        }
        if self.context.scoreboard.is_warm_up_wanted()
            && let Some(state) = self.worker.state()
        {
            state.begin_warm_up();
        }
        if !arbiter_is_alive(self.context.arbiter) && self.last_moment.is_none() {
            self.last_moment = Some(Instant::now() + self.context.settings.graceful_timeout);
            self.worker.stop();
        }
    }
}

/// Ask a worker to look around; a worker that has gone does not mind.
pub(in crate::serve) fn wake(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // ESRCH: it has gone, and with it its faults.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), POLL_FLAGS);
    }
}
