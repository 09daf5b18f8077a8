//! What an end brings with it: the lines that are logged, and the arbiter's own exit.

use nix::sys::signal::Signal;

use super::actions::{Action, KillReason};
use crate::machine::child::Ending;
use crate::serve::console::LogEvent;

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
