//! Rivals that the lives of processes and containers tell of.

use super::{Decision, Scene, open, ruled_in, ruled_out};
use crate::evidence::criteria::{Metric, SnapshotKind};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::SnapshotBody;
use crate::tables::LogTime;
use crate::verdict::kills::KillCause;
use crate::verdict::measure::{metric_growth, restarts};
use crate::verdict::quote::Quote;
use crate::verdict::quote::{quote_file, quote_text};
use crate::verdict::text::{count, number};

/// A process that is older than this has started up.
const WARM_SECONDS: f64 = 60.0;

impl Scene<'_> {
    pub(super) fn out_of_memory_kill(&self) -> Decision {
        let by_memory = self
            .killed
            .iter()
            .find(|worker| worker.cause == KillCause::OutOfMemory);
        if let Some(worker) = by_memory {
            return ruled_in(
                format!("worker {}: {}", worker.pid, worker.because),
                worker.quotes.clone(),
            );
        }
        let growth = metric_growth(self.bundle, Metric::OutOfMemoryKills);
        if let Some(growth) = &growth
            && growth.amount > 0.0
        {
            let because = format!("the kernel's counter grew by {}", number(growth.amount));
            return ruled_in(because, growth.quotes.clone());
        }
        if self
            .killed
            .iter()
            .any(|worker| worker.cause == KillCause::Open)
        {
            return open("a worker was ended by SIGKILL, and who sent it is not known");
        }
        if let Some(growth) = growth {
            return ruled_out("the kernel's counter did not move", growth.quotes);
        }
        let lines = self.console();
        if lines.is_empty() {
            return open("no counter of such kills, and no console line of the run");
        }
        let because = format!(
            "no SIGKILL among {} of the run",
            count(lines.len(), "console line")
        );
        ruled_out(because, Vec::new())
    }

    pub(super) fn restart(&self) -> Decision {
        let bundle = self.bundle;
        let window = self.window;
        if bundle.platform.is_readable() && window.is_known() {
            let found = restarts(bundle, window);
            if let Some((event, _)) = found.first() {
                let quote = quote_text(&bundle.platform, event);
                let because = format!(
                    "{} of starts and stops within the trigger",
                    count(found.len(), "row")
                );
                return ruled_in(because, vec![quote]);
            }
        }
        if let Some((quotes, text)) = self.same_process() {
            return ruled_out(text, quotes);
        }
        let rows = bundle.platform.rows.len();
        if rows > 0 && window.is_known() {
            let because = format!(
                "none of {} lies within the trigger",
                count(rows, "platform row")
            );
            return ruled_out(because, Vec::new());
        }
        open("neither platform rows nor one process that answered before and after")
    }

    pub(super) fn same_process(&self) -> Option<(Vec<Quote>, String)> {
        let start = |at| {
            self.bundle
                .snapshots_of(SnapshotKind::Stats, at)
                .find_map(|snapshot| {
                    let SnapshotBody::Stats(stats) = &snapshot.body else {
                        return None;
                    };
                    Some((snapshot, stats.pid, stats.process_start_time?))
                })
        };
        let (first, pid, begun) = start(PhaseKind::Baseline)?;
        let (last, last_pid, last_begun) =
            start(PhaseKind::Post).or_else(|| start(PhaseKind::Mid))?;
        let apart = begun.duration_since(last_begun).as_secs_f64().abs();
        let before_trigger = self
            .window
            .start
            .is_none_or(|trigger| last_begun < trigger.timestamp());
        if apart > 5.0 || !before_trigger {
            return None;
        }
        let quotes = vec![
            quote_file(&first.file, format!("pid {pid} started {begun}")),
            quote_file(&last.file, format!("pid {last_pid} started {last_begun}")),
        ];
        Some((
            quotes,
            "the processes that answered before and after started together, before the trigger"
                .to_owned(),
        ))
    }

    pub(super) fn cold_start(&self) -> Decision {
        let bundle = self.bundle;
        let young = bundle.platform.rows.iter().find(|event| {
            let before = |start: LogTime| start.seconds_since(event.time);
            event.text.starts_with("Site started.")
                && self
                    .window
                    .start
                    .is_some_and(|start| before(start) < WARM_SECONDS)
                && self.window.end.is_none_or(|end| event.time <= end)
        });
        if let Some(event) = young {
            let quote = quote_text(&bundle.platform, event);
            if self.window.holds(event.time) {
                return ruled_in("the site started within the trigger", vec![quote]);
            }
            return match self.baseline_answer() {
                Some(answer) => ruled_out(
                    "the site started just before the trigger and answered its baseline",
                    vec![quote, answer],
                ),
                None => ruled_in(
                    "the site started just before the trigger, and nothing shows that it was warm",
                    vec![quote],
                ),
            };
        }
        let oldest = bundle
            .snapshots_of(SnapshotKind::Stats, PhaseKind::Baseline)
            .find_map(|snapshot| {
                let SnapshotBody::Stats(stats) = &snapshot.body else {
                    return None;
                };
                Some((snapshot, stats.uptime_seconds?))
            });
        match oldest {
            Some((snapshot, age)) if age >= WARM_SECONDS => {
                let text = format!("uptime_seconds {age:.0}");
                ruled_out(
                    format!("the process of the baseline was {age:.0} s old"),
                    vec![quote_file(&snapshot.file, text)],
                )
            }
            Some((_, age)) => self.warm_by_answers(age),
            None => open("how old the process was at baseline is not recorded"),
        }
    }

    /// A young process is warm all the same if it answered its baseline.
    fn warm_by_answers(&self, age: f64) -> Decision {
        match self.baseline_answer() {
            Some(answer) => ruled_out(
                format!("the process was {age:.0} s old and answered its baseline"),
                vec![answer],
            ),
            None => open(format!(
                "the process of the baseline was only {age:.0} s old"
            )),
        }
    }

    fn baseline_answer(&self) -> Option<Quote> {
        let mut health = self
            .bundle
            .snapshots_of(SnapshotKind::Health, PhaseKind::Baseline);
        let snapshot = health.next()?;
        Some(quote_file(&snapshot.file, "answered"))
    }
}
