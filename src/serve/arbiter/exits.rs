//! What an end brings with it: the lines that are logged, and the arbiter's own exit.

use nix::sys::signal::Signal;

use super::actions::{APP_LOAD_ERROR, Action, KillReason, WORKER_BOOT_ERROR};
use crate::machine::child::Ending;
use crate::serve::console::LogEvent;
use crate::serve::tally::ExitReason;

/// What is said of a worker that ended.
pub(super) fn log_exit(pid: i32, ending: Ending, killed: Option<KillReason>) -> Vec<Action> {
    match ending {
        Ending::Exited(0) => Vec::new(),
        Ending::Exited(code) => vec![Action::Log(LogEvent::WorkerExited { pid, code })],
        Ending::Signalled(signal) if signal == Signal::SIGKILL => {
            let attribution = match killed {
                Some(reason) => Action::Log(LogEvent::KilledByArbiter {
                    pid,
                    why: reason.words(),
                }),
                None => Action::LookForOutOfMemory { pid },
            };
            vec![Action::Log(LogEvent::WorkerSigkill { pid }), attribution]
        }
        Ending::Signalled(signal) if signal == Signal::SIGTERM => {
            vec![Action::Log(LogEvent::WorkerTerminated { pid })]
        }
        Ending::Signalled(signal) => {
            vec![Action::Log(LogEvent::WorkerSignalled { pid, signal })]
        }
    }
}

/// As what an end is counted. `None` where that is not known yet (signal 9 may be the kernel's, see
/// [`Action::LookForOutOfMemory`]), or the pool ends with it and nobody asks any more.
pub(super) fn exit_reason(
    ending: Ending,
    is_aborted: bool,
    killed: Option<KillReason>,
) -> Option<ExitReason> {
    match (ending, killed) {
        (_, Some(KillReason::GracefulTimeout)) => None,
        (_, Some(KillReason::Timeout)) => Some(ExitReason::Timeout),
        (Ending::Signalled(signal), None) if signal == Signal::SIGKILL => None,
        // With an answer in its hands it leaves with 0 after SIGABRT.
        _ if is_aborted => Some(ExitReason::Timeout),
        (Ending::Exited(0), None) => Some(ExitReason::Finished),
        (Ending::Exited(WORKER_BOOT_ERROR | APP_LOAD_ERROR), None) => Some(ExitReason::BootFailed),
        (Ending::Exited(_), None) => Some(ExitReason::ExitCode),
        (Ending::Signalled(_), None) => Some(ExitReason::Signal),
    }
}

/// What ends the arbiter itself.
pub(super) fn exit_actions(reason: Option<(&'static str, u8)>) -> Vec<Action> {
    match reason {
        None => vec![
            Action::Log(LogEvent::ShuttingDown {}),
            Action::Leave { code: 0 },
        ],
        Some((reason, code)) => vec![
            Action::Log(LogEvent::ShuttingDownFailed {}),
            Action::Log(LogEvent::Reason { reason }),
            Action::Leave { code },
        ],
    }
}

/// Gunicorn's name of a signal in `Handling signal: NAME`.
pub(super) fn short_name(signal: Signal) -> &'static str {
    match signal {
        Signal::SIGTERM => "term",
        Signal::SIGINT => "int",
        Signal::SIGQUIT => "quit",
        Signal::SIGHUP => "hup",
        Signal::SIGTTIN => "ttin",
        Signal::SIGTTOU => "ttou",
        Signal::SIGUSR1 => "usr1",
        Signal::SIGUSR2 => "usr2",
        Signal::SIGWINCH => "winch",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_counted_once_and_signal_9_by_whoever_finds_out_whose_it_was() {
        let kill = Ending::Signalled(Signal::SIGKILL.into());
        let crash = Ending::Signalled(Signal::SIGSEGV.into());
        let timeout = Some(KillReason::Timeout);
        for (ending, is_aborted, killed, reason) in [
            (Ending::Exited(0), false, None, Some(ExitReason::Finished)),
            (Ending::Exited(0), true, None, Some(ExitReason::Timeout)),
            (Ending::Exited(1), true, None, Some(ExitReason::Timeout)),
            (kill, true, timeout, Some(ExitReason::Timeout)),
            (kill, false, None, None),
            (kill, true, None, None),
            (crash, false, None, Some(ExitReason::Signal)),
            (Ending::Exited(3), false, None, Some(ExitReason::BootFailed)),
            (Ending::Exited(4), false, None, Some(ExitReason::BootFailed)),
            (Ending::Exited(255), false, None, Some(ExitReason::ExitCode)),
            (kill, false, Some(KillReason::GracefulTimeout), None),
        ] {
            let found = exit_reason(ending, is_aborted, killed);
            assert_eq!(found, reason, "{ending:?} {is_aborted} {killed:?}");
        }
    }
}
