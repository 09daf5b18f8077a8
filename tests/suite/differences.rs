//! Where labrat differs from Gunicorn on purpose: one table, which the README shows. A case may
//! allow a difference only by naming its entry here.

/// One deliberate difference.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about, for headings and messages.
    pub subject: &'static str,
    /// What Gunicorn 25.3.0 does.
    pub gunicorn: &'static str,
    /// What labrat does.
    pub labrat: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Where the outcome is one word, Gunicorn's and labrat's, so that cases can check both.
    pub outcome: Option<(&'static str, &'static str)>,
    /// Where labrat writes further lines: words in them.
    pub extra: &'static [&'static str],
}

impl Difference {
    /// Check that both behave as the entry says: a difference that has gone must leave the table.
    pub fn check(&self, gunicorn: String, labrat: String) -> Result<(), String> {
        let found = (gunicorn.as_str(), labrat.as_str());
        let Some(expected) = self.outcome else {
            return Err(format!("{}: has no outcome to compare", self.subject));
        };
        if found == expected || crate::harness::peer() == crate::harness::Kind::Gunicorn {
            return Ok(());
        }
        Err(format!(
            "{}: expected {expected:?}, found {found:?}",
            self.subject
        ))
    }

    /// The line with the program's name as Gunicorn would write it.
    pub fn undo(&self, line: &str) -> String {
        line.replace("labrat serve", "gunicorn")
            .replace("labrat:", "gunicorn:")
    }

    /// Check that what the entry says holds.
    pub fn holds(&self, seen: bool) {
        let same = crate::harness::peer() == crate::harness::Kind::Gunicorn;
        assert!(seen || same, "{}: is not as the table says", self.subject);
    }

    /// Remove the lines that only labrat writes; how many there were.
    pub fn strip(&self, lines: &mut Vec<String>) -> usize {
        let before = lines.len();
        lines.retain(|line| !self.extra.iter().any(|words| line.contains(words)));
        before - lines.len()
    }
}

/// Gunicorn's arbiter stumbles when several workers fail to boot.
pub const BOOT_FAILURE: Difference = Difference {
    subject: "A failed boot of several workers",
    gunicorn: "mostly a traceback of `HaltServer` and exit code 1",
    labrat: "always `Shutting down: Master`, `Reason: ...` and exit code 3 or 4, as with one worker",
    reason: "which of the two happens to Gunicorn is a race, and the lab's lines and codes are \
             those of the good case",
    outcome: None,
    extra: &[],
};

/// The program is not called Gunicorn.
pub const PROGRAM_NAME: Difference = Difference {
    subject: "The program's name in its own messages",
    gunicorn: "`Starting gunicorn 25.3.0`, `usage: gunicorn ...`, `gunicorn: error: ...`",
    labrat: "`Starting gunicorn-compatible labrat X.Y.Z`, `usage: labrat serve ...`, \
             `labrat: error: ...`",
    reason: "nobody shall be deceived about what runs; console queries for `Starting gunicorn` \
             still match",
    outcome: None,
    extra: &[
        "Starting gunicorn-compatible labrat",
        "labrat: error:",
        "usage: labrat serve",
    ],
};

/// labrat has one application.
pub const BARE_DEFAULT: Difference = Difference {
    subject: "No `MODULE:APP`",
    gunicorn: "`Error: No application module specified.`, exit code 1",
    labrat: "runs the lab application",
    reason: "it is the only one there is",
    outcome: None,
    extra: &[],
};

/// labrat says who killed a worker.
pub const KILL_ATTRIBUTION: Difference = Difference {
    subject: "Who sent SIGKILL",
    gunicorn: "`Worker (pid:N) was sent SIGKILL! Perhaps out of memory?`, whoever sent it",
    labrat: "the same line; where the arbiter itself sent the signal, or the kernel's `oom_kill` \
             counter moved, a further line says so",
    reason: "the question mark is the start of many wrong diagnoses, and labrat knows the answer",
    outcome: None,
    extra: &[
        "was killed by the arbiter, not by the kernel",
        "was killed by the kernel, out of memory",
    ],
};

/// Platforms probe with a slash at the end.
pub const TRAILING_SLASH: Difference = Difference {
    subject: "A slash after `/health` and `/ready`",
    gunicorn: "404",
    labrat: "200",
    reason: "platforms that probe with a slash at the end must find the target healthy",
    outcome: Some(("404", "200")),
    extra: &[],
};
