//! Every exit code of the program, in one place.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command did what it was asked; for a verdict: the incident was reproduced.
    Success = 0,
    /// The command failed: a file, a socket, a target that cannot be reached. For `serve` also
    /// what Gunicorn ends with 1: settings that cannot be honoured, a port in use.
    Failure = 1,
    /// The command line cannot be read.
    Usage = 2,
    /// `serve`: a worker failed to boot, Gunicorn's code.
    WorkerFailedToBoot = 3,
    /// `serve`: the application could not be loaded, Gunicorn's code.
    ApplicationFailedToLoad = 4,
    /// A verdict: the evidence says that the incident was not reproduced.
    NotReproduced = 10,
    /// A verdict: the evidence does not suffice to say either.
    Inconclusive = 11,
    /// A trigger was stopped by a signal before its end; what was captured is kept.
    CutShort = 12,
    /// A verdict: the symptom is not there, and what should be healthy is not. Of a rehearsed fix or
    /// control also: the symptom is still there.
    Unhealthy = 13,
}

impl Exit {
    /// All codes, in order.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::WorkerFailedToBoot,
        Self::ApplicationFailedToLoad,
        Self::NotReproduced,
        Self::Inconclusive,
        Self::CutShort,
        Self::Unhealthy,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for `--help` and docs/exit-codes.md.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done; verdict: reproduced; rehearse: as expected; diagnose: named",
            Self::Failure => {
                "failed: a file, a socket, a target; for serve: bad settings, port in use"
            }
            Self::Usage => "the command line cannot be read",
            Self::WorkerFailedToBoot => "serve: a worker failed to boot",
            Self::ApplicationFailedToLoad => "serve: the application failed to load",
            Self::NotReproduced => "verdict: not reproduced",
            Self::Inconclusive => {
                "verdict, diagnose, settings check: inconclusive, evidence is missing"
            }
            Self::CutShort => "trigger: stopped before its end, what was captured is kept",
            Self::Unhealthy => {
                "verdict: not reproduced, and not healthy; rehearse: a fix that fails"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table that `--help` ends with.
pub(super) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        text.push_str(&format!("  {:>2}  {}\n", exit.code(), exit.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_outcomes_share_a_code() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(codes.is_sorted());
    }

    #[test]
    fn help_names_every_code() {
        let help = help();
        for exit in Exit::ALL {
            assert!(help.contains(exit.meaning()), "{exit:?}");
        }
    }
}
