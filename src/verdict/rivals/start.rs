//! Rivals that a start tells of: one that takes too long, and one that ends by itself.

use super::{Decision, Scene, open, ruled_in, ruled_out};
use crate::evidence::bundle::TextEvent;
use crate::evidence::criteria::Moment;
use crate::verdict::bind::reach;
use crate::verdict::quote::quote_text;
use crate::verdict::text::count;

/// What the platform says of a container that ended by itself.
const EXITED: &str = "Container has finished running with exit code";
/// What it says of every start that came to nothing, whatever the reason.
const LIMIT: &str = "did not start within expected time limit";
/// What an application that cannot be imported leaves in the console.
pub(super) const IMPORT_FAILURES: [&str; 3] = [
    "No module named",
    "App failed to load.",
    "Failed to find attribute",
];

impl Scene<'_> {
    fn platform_line(&self, text: &str) -> Option<&TextEvent> {
        let rows = &self.bundle.platform.rows;
        rows.iter().find(|event| event.text.contains(text))
    }

    pub(super) fn slow_start(&self) -> Decision {
        let file = &self.bundle.platform;
        if let Some(event) = self.platform_line(EXITED) {
            return ruled_out(
                "the container ended by itself",
                vec![quote_text(file, event)],
            );
        }
        let reach = reach(self.bundle, Moment::Before);
        if reach.in_reach == Some(false) {
            return ruled_out(
                format!("{}, where no waiting helps", reach.observed),
                reach.quotes,
            );
        }
        if let Some(event) = self.platform_line(LIMIT) {
            return ruled_in(
                "the platform waited until its limit, and the container still ran",
                vec![quote_text(file, event)],
            );
        }
        match self.bundle.platform.rows.len() {
            0 => open("no platform row"),
            rows => ruled_out(
                format!(
                    "no start reached its limit among {}",
                    count(rows, "platform row")
                ),
                Vec::new(),
            ),
        }
    }

    pub(super) fn boot_failure(&self) -> Decision {
        if let Some(line) = self.console_line(&IMPORT_FAILURES) {
            let quote = self.quote_console(line);
            return ruled_out("it could not even be imported", vec![quote]);
        }
        let failed = ["Exception in worker process", "Worker failed to boot."];
        if let Some(line) = self.console_line(&failed) {
            let quote = self.quote_console(line);
            return ruled_in("the application gave up at boot", vec![quote]);
        }
        match self.bundle.console.rows.len() {
            0 => open("no console line"),
            lines => ruled_out(
                format!("no failed boot among {}", count(lines, "console line")),
                Vec::new(),
            ),
        }
    }
}
