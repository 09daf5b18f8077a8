//! Who sent a SIGKILL: attributed where the evidence says so, open where it does not.

use labrat::tables::ConsoleRow;
use labrat::verdict::{KillCause, KilledWorker};
use serde_json::{Value, json};

use super::incidents::{console_row, memory_pressure, proc_body};

const SIGKILL: &str = "[ERROR] Worker (pid:11) was sent SIGKILL! Perhaps out of memory?";

fn killed(rows: &[ConsoleRow]) -> KilledWorker {
    let verdict = memory_pressure().table("console", rows).judge();
    assert_eq!(verdict.killed_workers.len(), 1);
    verdict.killed_workers[0].clone()
}

fn with_oom_kills(kills: u64) -> Value {
    let mut body = proc_body(500_000, 3_800_000, 6_000_000, 1_000, 300_000, 0.0);
    body["cgroup"] = json!({"events": {"oom_kill": kills}});
    body
}

#[test]
fn a_sigkill_after_a_timeout_of_the_same_pid_is_the_arbiters() {
    let worker = killed(&[
        console_row(60.0, "[CRITICAL] WORKER TIMEOUT (pid:11)"),
        console_row(61.0, SIGKILL),
    ]);
    assert_eq!(worker.cause, KillCause::Heartbeat);
    assert!(worker.quotes[1].text.contains("WORKER TIMEOUT (pid:11)"));
}

#[test]
fn a_timeout_of_another_pid_or_of_long_ago_explains_nothing() {
    let another = killed(&[
        console_row(60.0, "[CRITICAL] WORKER TIMEOUT (pid:12)"),
        console_row(61.0, SIGKILL),
    ]);
    assert_eq!(another.cause, KillCause::Open);
    let long_ago = killed(&[
        console_row(40.0, "[CRITICAL] WORKER TIMEOUT (pid:11)"),
        console_row(61.0, SIGKILL),
    ]);
    assert_eq!(long_ago.cause, KillCause::Open);
}

#[test]
fn the_arbiters_own_attribution_counts() {
    let kernel = "[ERROR] Worker (pid:11) was killed by the kernel, out of memory: oom_kill of \
                  /sys/fs/cgroup went from 0 to 1";
    let worker = killed(&[console_row(61.0, SIGKILL), console_row(61.0, kernel)]);
    assert_eq!(worker.cause, KillCause::OutOfMemory);
    let arbiter = "[ERROR] Worker (pid:11) was killed by the arbiter, not by the kernel: it did \
                   not stop in time";
    let worker = killed(&[console_row(61.0, SIGKILL), console_row(61.0, arbiter)]);
    assert_eq!(worker.cause, KillCause::Arbiter);
}

#[test]
fn the_kernels_counter_decides_what_the_console_leaves_open() {
    let judged = |after: u64| {
        let bundle = memory_pressure()
            .json("baseline/diag-proc.json", with_oom_kills(2))
            .json("post/diag-proc.json", with_oom_kills(after))
            .table("console", &[console_row(61.0, SIGKILL)]);
        bundle.judge().killed_workers.remove(0)
    };
    assert_eq!(judged(3).cause, KillCause::OutOfMemory);
    let other = judged(2);
    assert_eq!(other.cause, KillCause::Open);
    assert!(other.because.contains("did not move"), "{}", other.because);
}
