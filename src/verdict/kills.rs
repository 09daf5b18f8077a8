//! Who sent a SIGKILL: the arbiter to a worker whose heartbeat stopped, or the kernel for memory.
//!
//! The arbiter's own line says "Perhaps out of memory?" of both; only other evidence can tell.

use super::measure::metric_growth;
use super::outcome::{KillCause, KilledWorker};
use super::quote::quote_text;
use crate::evidence::Bundle;
use crate::evidence::bundle::{Table, TextEvent};
use crate::evidence::criteria::Metric;

/// A heartbeat kill follows its `WORKER TIMEOUT` within this many seconds: the arbiter looks once
/// a second, first with SIGABRT, then with SIGKILL.
const HEARTBEAT_KILL_SECONDS: f64 = 10.0;

/// What the arbiter prints of a worker that was ended by SIGKILL.
const SIGKILL_LINE: &str = ") was sent SIGKILL!";

/// What else it prints of the same worker, who did it then, and why that is concluded; what stands
/// first counts.
const TOLD: [(&str, KillCause, &str); 3] = [
    // labrat's own arbiter reads the kernel's counter when a worker ends, and says so.
    (
        "was killed by the kernel, out of memory",
        KillCause::OutOfMemory,
        "the arbiter saw the kernel's counter of such kills grow",
    ),
    (
        "WORKER TIMEOUT",
        KillCause::Heartbeat,
        "WORKER TIMEOUT of the same pid came just before",
    ),
    // It also says when it killed the worker itself, which the line of the signal cannot tell.
    (
        "was killed by the arbiter",
        KillCause::Arbiter,
        "the arbiter says that it did",
    ),
];

/// The pid in a line such as `Worker (pid:1901) was sent SIGKILL!`.
pub(super) fn pid_of(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("(pid:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Every worker that the console says was ended by SIGKILL.
pub(super) fn killed_workers(bundle: &Bundle) -> Vec<KilledWorker> {
    let console = &bundle.console;
    let kills: Vec<(&TextEvent, u32)> = console
        .rows
        .iter()
        .filter(|event| event.text.contains(SIGKILL_LINE))
        .filter_map(|event| Some((event, pid_of(&event.text)?)))
        .collect();
    let mut workers: Vec<KilledWorker> = kills
        .iter()
        .map(|(kill, pid)| by_console(console, kill, *pid))
        .collect();
    attribute_to_the_kernel(bundle, &mut workers);
    grouped(workers)
}

/// One entry for those that ended alike, with the lines of the first and of the last.
fn grouped(workers: Vec<KilledWorker>) -> Vec<KilledWorker> {
    let mut groups: Vec<KilledWorker> = Vec::new();
    for worker in workers {
        let alike = |group: &&mut KilledWorker| {
            group.cause == worker.cause && group.because == worker.because
        };
        match groups.iter_mut().find(alike) {
            None => groups.push(worker),
            Some(group) => {
                if group.count > 1 {
                    group.quotes.pop();
                }
                group.count += 1;
                group.last_pid = worker.pid;
                group.quotes.extend(worker.quotes.into_iter().take(1));
            }
        }
    }
    groups
}

fn by_console(console: &Table<TextEvent>, kill: &TextEvent, pid: u32) -> KilledWorker {
    let near = |event: &&TextEvent| {
        let before = kill.time.seconds_since(event.time);
        (-1.0..=HEARTBEAT_KILL_SECONDS).contains(&before) && pid_of(&event.text) == Some(pid)
    };
    let mut quotes = vec![quote_text(console, kill)];
    for (text, cause, because) in TOLD {
        let mut told = console.rows.iter().filter(near);
        if let Some(line) = told.find(|event| event.text.contains(text)) {
            quotes.push(quote_text(console, line));
            return KilledWorker {
                pid,
                last_pid: pid,
                count: 1,
                cause,
                because: because.to_owned(),
                quotes,
            };
        }
    }
    KilledWorker {
        pid,
        last_pid: pid,
        count: 1,
        cause: KillCause::Open,
        because: "no WORKER TIMEOUT of the pid before it, and no counter of kills for memory"
            .to_owned(),
        quotes,
    }
}

/// Kills that the console leaves open are the kernel's if its counter grew by as many more than the
/// arbiter saw it grow.
fn attribute_to_the_kernel(bundle: &Bundle, workers: &mut [KilledWorker]) {
    let Some(growth) = metric_growth(bundle, Metric::OutOfMemoryKills) else {
        return;
    };
    let (told, open): (Vec<_>, Vec<_>) = workers
        .iter_mut()
        .filter(|worker| matches!(worker.cause, KillCause::OutOfMemory | KillCause::Open))
        .partition(|worker| worker.cause == KillCause::OutOfMemory);
    let left = growth.amount - told.len() as f64;
    let (cause, because) = if left < 0.0 {
        // The snapshots do not span the kills that the arbiter saw.
        return;
    } else if left >= open.len() as f64 {
        (
            KillCause::OutOfMemory,
            "the kernel's counter of kills for memory grew by as many",
        )
    } else if left > 0.0 {
        (
            KillCause::Open,
            "the kernel's counter of kills for memory grew by fewer than there are such kills",
        )
    } else if told.is_empty() {
        (
            KillCause::Open,
            "no WORKER TIMEOUT of the pid before it, and the kernel's counter of kills for memory \
             did not move: somebody else sent it",
        )
    } else {
        (
            KillCause::Open,
            "no WORKER TIMEOUT of the pid before it, and the kernel's counter of kills for memory \
             moved only for the others: somebody else sent it",
        )
    };
    for worker in open {
        worker.cause = cause;
        worker.because = because.to_owned();
        worker.quotes.extend(growth.quotes.clone());
    }
}
