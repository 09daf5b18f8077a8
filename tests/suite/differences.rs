//! Where labrat differs from Gunicorn on purpose: one table, which docs/gunicorn.md shows. A case may
//! allow a difference only by naming its entry here.

use crate::harness::{Kind, peer};

/// One deliberate difference.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name of its constant, by which cases refer to it.
    pub name: &'static str,
    /// What it is about, for the page and for messages.
    pub subject: &'static str,
    /// What Gunicorn 25.3.0 does.
    pub gunicorn: &'static str,
    /// What labrat does.
    pub labrat: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Where labrat writes lines that Gunicorn does not: words in them.
    pub extra: &'static [&'static str],
}

impl Difference {
    /// Check that what the entry says holds: a difference that has gone must leave the table.
    pub fn holds(&self, seen: bool) {
        assert!(
            seen || peer() == Kind::Gunicorn,
            "{}: it is not as the table of differences says",
            self.subject
        );
    }

    /// Remove the lines that only labrat writes; how many there were.
    pub fn strip(&self, lines: &mut Vec<String>) -> usize {
        let before = lines.len();
        lines.retain(|line| !self.extra.iter().any(|words| line.contains(words)));
        before - lines.len()
    }
}

macro_rules! differences {
    ($($name:ident { $($field:ident: $value:expr),* $(,)? })*) => {
        $(
            pub const $name: Difference = Difference {
                name: stringify!($name),
                $($field: $value),*
            };
        )*

        /// Every entry, in the page's order.
        pub const ALL: &[Difference] = &[$($name),*];
    };
}

differences! {
    PROGRAM_NAME {
        subject: "The program's name in its own messages",
        gunicorn: "`Starting gunicorn 25.3.0`, `usage: gunicorn ...`, `gunicorn: error: ...`",
        labrat: "`Starting gunicorn-compatible labrat X.Y.Z`, `usage: labrat serve ...`, \
                 `labrat: error: ...`",
        reason: "nobody shall be deceived about what runs; console queries for \
                 `Starting gunicorn` still match",
        extra: &[],
    }
    BOOT_FAILURE {
        subject: "A failed boot of several workers",
        gunicorn: "mostly a traceback of `HaltServer` and exit code 1",
        labrat: "always `Shutting down: Master`, `Reason: ...` and exit code 3 or 4, as with one \
                 worker",
        reason: "which of the two happens to Gunicorn is a race, and the lab's lines and codes \
                 are those of the good case",
        extra: &[],
    }
    TRACEBACKS {
        subject: "The inside of tracebacks",
        gunicorn: "Python's frames, and the exceptions that were only causes",
        labrat: "a shorter block in the same form, with the same last line",
        reason: "there is no Python; queries look for the last line",
        extra: &[],
    }
    BARE_DEFAULT {
        subject: "No `MODULE:APP`",
        gunicorn: "`Error: No application module specified.`, exit code 1",
        labrat: "runs the lab application",
        reason: "it is the only one there is",
        extra: &[],
    }
    IGNORED_FLAGS {
        subject: "Flags of Gunicorn that have no meaning here",
        gunicorn: "acts on them",
        labrat: "accepts them with one warning each that says why they do nothing",
        reason: "a startup command must not fail because of, say, `--worker-tmp-dir`",
        extra: &["labrat: warning:"],
    }
    RESOLVED_SETTINGS {
        subject: "`--print-config`",
        gunicorn: "some hundred settings as they were written, before they are understood",
        labrat: "the settings that have a meaning here, as they will be used (`:7000` is \
                 `0.0.0.0:7000`, more than one thread makes the class `gthread`)",
        reason: "what one wants to know of a configuration is what it will do",
        extra: &[],
    }
    CHECKED_SETTINGS {
        subject: "`--check-config`",
        gunicorn: "looks only whether the application loads: a port that is no number passes",
        labrat: "also refuses what a start would refuse (addresses, worker class, log files), with \
                 the start's own words and exit code 1",
        reason: "who checks a configuration wants to know whether it starts",
        extra: &[],
    }
    FORK_PACE {
        subject: "Pauses between forks",
        gunicorn: "sleeps up to 0.1 s after each worker that it forks",
        labrat: "does not",
        reason: "a pool that is ready in milliseconds; no lab depends on the pause",
        extra: &[],
    }
    KILL_ATTRIBUTION {
        subject: "Who sent SIGKILL",
        gunicorn: "`Worker (pid:N) was sent SIGKILL! Perhaps out of memory?`, whoever sent it",
        labrat: "the same line; where the arbiter itself sent the signal, or the kernel's \
                 `oom_kill` counter moved, a further line says so",
        reason: "the question mark is the start of many wrong diagnoses, and labrat knows the \
                 answer",
        extra: &[
            "was killed by the arbiter, not by the kernel",
            "was killed by the kernel, out of memory",
        ],
    }
    UPGRADE_IN_PLACE {
        subject: "`USR2` to the arbiter",
        gunicorn: "starts a second arbiter beside the first",
        labrat: "says that it does not, and goes on",
        reason: "App Service never sends it, and no lab rehearses it",
        extra: &["USR2 ignored"],
    }
    CONTROL_SOCKET {
        subject: "The control socket",
        gunicorn: "`gunicorn.ctl`, announced again after every later fork; 25.3.0 sometimes \
                   stalls 2 s at a fork because of it; one that cannot be made is an error line",
        labrat: "`labrat.ctl`, announced once, without a thread and so without a stall; one that \
                 cannot be made is a warning",
        reason: "the repetition and the stall are accidents of an early version",
        extra: &["Control socket"],
    }
    OPEN_FAULTS {
        subject: "Fault endpoints on a public address",
        gunicorn: "nothing is said",
        labrat: "without `LAB_KEY`, one warning at start",
        reason: "a program that fails on request must not be left open unknowingly",
        extra: &["Fault endpoints are open"],
    }
    ACCESS_LOG_USER {
        subject: "`%(u)s` in the access log",
        gunicorn: "the user name of an `Authorization: Basic` header",
        labrat: "always `-`",
        reason: "the lab application has no users, and what a client sends as a credential stays \
                 out of logs",
        extra: &[],
    }
    FAILED_STARTS {
        subject: "Workers that end within a second and have served nobody",
        gunicorn: "are forked anew at once, some twenty times a second",
        labrat: "are forked anew after a pause that grows to a second",
        reason: "a start that cannot succeed fills neither log nor process table; codes 3 and 4 end \
                 the pool as they do there",
        extra: &[],
    }
    ORPHANS {
        subject: "As PID 1: orphans that end",
        gunicorn: "logs them as workers; one that exits with 3 or 4 ends the server",
        labrat: "reaps them in silence",
        reason: "in a container every orphan is handed to PID 1, and is no worker",
        extra: &[],
    }
    DESCRIPTORS {
        subject: "No descriptor left for a new connection",
        gunicorn: "the worker dies of `OSError: [Errno 24] Too many open files`, and what it held \
                   with it",
        labrat: "`Cannot accept connections: ...` once a second; what is held is kept, and accepting \
                 goes on when there are descriptors again",
        reason: "the shortage is the incident, not the loss of everybody's connections",
        extra: &["Cannot accept connections"],
    }
    SOCKETS_OF_WORKERS {
        subject: "`unix:` addresses with `--reuse-port`",
        gunicorn: "every worker replaces the file of the one before, so that only the last is reached",
        labrat: "the workers share one socket; TCP sockets each has its own",
        reason: "a file has no SO_REUSEPORT",
        extra: &[],
    }
    MOST_WORKERS {
        subject: "More than 128 workers or 1024 threads",
        gunicorn: "starts as many as the machine bears",
        labrat: "refuses at start; `TTIN` and `ctl worker add` beyond it change nothing and say so",
        reason: "the scoreboard has room for twice as many, for a reload",
        extra: &["A pool has at most"],
    }
    UNHEARD_FIGURES {
        subject: "A statsd server that nobody runs",
        gunicorn: "a warning with a traceback for every packet that is refused",
        labrat: "says nothing",
        reason: "three tracebacks a request would bury the incident",
        extra: &[],
    }
    TRAILING_SLASH {
        subject: "A slash after a probe: `/health`, `/ready`, `/startup`, `/warmup`",
        gunicorn: "404",
        labrat: "200",
        reason: "platforms that probe with a slash at the end must find the target healthy",
        extra: &[],
    }
}

/// The table, for docs/gunicorn.md.
pub fn rows() -> impl Iterator<Item = Vec<String>> {
    ALL.iter().map(|entry| {
        [entry.subject, entry.gunicorn, entry.labrat, entry.reason]
            .map(str::to_owned)
            .to_vec()
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::ALL;

    /// The text of all Rust files under `folder`.
    fn sources(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_difference_is_checked_by_a_case() {
        let mut text = String::new();
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/conformance");
        sources(Path::new(cases), &mut text);
        let unused: Vec<_> = ALL
            .iter()
            .map(|entry| entry.name)
            .filter(|name| {
                !text.contains(&format!("{name}.")) && !text.contains(&format!("{name})"))
            })
            .collect();
        assert!(unused.is_empty(), "no case checks {unused:?}");
    }
}
