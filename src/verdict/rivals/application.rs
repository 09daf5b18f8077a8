//! Rivals that the application tells of: what it calls, how it was started, where it listens.

use super::start::IMPORT_FAILURES;
use super::{Decision, Scene, open, ruled_in, ruled_out};
use crate::evidence::bundle::TextEvent;
use crate::evidence::criteria::{Check, SnapshotKind};
use crate::evidence::manifest::PhaseKind;
use crate::verdict::measure::measure;
use crate::verdict::outcome::Finding;
use crate::verdict::quote::{quote_file, quote_sample};
use crate::verdict::text::count;

/// What outbound calls that fail leave in the console.
const DEPENDENCY_LINES: [&str; 9] = [
    "ConnectionRefusedError",
    "ConnectTimeout",
    "ReadTimeout",
    "TimeoutError",
    "Max retries exceeded",
    "OperationalError",
    "could not connect to server",
    "Temporary failure in name resolution",
    "Login failed for user",
];

/// What a connection without a local port leaves in the console.
const NO_PORT_LINES: [&str; 2] = ["Cannot assign requested address", "EADDRNOTAVAIL"];

impl Scene<'_> {
    pub(super) fn outbound_ports(&self) -> Decision {
        if let Some(line) = self.console_line(&NO_PORT_LINES) {
            let quote = self.quote_console(line);
            return ruled_in("there was no local port left for a connection", vec![quote]);
        }
        match self.console().len() {
            0 => open("no console line of the run"),
            lines => ruled_out(
                format!("none among {}", count(lines, "console line")),
                Vec::new(),
            ),
        }
    }

    pub(super) fn saturation(&self) -> Decision {
        let measured = measure(&Check::AllWorkersBusyWithQueue, self.bundle);
        match measured.finding {
            Finding::Met => ruled_in(measured.observed, measured.quotes),
            Finding::NotMet => ruled_out(
                "in no snapshot was every worker busy while connections waited",
                Vec::new(),
            ),
            Finding::NoEvidence => open(measured.observed),
        }
    }

    pub(super) fn dependency(&self) -> Decision {
        if let Some(line) = self.console_line(&DEPENDENCY_LINES) {
            let quote = self.quote_console(line);
            return ruled_in("an outbound call failed", vec![quote]);
        }
        let lines = self.console();
        if lines.is_empty() {
            return open("no console line of the run");
        }
        let because = format!(
            "no failed outbound call among {}",
            count(lines.len(), "console line")
        );
        ruled_out(because, Vec::new())
    }

    pub(super) fn wrong_command(&self) -> Decision {
        if let Some(line) = self.console_line(&IMPORT_FAILURES) {
            let quote = self.quote_console(line);
            return ruled_in("the application could not be imported", vec![quote]);
        }
        let answered = self
            .bundle
            .snapshots_of(SnapshotKind::Health, PhaseKind::Baseline)
            .next();
        match answered {
            Some(snapshot) => ruled_out(
                "the target answered its baseline with the command that it has",
                vec![quote_file(&snapshot.file, "answered")],
            ),
            None => open("neither an import failure nor an answer at baseline"),
        }
    }

    pub(super) fn wrong_port(&self) -> Decision {
        let listening: Vec<&TextEvent> = self
            .bundle
            .console
            .rows
            .iter()
            .filter(|event| event.text.contains("Listening at:"))
            .collect();
        let local = listening
            .iter()
            .find(|event| event.text.contains("127.0.0.1") || event.text.contains("[::1]"));
        // A pool on this machine without a platform around it is reached through its loopback
        // address; one behind a platform is not, wherever that platform runs.
        let behind_a_platform = !self.bundle.platform.rows.is_empty();
        let remote = behind_a_platform
            || self.bundle.manifest.as_ref().is_none_or(|manifest| {
                !manifest.target.as_deref().is_some_and(|target| {
                    target.contains("127.0.0.1") || target.contains("localhost")
                })
            });
        if let Some(event) = local.filter(|_| remote) {
            let quote = self.quote_console(event);
            return ruled_in(
                "the application listens on the loopback address only",
                vec![quote],
            );
        }
        if let Some(event) = listening.first() {
            let quote = self.quote_console(event);
            return ruled_out("it listens where the platform looks", vec![quote]);
        }
        let answered = self
            .bundle
            .trigger_samples()
            .find(|(_, sample)| sample.status.code() == 200);
        match answered {
            Some((set, sample)) => ruled_out("the target answers", vec![quote_sample(set, sample)]),
            None => open("no `Listening at:` in the console, and no answer"),
        }
    }
}
